/* SPDX-License-Identifier: MIT */
/*
 * What owners ask of their sockets: start, pause, close, adopt. They act at once, on the caller's
 * thread and under the socket's lock; epoll allows that. So one caller's commands keep their order
 * among themselves and with his sends, and no pipe to the loop is needed.
 */
#include "net/request.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/must.h"
#include "net/addr.h"
#include "net/connect.h"
#include "net/event.h"
#include "net/farewell.h"
#include "net/janitor.h"
#include "net/limits.h"
#include "net/sendq.h"
#include "net/socket.h"
#include "net/watch.h"

/* How often is looked whether all that close have closed. */
#define LOOK_NS (5 * NS_PER_MS)

/* Starts it. NULL and in *ret_text what CONNECT shall say (NULL: nothing yet); or why it cannot
 * be. */
static const char *activate(struct socket *s, const char **ret_text)
{
	*ret_text = "start";
	switch (s->state) {
	case STATE_PRELISTEN:
		s->state = STATE_LISTEN;
		return NULL;
	case STATE_PREACCEPT:
		s->state = STATE_OPEN;
		return NULL;
	case STATE_LISTEN:
	case STATE_OPEN:
		*ret_text = "transfer";
		return s->closing ? "invalid socket" : s->eof ? "socket closed" : NULL;
	case STATE_RESOLVING:
	case STATE_CONNECTING:
		/* only its new owner is noted; CONNECT comes when it is connected */
		*ret_text = NULL;
		return NULL;
	default:
		return "invalid socket";
	}
}

void net_start(uint32_t owner, int id)
{
	struct socket *s = socket_lock(id);
	const char *text, *why;

	must(owner);
	/* a C handler's socket is none of a service's business */
	if (!s || !s->owner) {
		if (s)
			socket_unlock(s);
		event_invalid(owner, id, "invalid socket");
		return;
	}
	why = activate(s, &text);
	if (why) {
		event_invalid(owner, id, why);
	} else {
		if (s->owner != owner)
			s->held = false; /* that was the wish of the one before */
		s->owner = owner;
		/* the lock keeps data behind CONNECT, so it may be watched before */
		s->reading = s->reading || text;
		watch_or_fail(s);
		if (text && s->state != STATE_FREE)
			event_open(s, 0, text);
	}
	socket_unlock(s);
}

int net_start_handler(int id, const struct net_handler *h, void *ud)
{
	struct socket *s = socket_lock(id);
	char text[ADDR_TEXT_MAX];
	int r = -1;

	must(h);
	if (!s)
		return -1;
	if (s->state == STATE_PREACCEPT) {
		s->owner = 0;
		s->handler = h;
		s->ud = ud;
		socket_to_main(s);
		s->nodelay = true;
		s->state = STATE_OPEN;
		connect_set_nodelay(s);
		event_open(s, 0, socket_address(s, true, text, sizeof(text)));
		s->reading = true;
		watch_or_fail(s);
		r = 0;
	}
	socket_unlock(s);
	return r;
}

void net_pause(uint32_t owner, int id)
{
	struct socket *s = socket_lock(id);

	if (!s)
		return;
	if (s->state == STATE_OPEN || s->state == STATE_LISTEN) {
		s->reading = false;
		watch_or_fail(s);
	}
	socket_unlock(s);
}

/* Writes what is left in the background, and hears the peer out: no events any more, and not for
 * ever. */
static void close_slowly(struct socket *s)
{
	s->closing = true;
	s->handler = NULL;
	s->closing_ns = s->closed_ns = clock_mono_ns();
	if (!sendq_empty(&s->out)) {
		if (s->state == STATE_OPEN)
			watch_or_fail(s);
		janitor_wake_in(0);
	} else if (!farewell_begin(s)) {
		socket_free(s);
	}
}

static void close_locked(struct socket *s)
{
	if (s->closing)
		return; /* it is on its way out */
	/* before the end is said: the owner hears of it no later than the peer */
	if (s->owner)
		event_close(s, 0, NULL);
	if (s->write_failed || s->state == STATE_FAILED ||
	    (sendq_empty(&s->out) && !farewell_say(s)))
		event_shutdown(s);
	else
		close_slowly(s);
}

static void close_socket(int id, bool speaking)
{
	struct socket *s = socket_lock(id);

	if (!s)
		return;
	s->speaking |= speaking;
	close_locked(s);
	socket_unlock(s);
}

void net_close(int id)
{
	close_socket(id, false);
}

void net_close_speaking(int id)
{
	close_socket(id, true);
}

void net_shutdown(int id)
{
	struct socket *s = socket_lock(id);

	if (!s)
		return;
	event_shutdown(s);
	socket_unlock(s);
}

void net_close_all(void)
{
	unsigned slot = 0;
	struct socket *s;

	while ((s = socket_next(&slot))) {
		if (s->owner && s->state == STATE_OPEN && !s->udp) {
			s->told_close = true;
			close_locked(s);
		}
		socket_unlock(s);
	}
}

static unsigned count_closing(void)
{
	unsigned slot = 0, n = 0;
	struct socket *s;

	while ((s = socket_next(&slot))) {
		n += s->closing;
		socket_unlock(s);
	}
	return n;
}

unsigned net_await_closed(uint64_t patience_ns)
{
	static const struct timespec pause = { .tv_nsec = LOOK_NS };
	uint64_t deadline = clock_mono_ns() + patience_ns;
	unsigned n;

	while ((n = count_closing()) && clock_mono_ns() < deadline)
		nanosleep(&pause, NULL);
	return n;
}

void net_nodelay(int id)
{
	struct socket *s = socket_lock(id);

	if (!s)
		return;
	s->nodelay = true;
	/* what a listener has set, the kernel sets on what it accepts */
	if (s->fd >= 0 && (s->state == STATE_OPEN || s->state == STATE_PREACCEPT ||
			   s->state == STATE_LISTEN || s->state == STATE_PRELISTEN))
		connect_set_nodelay(s);
	socket_unlock(s);
}

bool net_set_bound(int id, uint64_t bytes, enum net_policy policy)
{
	struct socket *s = socket_lock(id);

	must(policy <= NET_POLICY_KEEP);
	if (!s)
		return false;
	limits_set(&s->bound, bytes, policy);
	socket_unlock(s);
	return true;
}

bool net_bound(int id, uint64_t *ret_bytes, enum net_policy *ret_policy)
{
	struct socket *s = socket_lock(id);

	if (!s)
		return false;
	*ret_bytes = s->bound.limit;
	*ret_policy = s->bound.policy;
	socket_unlock(s);
	return true;
}

void net_set_limit(int id, uint64_t bytes)
{
	(void)net_set_bound(id, bytes, NET_POLICY_KEEP);
}

/* ---- adopting descriptors ---- */

static bool prepare_fd(int fd, bool *ret_is_socket, bool *ret_listens, sa_family_t *ret_family)
{
	int flags = fcntl(fd, F_GETFL), listens = 0, domain = AF_UNSPEC;
	socklen_t size = sizeof(int);
	struct stat st;

	if (flags < 0 || fstat(fd, &st) < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return false;
	*ret_is_socket = S_ISSOCK(st.st_mode);
	if (*ret_is_socket) {
		getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size);
		size = sizeof(int);
		getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
	}
	*ret_listens = listens != 0;
	*ret_family = (sa_family_t)domain;
	return true;
}

int net_bind(uint32_t owner, int fd)
{
	bool is_socket, listens;
	sa_family_t family;
	struct socket *s;
	int id;

	must(owner);
	if (!prepare_fd(fd, &is_socket, &listens, &family))
		return -1;
	s = socket_create(owner, NULL, NULL);
	if (!s)
		return -1;
	id = socket_id(s);
	s->fd = fd;
	socket_spread(s, SPREAD_CONNECTED);
	s->borrowed = true;
	s->is_socket = is_socket;
	s->family = family;
	s->state = STATE_OPEN;
	s->reading = true;
	if (watch(s) == 0) {
		event_open(s, 0, "binding");
	} else { /* a plain file cannot be waited for */
		event_error(s, "enable read failed");
		socket_free(s);
	}
	socket_unlock(s);
	return id;
}

int net_adopt_handler(const struct net_handler *h, void *ud, int fd)
{
	char text[ADDR_TEXT_MAX];
	bool is_socket, listens;
	sa_family_t family;
	struct addr a = { 0 };
	struct socket *s;
	int id;

	must(h);
	if (!prepare_fd(fd, &is_socket, &listens, &family))
		return -1;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	s = socket_create(0, h, ud);
	if (!s)
		return -1;
	id = socket_id(s);
	s->fd = fd;
	s->is_socket = is_socket;
	s->family = family;
	s->state = listens ? STATE_LISTEN : STATE_OPEN;
	if (listens)
		socket_own_address(s, &a);
	connect_set_options(s);
	event_open(s, addr_port(&a), socket_address(s, !listens, text, sizeof(text)));
	s->reading = true;
	watch_or_fail(s);
	socket_unlock(s);
	return id;
}

/* SPDX-License-Identifier: MIT */
/*
 * Connecting: the addresses of a name one after the other, until one answers.
 *
 * A numeric address starts on the caller's thread; a name goes to a resolver thread first, which
 * starts the connect when it has the addresses. Either way epoll says on the loop how it went, and
 * a failure goes on with the next address; the last one's error is what the owner hears.
 */
#include "net/connect.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/fault.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "net/addr.h"
#include "net/event.h"
#include "net/reserve.h"
#include "net/resolve.h"
#include "net/socket.h"
#include "net/tcp.h"
#include "net/watch.h"
#include "net/write.h"

/* error: an errno, or 0 when only `why` says it. */
static void fail(struct socket *s, int error, const char *why)
{
	/* the program that connects knows where to, and compares what the system says */
	if (s->owner && !s->closing)
		event_error(s, why);
	if (s->handler) {
		/* the id stays until on_close has been called with it */
		s->state = STATE_FAILED;
		event_close(s, error, why);
	} else {
		socket_free(s);
	}
}

static int try_address(struct socket *s, const struct addr *a)
{
	int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return errno;
	if (s->owner && reserve_is_held_back(fd)) {
		close(fd);
		return EMFILE;
	}
	if (a->any.sa_family != AF_UNIX)
		tcp_prepare(fd);
	r = fault(connect) ? fault_errno(ENETUNREACH) : connect(fd, &a->any, a->size);
	if (r < 0 && errno != EINPROGRESS && errno != EINTR) {
		r = errno;
		close(fd);
		return r;
	}
	s->fd = fd;
	s->family = a->any.sa_family;
	s->state = STATE_CONNECTING;
	/* also a connect that is done already is reported by the loop: writable */
	r = watch(s);
	if (r < 0) {
		close(fd);
		s->fd = -1;
	}
	return -r;
}

/* error: what the address before said. */
static void try_next(struct socket *s, int error)
{
	while (s->to->next < s->to->count) {
		error = try_address(s, &s->to->at[s->to->next++]);
		if (!error)
			return;
	}
	fail(s, error, strerror(error));
}

void connect_resolved(int id, const struct addr_text *t, struct addr_list *to_take, const char *why)
{
	struct socket *s = socket_lock(id);

	if (!s || s->state != STATE_RESOLVING) {
		mem_free(to_take);
	} else if (!to_take) {
		fail(s, 0, why);
	} else {
		s->to = to_take;
		try_next(s, EADDRNOTAVAIL);
	}
	if (s)
		socket_unlock(s);
}

static bool is_tcp(const struct socket *s)
{
	return s->family == AF_INET || s->family == AF_INET6;
}

void connect_set_nodelay(struct socket *s)
{
	lock_held(&s->lock);
	must(s->fd >= 0);
	/* it cannot fail on a TCP socket, and the connection works without it */
	if (s->nodelay && is_tcp(s))
		setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
}

void connect_set_options(struct socket *s)
{
	lock_held(&s->lock);
	must(s->fd >= 0);
	if (is_tcp(s))
		tcp_connected(s->fd);
	connect_set_nodelay(s);
}

void connect_ready(struct socket *s)
{
	char peer[ADDR_TEXT_MAX];
	int error = 0;
	socklen_t size = sizeof(error);

	lock_held(&s->lock);
	must(s->state == STATE_CONNECTING && s->to);
	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	if (error) {
		close(s->fd);
		s->fd = -1;
		s->events = 0;
		try_next(s, error);
		return;
	}
	mem_free(steal(s->to));
	s->state = STATE_OPEN;
	connect_set_options(s);
	event_open(s, 0, socket_address(s, false, peer, sizeof(peer)));
	s->reading = true;
	write_ready(s);
}

static int start(uint32_t owner, const struct net_handler *h, void *ud, const char *host, int port)
{
	struct addr_text t;
	struct addr a;
	struct socket *s;
	bool numeric;
	int id;

	if (addr_split(host, port, &t) || (!t.is_unix && t.port == 0))
		return -1;
	numeric = addr_numeric(&t, &a);
	s = socket_create(owner, h, ud);
	if (!s)
		return -1;
	id = socket_id(s);
	if (owner)
		socket_spread(s, SPREAD_CONNECTED);
	if (numeric) {
		s->to = mem_zalloc(sizeof(*s->to) + sizeof(a));
		s->to->count = 1;
		s->to->at[0] = a;
		try_next(s, 0);
	} else {
		s->state = STATE_RESOLVING;
	}
	socket_unlock(s);
	if (!numeric) {
		int r = resolve_start(&t, connect_resolved, id);

		if (r < 0)
			connect_resolved(id, &t, NULL, strerror(-r));
	}
	return id;
}

int net_connect(uint32_t owner, const char *host, int port)
{
	must(owner);
	return start(owner, NULL, NULL, host, port);
}

int net_connect_handler(const struct net_handler *h, void *ud, const char *host, int port)
{
	must(h);
	return start(0, h, ud, host, port);
}

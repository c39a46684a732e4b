/* SPDX-License-Identifier: MIT */
/*
 * Listening and accepting.
 *
 * When descriptors run out, a pending connection would make the listener readable for ever. One
 * descriptor is held back for that (reserve.c): it is given up, the connection is accepted,
 * closed at once (so the client learns it) and the descriptor taken back. When even that fails
 * the listener rests for JANITOR_BACKOFF_NS. The control socket's connections get one that is
 * kept for them.
 */
#include "net/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/fault.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "net/addr.h"
#include "net/connect.h"
#include "net/event.h"
#include "net/janitor.h"
#include "net/limits.h"
#include "net/inherit.h"
#include "net/poller.h"
#include "net/proxy.h"
#include "net/reserve.h"
#include "net/resolve.h"
#include "net/socket.h"
#include "net/unixpath.h"
#include "net/watch.h"

#define ACCEPT_TURN 64
#define COMPLAIN_NS NS_PER_SEC

/* How to listen, besides where. */
struct manner {
	int backlog;
	bool shared; /* others may listen there too: the kernel spreads connections among them */
	char name[INHERIT_NAME_MAX]; /* its name in inherit.h, "" = none */
};

#define SYSTEMD "systemd:"

static int bind_fd(int fd, const struct addr *a, const struct manner *how, bool may_take_over)
{
	if (a->any.sa_family != AF_UNIX) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
		if (how->shared &&
		    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &(int){ 1 }, sizeof(int)) < 0)
			return -1;
		return bind(fd, &a->any, a->size);
	}
	if (bind(fd, &a->any, a->size) == 0)
		return 0;
	if (errno != EADDRINUSE || !a->un.sun_path[0])
		return -1;
	if (!may_take_over || !unixpath_is_stale(a)) {
		errno = EADDRINUSE;
		return -1;
	}
	unlink(a->un.sun_path);
	return bind(fd, &a->any, a->size);
}

static int fresh_fd(const struct addr *a, const struct manner *how)
{
	bool in_folder = a->any.sa_family == AF_UNIX && a->un.sun_path[0];
	int lock = in_folder ? unixpath_lock(a->un.sun_path) : -1;
	int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), r = fd;

	if (fd < 0 || bind_fd(fd, a, how, lock >= 0) < 0 || listen(fd, how->backlog) < 0)
		r = -errno;
	if (r < 0 && fd >= 0)
		close(fd);
	if (lock >= 0)
		close(lock);
	return r;
}

/* One that the last life left is as good as a fresh one, and has connections waiting. */
static int listen_fd(const struct addr *a, const struct manner *how)
{
	int fd = *how->name ? inherit_take_listener(how->name, a) : -1;

	if (fd < 0)
		return fresh_fd(a, how);
	if (listen(fd, how->backlog) == 0)
		return fd;
	close(fd);
	return -errno;
}

/* Returns a descriptor, or -errno and in *ret_why what getaddrinfo says about it (NULL:
 * nothing). */
static int listen_text(const struct addr_text *t, const struct manner *how, const char **ret_why)
{
	cleanup(mem_freep) struct addr_list *list = NULL;
	struct addr a;
	int fd = -EADDRNOTAVAIL;

	*ret_why = NULL;
	if (addr_numeric(t, &a))
		return listen_fd(&a, how);
	*ret_why = resolve_list(t, true, &list);
	for (unsigned i = 0; fd < 0 && list && i < list->count; i++)
		fd = listen_fd(&list->at[i], how);
	return fd;
}

/* Opens what shall listen, and notes its name if it has one. Returns as listen_text. */
static int open_listener(uint32_t owner, const char *host, int port, struct manner *how,
			 struct addr_text *t, const char **ret_why)
{
	bool of_manager = owner && strncmp(host, SYSTEMD, strlen(SYSTEMD)) == 0;

	*t = (struct addr_text){ 0 };
	if (of_manager) {
		snprintf(how->name, sizeof(how->name), "%s", host);
		return inherit_listener(host + strlen(SYSTEMD), ret_why);
	}
	*ret_why = addr_split(host, port, t);
	if (*ret_why)
		return -EINVAL;
	if (!owner || how->shared || t->is_unix || !inherit_name(t->host, t->port, how->name))
		how->name[0] = 0;
	return listen_text(t, how, ret_why);
}

/* Returns error. */
static int refuse(struct net_error *ret, const char *host, int port, int error, const char *why)
{
	char where[ADDR_HOST_MAX + 16];

	if (ret)
		snprintf(ret->text, sizeof(ret->text), "listen %s: %s",
			 addr_describe(host, port, where, sizeof(where)),
			 why ? why : strerror(-error));
	return error;
}

static int start_listen(uint32_t owner, const struct net_handler *h, void *ud, const char *host,
			int port, struct manner *how, struct net_error *ret_error)
{
	struct addr_text t;
	const char *why;
	int fd = open_listener(owner, host, port, how, &t, &why);
	char text[ADDR_TEXT_MAX];
	struct addr a = { 0 };
	struct socket *s;
	int id;

	if (fd < 0)
		return refuse(ret_error, host, port, fd, why);
	s = socket_create(owner, h, ud);
	if (!s) {
		close(fd);
		return refuse(ret_error, host, port, -ENFILE, "too many sockets");
	}
	id = socket_id(s);
	s->fd = fd;
	s->state = h ? STATE_LISTEN : STATE_PRELISTEN;
	if (owner)
		socket_spread(s, SPREAD_LISTENER);
	socket_own_address(s, &a);
	s->family = a.any.sa_family;
	connect_set_options(s);
	if (t.is_unix)
		unixpath_remember(&s->path, t.host);
	if (*how->name)
		s->stored = mem_strdup(how->name);
	if (*how->name && strncmp(how->name, SYSTEMD, strlen(SYSTEMD)) != 0)
		(void)inherit_put(how->name, fd);
	event_open(s, addr_port(&a), addr_format_ip(&a, text, sizeof(text)));
	s->reading = h != NULL;
	watch_or_fail(s);
	socket_unlock(s);
	return id;
}

int net_listen(uint32_t owner, const char *host, int port, int backlog, struct net_error *ret_error)
{
	must(owner);
	return start_listen(owner, NULL, NULL, host, port, &(struct manner){ .backlog = backlog },
			    ret_error);
}

int net_listen_shared(uint32_t owner, const char *host, int port, int backlog,
		      struct net_error *ret_error)
{
	must(owner);
	return start_listen(owner, NULL, NULL, host, port,
			    &(struct manner){ .backlog = backlog, .shared = true }, ret_error);
}

int net_listen_handler(const struct net_handler *h, void *ud, const char *host, int port,
		       int backlog, struct net_error *ret_error)
{
	must(h);
	return start_listen(0, h, ud, host, port, &(struct manner){ .backlog = backlog },
			    ret_error);
}

/* A socket that is bound and does not listen keeps nobody from listening (SO_REUSEADDR). */
static int try_address(const struct addr *a)
{
	int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), r = 0;

	if (fd < 0 || bind_fd(fd, a, &(struct manner){ 0 }, false) < 0)
		r = -errno;
	if (fd >= 0)
		close(fd);
	return r;
}

static int try_text(const struct addr_text *t, const char **ret_why)
{
	cleanup(mem_freep) struct addr_list *list = NULL;
	char name[INHERIT_NAME_MAX];
	int r = -EADDRNOTAVAIL;
	struct addr a;

	if (inherit_name(t->host, t->port, name) && inherit_has(name))
		return 0; /* it is ours, of the last life */
	if (addr_numeric(t, &a))
		return try_address(&a);
	*ret_why = resolve_list(t, true, &list);
	for (unsigned i = 0; r < 0 && list && i < list->count; i++)
		r = try_address(&list->at[i]);
	return r;
}

int net_listen_try(const char *host, int port, struct net_error *ret_error)
{
	struct addr_text t;
	const char *why = addr_split(host, port, &t);
	int r = why ? -EINVAL : t.is_unix ? -EAFNOSUPPORT : try_text(&t, &why);

	if (r < 0)
		snprintf(ret_error->text, sizeof(ret_error->text), "%s", why ? why : strerror(-r));
	return r;
}

/* ---- accepting ---- */

static void rest(struct socket *s)
{
	s->backoff = true;
	watch_or_fail(s);
	janitor_wake_in(JANITOR_BACKOFF_NS);
}

/* A flood of connections must not become one of messages: the owner hears of it once in a while. */
static void complain(struct socket *s, int error)
{
	uint64_t now = clock_mono_ns();

	if (s->complained_ns && now - s->complained_ns < COMPLAIN_NS)
		return;
	s->complained_ns = now;
	watch_failed(s, strerror(error));
}

/* Closes the connection that waits, with the descriptor that is held back for that. */
static void turn_away(struct socket *s)
{
	int fd;

	reserve_give_up();
	fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0) {
		close(fd);
		limits_count_accept_refused();
	}
	/* another thread may have been quicker to take the descriptor */
	if (!reserve_take() || fd < 0)
		rest(s);
}

/* true: there may be more connections waiting. */
static bool accept_failed(struct socket *s, int error)
{

	switch (error) {
	case EAGAIN:
		return false;
	case EINTR:
	case ECONNABORTED:
	case EPROTO:
		return true;
	case EMFILE:
	case ENFILE:
		complain(s, error);
		if (s->keeps)
			rest(s); /* its turn comes when another connection ends */
		else
			turn_away(s);
		return false;
	default:
		complain(s, error);
		rest(s);
		return false;
	}
}

void net_keep_descriptors(int listener)
{
	struct socket *s = socket_lock(listener);

	if (!s)
		return;
	s->keeps = true;
	(void)reserve_keep();
	socket_unlock(s);
}

void net_accept_always(int listener)
{
	struct socket *s = socket_lock(listener);

	if (!s)
		return;
	s->steady = true;
	socket_unlock(s);
}

/* What a connection has from its listener. */
struct heritage {
	uint32_t owner;
	struct bound bound;
	uint32_t window;
	bool passes;
	bool proxied; /* its header comes first */
};

static struct heritage heritage_of(const struct socket *s)
{
	return (struct heritage){
		.owner = s->owner,
		.bound = s->bound,
		/* relaxed: a number */
		.window = atomic_load_explicit(&s->window, memory_order_relaxed),
		.passes = s->passes,
		.proxied = s->allow != NULL,
	};
}

static struct socket *adopt_accepted(int fd, const struct addr *peer, const struct heritage *from)
{
	struct socket *s = socket_create(from->owner, NULL, NULL);

	if (!s) {
		close(fd);
		return NULL;
	}
	s->fd = fd;
	s->state = STATE_PREACCEPT;
	if (from->owner)
		socket_spread(s, SPREAD_ACCEPTED);
	s->family = peer->any.sa_family;
	limits_set(&s->bound, from->bound.limit, from->bound.policy);
	/* relaxed: a number */
	atomic_store_explicit(&s->window, from->window, memory_order_relaxed);
	s->passes = from->passes;
	return s;
}

int listen_resume(int listener, int fd, char ret_from[ADDR_TEXT_MAX])
{
	struct addr peer = { .size = sizeof(peer.storage) };
	struct socket *s = socket_lock(listener);
	struct heritage heritage;
	int id;

	if (!s || getpeername(fd, &peer.any, &peer.size) < 0) {
		if (s)
			socket_unlock(s);
		close(fd);
		return -1;
	}
	heritage = heritage_of(s);
	socket_unlock(s); /* one socket's lock at a time */
	s = adopt_accepted(fd, &peer, &heritage);
	if (!s)
		return -1;
	addr_format(&peer, ret_from, ADDR_TEXT_MAX);
	id = socket_id(s);
	socket_unlock(s);
	return id;
}

static void drop(int id)
{
	struct socket *s = socket_lock(id);

	if (s) {
		socket_free(s);
		socket_unlock(s);
	}
}

/* Tells the listener's owner. No lock: the listener may have been closed in the meantime. */
static bool announce(int id, int new_id, const char *peer)
{
	struct socket *s = socket_lock(id);
	const struct net_handler *h;
	void *ud;
	bool ok;

	if (!s)
		return false;
	h = s->handler;
	ud = s->ud;
	if (s->owner) {
		ok = event_accept(s, new_id, peer);
		socket_unlock(s);
		return ok;
	}
	socket_unlock(s);
	if (!h || !h->on_accept)
		return false;
	h->on_accept(ud, id, new_id, peer);
	return true;
}

/* A connection is there: accept needs a descriptor before it looks. */
static bool waits(const struct socket *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLIN };

	return fault(accept) || poll(&p, 1, 0) > 0;
}

/* A descriptor or -errno. */
static int accept_fd(const struct socket *s, struct addr *ret_peer)
{
	int fd = accept4(s->fd, &ret_peer->any, &ret_peer->size, SOCK_NONBLOCK | SOCK_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* The next connection, or -errno. *ret_kept: with a descriptor that is kept for it. */
static int next_connection(struct socket *s, struct addr *ret_peer, bool *ret_kept)
{
	int fd = fault(accept) ? -EMFILE : accept_fd(s, ret_peer);

	*ret_kept = false;
	if (fd >= 0 && s->keeps)
		(void)reserve_keep(); /* one that could not be taken back before */
	if (fd >= 0 && s->owner && reserve_is_held_back(fd)) {
		close(fd);
		limits_count_accept_refused();
		complain(s, EMFILE);
		return -ECONNABORTED; /* and on with the next */
	}
	if (fd != -EMFILE && fd != -ENFILE)
		return fd;
	if (!waits(s))
		return -EAGAIN;
	if (!s->keeps || !reserve_give_up_kept())
		return fd;
	fd = accept_fd(s, ret_peer);
	*ret_kept = fd >= 0;
	if (fd < 0)
		(void)reserve_keep();
	return fd;
}

static atomic_bool refuses; /* connections to services */

void net_stop_accepting(void)
{
	unsigned slot = 0;
	struct socket *s;

	while ((s = socket_next(&slot))) {
		bool listens = s->owner &&
			       (s->state == STATE_LISTEN || s->state == STATE_PRELISTEN);

		s->reading = s->reading && !(listens && s->stored);
		if (listens && s->stored && s->state == STATE_LISTEN)
			watch_or_fail(s);
		else if (listens && !s->stored)
			event_shutdown(s);
		socket_unlock(s);
	}
}

void net_refuse_clients(bool on)
{
	atomic_store_explicit(&refuses, on, memory_order_relaxed);
}

static bool accept_one(int id)
{
	struct addr peer = { .size = sizeof(peer.storage) };
	struct socket *s = socket_lock(id), *n;
	bool kept;
	char text[ADDR_TEXT_MAX];
	struct heritage heritage;
	bool admitted;
	int fd, new_id;

	if (!s)
		return false;
	if (s->state != STATE_LISTEN || !s->reading || s->backoff) {
		socket_unlock(s);
		return false;
	}
	if (fault(loop_stands))
		for (;;)
			pause();
	fd = next_connection(s, &peer, &kept);
	if (fd < 0) {
		bool more = accept_failed(s, -fd);

		socket_unlock(s);
		return more;
	}
	s->read_bytes++;
	s->read_ns = clock_mono_ns();
	heritage = heritage_of(s);
	/* relaxed: a lone value */
	admitted = proxy_admits(s, &peer) &&
		   !(s->owner && !s->steady &&
		     atomic_load_explicit(&refuses, memory_order_relaxed));
	socket_unlock(s); /* one socket's lock at a time */

	if (!admitted) {
		close(fd);
		return true;
	}
	n = adopt_accepted(fd, &peer, &heritage);
	if (!n) {
		if (heritage.owner)
			event_invalid(heritage.owner, id, "reach skynet socket number limit");
		return true;
	}
	n->kept = kept;
	new_id = socket_id(n);
	if (heritage.proxied) {
		uint64_t late_ns = proxy_await(n, id);

		socket_unlock(n);
		janitor_wake_in(late_ns);
		return true;
	}
	addr_format(&peer, text, sizeof(text));
	socket_unlock(n);
	if (!announce(id, new_id, text))
		drop(new_id);
	return true;
}

void accept_header(struct socket *s)
{
	int id = socket_id(s), listener = proxy_ready(s);
	char text[ADDR_TEXT_MAX];

	if (listener)
		socket_address(s, true, text, sizeof(text));
	socket_unlock(s);
	if (listener && !announce(listener, id, text))
		drop(id);
}

void accept_ready(int id)
{
	for (int i = 0; i < ACCEPT_TURN; i++)
		if (!accept_one(id))
			return;
}

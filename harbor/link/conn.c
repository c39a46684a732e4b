/* SPDX-License-Identifier: MIT */
/* The handler data of a socket is the struct conn. It is freed by a closure on the loop, for its
 * stream may be on the stack when it ends. */
#include "harbor/link/conn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/log/log.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "harbor/link/flush.h"
#include "harbor/link/link.h"
#include "harbor/link/refusals.h"
#include "harbor/protocol/peer.h"
#include "harbor/secure/secure.h"
#include "net/connect.h"
#include "net/listen.h"
#include "net/net.h"
#include "net/post.h"
#include "net/request.h"
#include "net/write.h"

/* 255 nodes that start together connect within one turn of a loop; the kernel's limit is
 * net.core.somaxconn. */
#define BACKLOG 1024
#define BUCKETS 512u
/* Less than PEER_HANDSHAKE_NS: who waits to be named is told that he was not. */
#define KEEP_NS (3 * NS_PER_SEC)

static struct {
	const struct conn_ops *ops;
	struct lock *lock;
	struct conn *all; /* the newest first */
	unsigned total;
	uint64_t due_ns; /* no handshake is over before */
	struct conn *by_id[BUCKETS];
	bool deaf; /* no connection is accepted any more */
	int listeners[2];
	struct conn_count count;
} C;

static const struct net_seal seal = { .seal = secure_seal };

static void on_frame(void *ud, const struct wire_control *f)
{
	struct conn *c = ud;

	lock_take(C.lock);
	if (!c->closed)
		C.ops->frame(c, f);
	lock_release(C.lock);
}

/* Without the lock: the data plane shares nothing with the control plane but the link. */
static void on_message(void *ud, struct msg *m)
{
	struct conn *c = ud;

	link_received(link_find(c->node), m);
}

/* Without the lock, too, unless there is something to say. */
static void on_ack(void *ud, uint64_t count)
{
	struct wire_control f = { .kind = WIRE_ACK, .count = count };
	struct conn *c = ud;

	if (!c->in.in || !flush_acknowledged(link_find(c->node), count))
		on_frame(c, &f);
}

static void add(struct conn *c)
{
	c->next = C.all;
	c->prev = &C.all;
	if (c->next)
		c->next->prev = &c->next;
	C.all = c;
	C.total++;
}

/* Its next stays, for who walks over all. */
static void drop(struct conn *c)
{
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	C.total--;
}

static void set_deadline(struct conn *c, uint64_t wait_ns)
{
	c->deadline_ns = clock_mono_ns() + wait_ns;
	if (c->deadline_ns < C.due_ns)
		C.due_ns = c->deadline_ns;
}

static struct conn *create(enum conn_role role)
{
	struct conn *c = mem_zalloc(sizeof(*c));

	c->role = role;
	c->in = (struct stream){
		.on_control = on_frame, .on_message = on_message, .on_ack = on_ack, .ud = c
	};
	if (secure_on())
		c->secure = secure_create(role == ROLE_LINK || role == ROLE_MASTER);
	add(c);
	return c;
}

static void set_id(struct conn *c, int id)
{
	struct conn **bucket = &C.by_id[(unsigned)id % BUCKETS];

	c->id = id;
	c->same = *bucket;
	*bucket = c;
}

/* One that has no id yet is not in there. */
static void drop_id(struct conn *c)
{
	struct conn **p = &C.by_id[(unsigned)c->id % BUCKETS];

	while (*p && *p != c)
		p = &(*p)->same;
	if (*p)
		*p = c->same;
}

static void free_conn(void *arg)
{
	struct conn *c = arg;

	mem_free(c->hello);
	stream_fini(&c->in);
	secure_destroy(c->secure);
	mem_free(c->address);
	mem_free(c->peer);
	mem_free(c->from);
	mem_free(c);
}

static bool is_stranger(const struct conn *c)
{
	return c->role == ROLE_STRANGER || c->role == ROLE_CALLER;
}

/* What TLS has to say by itself. */
static void write_own(struct conn *c)
{
	(void)net_sendv(c->id, NULL, 0);
}

/* close: net_close, or net_shutdown, which drops what waits. */
static void end_by(struct conn *c, void (*close)(int id))
{
	if (c->closed)
		return;
	c->closed = c->in.dead = true;
	C.count.handshakes += c->secure && !c->proven && (c->peer || is_stranger(c));
	drop(c);
	drop_id(c);
	close(c->id);
	net_post(free_conn, c);
}

static void end(struct conn *c)
{
	if (c->secure && !c->closed) {
		secure_end(c->secure);
		write_own(c);
	}
	end_by(c, net_close);
}

struct conn *conn_find(int id)
{
	lock_held(C.lock);
	for (struct conn *c = C.by_id[(unsigned)id % BUCKETS]; c; c = c->same)
		if (c->id == id)
			return c;
	return NULL;
}

void conn_keep(struct conn *c, const struct wire_control *hello)
{
	lock_held(C.lock);
	if (!c->hello) {
		c->hello = mem_alloc(sizeof(*c->hello));
		set_deadline(c, KEEP_NS);
	}
	if (c->hello != hello)
		*c->hello = *hello;
}

void conn_again(unsigned node, void (*f)(struct conn *c, const struct wire_control *hello))
{
	lock_held(C.lock);
	/* what f closes is freed by a closure, so the way on from it stays */
	for (struct conn *c = C.all; c; c = c->next)
		if (!c->closed && c->role == ROLE_STRANGER && c->hello && c->hello->id == node) {
			f(c, c->hello);
			if (c->role != ROLE_STRANGER)
				mem_free(steal(c->hello));
		}
}

void conn_close(int id)
{
	struct conn *c = conn_find(id);

	if (c)
		end(c);
}

void conn_abort(int id)
{
	struct conn *c = conn_find(id);

	if (c)
		end_by(c, net_shutdown);
}

/* While nodes come, restart and leave one may know of the other what that does not yet, or not any
 * more, know itself: nothing is wrong unless it lasts. */
static bool is_ordinary(const char *why)
{
	return strcmp(why, PEER_NOT_NAMED) == 0 || strcmp(why, PEER_NOT_HERE) == 0;
}

void conn_refuse(struct conn *c, enum log_event event, const char *why)
{
	uint64_t now = clock_mono_ns();
	bool lasts = refusals_last(why, now);

	C.count.refused++;
	if (refusals_may_tell(why, now))
		log_writef(&(const struct log_about){ LOG_HERE, .event = event, .peer = c->from },
			   lasts || !is_ordinary(why) ? event_level(event) : LOG_LEVEL_INFO, 0,
			   "harbor: connection from %s refused: %s (%llu so far)",
			   c->from ? c->from : "here", why, (unsigned long long)C.count.refused);
	end(c);
}

/* ---- the socket's handler ---- */

/* It breaks from here, with the reason that its kind has. */
static void break_off(struct conn *c, const char *of_stranger, const char *of_ours)
{
	lock_take(C.lock);
	if (c->closed) {
		; /* it is done */
	} else if (is_stranger(c)) {
		conn_refuse(c, LOG_EVENT_node_refused, of_stranger);
	} else {
		C.ops->lost(c, false, of_ours);
		end(c);
	}
	lock_release(C.lock);
}

/* The other end speaks TLS, if these are the first bytes of its first record. */
static bool is_tls(const struct conn *c, const uint8_t *p, size_t n)
{
	return !c->in.greeted && n >= 3 && (p[0] == 0x15 || p[0] == 0x16) && p[1] == 3;
}

/* Bytes of frames. */
static void take(struct conn *c, const uint8_t *p, size_t n)
{
	static const char encrypted[] = "its links are encrypted, and this node has no "
					"cluster.key_file";

	if (stream_input(&c->in, p, n))
		return;
	if (!c->secure && is_tls(c, p, n))
		break_off(c, encrypted, encrypted);
	else
		break_off(c, "these bytes are not of a harbor", "it sent bytes that are no frame");
}

static void opened(struct conn *c)
{
	lock_take(C.lock);
	if (!c->closed && !is_stranger(c))
		C.ops->open(c, c->peer);
	lock_release(C.lock);
	mem_free(steal(c->peer));
}

/* Bytes of TLS, maybe none. */
static void take_sealed(struct conn *c, const uint8_t *p, size_t n)
{
	struct secure_input io = { .bytes = p, .size = n };
	enum secure_event e = SECURE_PLAIN;

	while (e != SECURE_MORE && !c->closed) {
		e = secure_input(c->secure, &io);
		if (io.wants_write)
			write_own(c);
		switch (e) {
		case SECURE_MORE:
			break;
		case SECURE_READY:
			c->proven = true;
			opened(c);
			break;
		case SECURE_PLAIN:
			take(c, io.plain, io.plain_size);
			break;
		case SECURE_ENDED:
			break_off(c, "it has ended", "the connection was closed");
			break;
		case SECURE_BAD:
			break_off(c, secure_why(c->secure), secure_why(c->secure));
			break;
		}
	}
}

static void on_data(void *ud, int id, const void *data, size_t n)
{
	struct conn *c = ud;

	(void)id;
	if (c->closed)
		return;
	if (c->secure)
		take_sealed(c, data, n);
	else
		take(c, data, n);
	if (!c->closed)
		C.ops->heard(c);
}

static void on_open(void *ud, int id, const char *text, int port)
{
	struct conn *c = ud;

	(void)id;
	(void)port;
	if (c->closed || is_stranger(c))
		return;
	c->peer = mem_strdup(text);
	if (!c->secure) {
		opened(c);
		return;
	}
	lock_take(C.lock);
	C.ops->reached(c);
	lock_release(C.lock);
	take_sealed(c, NULL, 0);
}

static const char *loss_text(const struct conn *c)
{
	if (!c->secure || c->proven)
		return "the connection was closed";
	return "the other end broke off the handshake: are its links encrypted, with the same "
	       "cluster.key_file?";
}

static void on_close(void *ud, int id, int error, const char *why)
{
	struct conn *c = ud;

	(void)id;
	lock_take(C.lock);
	if (!c->closed) {
		C.ops->lost(c, error == ECONNREFUSED, why ? why : loss_text(c));
		end(c);
	}
	lock_release(C.lock);
}

static void on_drain(void *ud, int id)
{
	struct conn *c = ud;

	(void)id;
	if (!c->closed && c->role == ROLE_LINK)
		C.ops->drained(c);
}

static const struct net_handler handler = {
	.purpose = "link",
	.on_data = on_data,
	.on_open = on_open,
	.on_close = on_close,
	.on_drain = on_drain,
};

/* Hosts, a few of which may share a place. */
static unsigned place_of(const struct conn *c)
{
	const char *port = c->from ? strrchr(c->from, ':') : NULL;

	return port ? hash32(HASH32_START, c->from, (size_t)(port - c->from)) % BUCKETS : 0;
}

/* A crowd from one host takes the place of its own, not of others'. */
static void bound_strangers(void)
{
	unsigned from[BUCKETS] = { 0 }, count = 0, most = 0, place;
	struct conn *oldest = NULL;

	if (C.total <= CONN_STRANGERS_MAX)
		return;
	for (struct conn *c = C.all; c; c = c->next) {
		if (!is_stranger(c))
			continue;
		place = place_of(c);
		count++;
		most = ++from[place] > from[most] ? place : most;
	}
	if (count <= CONN_STRANGERS_MAX)
		return;
	for (struct conn *c = C.all; c; c = c->next) /* the newest stand first */
		if (is_stranger(c) && place_of(c) == most)
			oldest = c;
	conn_refuse(oldest, LOG_EVENT_node_refused, "too many have not said who they are");
}

/* From now on what we write to it is encrypted. Returns false when that cannot be. */
static bool protect(struct conn *c)
{
	if (c->secure)
		net_set_seal(c->id, &seal, c->secure);
	return c->secure || !secure_on();
}

static void on_accept(void *ud, int id, int new_id, const char *peer)
{
	struct conn *c;

	(void)id;
	lock_take(C.lock);
	c = create(ud ? ROLE_CALLER : ROLE_STRANGER);
	set_deadline(c, PEER_HANDSHAKE_NS);
	c->from = mem_strdup(peer);
	set_id(c, new_id);
	C.count.accepted += !ud;
	net_set_limit(new_id, FLUSH_CONTROL_MAX);
	if (C.deaf || !protect(c) || net_start_handler(new_id, &handler, c) < 0)
		end(c);
	bound_strangers();
	lock_release(C.lock);
	C.ops->accepted(); /* its handshake has a deadline */
}

static const struct net_handler listener = { .purpose = "link", .on_accept = on_accept };

/* ---- verbs ---- */

void conn_init(const struct conn_ops *ops, struct lock *lock)
{
	must(ops && lock);
	C.ops = ops;
	C.lock = lock;
	C.deaf = false;
	C.due_ns = UINT64_MAX;
}

int conn_listen(const char *address, bool for_master, char **ret_error)
{
	struct net_error error;
	int id = net_listen_handler(&listener, for_master ? &C : NULL, address, -1, BACKLOG,
				    &error);

	if (id > 0) {
		C.listeners[for_master] = id;
		return id;
	}
	*ret_error = mem_strdup(error.text);
	return id == -EACCES ? -EACCES : -EADDRINUSE;
}

int conn_connect(const char *address, enum conn_role role, unsigned node)
{
	struct conn *c = create(role);

	must(role == ROLE_MASTER || (role == ROLE_LINK && node >= 1 && node <= 255));
	lock_held(C.lock);
	c->node = node;
	c->address = mem_strdup(address); /* no deadline: the state machines watch these */
	c->id = net_connect_handler(&handler, c, address, -1);
	if (c->id < 0 || !protect(c)) {
		end_by(c, net_shutdown);
		return -1;
	}
	set_id(c, c->id);
	return c->id;
}

void conn_write_bytes(int id, const uint8_t *bytes, size_t n)
{
	struct iovec iov = { (void *)(uintptr_t)bytes, n };

	/* A socket that is gone or full beyond its limit: heartbeats notice, and on_close. */
	(void)net_sendv(id, &iov, 1);
}

void conn_write(int id, const struct wire_control *c)
{
	uint8_t frame[WIRE_CONTROL_MAX];

	if (flush_takes_control(id))
		conn_write_bytes(id, frame, wire_encode(frame, c));
}

bool conn_names_node(const struct conn *c, const char *name, const char **ret_why)
{
	*ret_why = "its certificate is not of the node that it says it is";
	return !c->secure || secure_names_node(c->secure, name);
}

bool conn_names_host(const struct conn *c, const char *host, const char **ret_why)
{
	*ret_why = "its certificate is not of the master's host";
	return !c->secure || secure_names_host(c->secure, host);
}

void conn_check_again(void)
{
	char why[SECURE_WHY_MAX];

	lock_held(C.lock);
	for (struct conn *c = C.all, *after; c; c = after) {
		after = c->next;
		if (c->closed)
			continue;
		if (c->secure ? secure_holds(c->secure, why) : !secure_on())
			continue;
		C.ops->lost(c, false, c->secure ? why : "links are encrypted from now on");
		end(c);
	}
}

struct conn_count conn_count(void)
{
	lock_held(C.lock);
	return C.count;
}

static void give_up(struct conn *c)
{
	struct wire_control out = { .kind = WIRE_REFUSE, .code = WIRE_NOT_HERE };

	memcpy(out.text, PEER_NOT_NAMED, sizeof(PEER_NOT_NAMED));
	if (c->hello)
		conn_write(c->id, &out);
	conn_refuse(c, LOG_EVENT_node_refused,
		    c->hello ? PEER_NOT_NAMED : "the handshake took too long");
}

uint64_t conn_tick(uint64_t now)
{
	lock_held(C.lock);
	if (now < C.due_ns)
		return C.due_ns;
	C.due_ns = UINT64_MAX;
	for (struct conn *c = C.all, *after; c; c = after) {
		after = c->next;
		if (!c->deadline_ns)
			continue;
		if (now >= c->deadline_ns)
			give_up(c);
		else if (c->deadline_ns < C.due_ns)
			C.due_ns = c->deadline_ns;
	}
	return C.due_ns;
}

bool conn_all_sent(void)
{
	for (struct conn *c = C.all; c; c = c->next)
		if (net_queued(c->id))
			return false;
	return true;
}

void conn_stop_listening(void)
{
	C.deaf = true;
	for (unsigned i = 0; i < 2; i++)
		if (C.listeners[i] > 0)
			net_close(C.listeners[i]);
	memset(C.listeners, 0, sizeof(C.listeners));
}

void conn_fini(void)
{
	while (C.all) {
		struct conn *c = C.all;

		drop(c);
		free_conn(c);
	}
}

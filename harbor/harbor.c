/* SPDX-License-Identifier: MIT */
/* The control plane: this node's membership and its links. Runs on the net loop, under one lock that only
 * snapshots for operators share. Workers reach it by net_post; the data plane (link.c) passes it by.
 *
 * Of a pair of nodes the one with the smaller harbor id connects: a fixed direction cannot tie. Both say HELLO;
 * the accepting side answers WELCOME; then the link is up. A link that breaks fails the requests that wait
 * on it; while the master calls the node up, it is tried again with growing pauses.
 */
#include "harbor/harbor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/names.h"
#include "core/remote.h"
#include "core/service.h"
#include "harbor/directory.h"
#include "harbor/link.h"
#include "harbor/master.h"
#include "net/net.h"

#define BACKOFF_MIN_NS (100 * NS_PER_MS)
#define BACKOFF_MAX_NS (2 * NS_PER_SEC)
#define HANDSHAKE_NS (5 * NS_PER_SEC)

/* A connection that is not (yet) a link: a handshake, a member of our master, ourselves at the master. */
enum role { ROLE_ACCEPTED, ROLE_MEMBER, ROLE_AT_MASTER, ROLE_LINK };

struct conn {
	struct conn *next;
	int id;
	enum role role;
	bool from_master_port;
	unsigned node;           /* ROLE_LINK */
	struct stream in;
	uint64_t began_ns;
	bool closed;
};

/* A registration or release until the master answered; kept over a reconnect. */
struct request {
	struct request *next;
	uint32_t id, from, handle;
	int32_t session;
	bool release;
	char name[16];
};

/* A service that waits for a link (or the master) to come or go. */
struct watch {
	struct watch *next;
	uint32_t from;
	int32_t session;
	unsigned id;             /* 256 = the master */
	bool connected;
};

static struct {
	pthread_mutex_t lock; /* LOCK_HARBOR */
	struct harbor_config c;
	char name[64], cluster[64], address[128];
	char *masters[16];
	unsigned master_count, master_at;
	uint64_t epoch;
	atomic_uint id; /* written once, by the loop */
	atomic_int state; /* the loop writes, anybody reads: a lone value */
	void (*on_state)(enum harbor_state, const char *, void *);
	void *on_state_ud;
	int listener, master_listener;
	struct conn *conns;
	struct conn *master;         /* our connection to it */
	uint64_t master_heard, master_retry, master_backoff;
	bool synced;
	struct request *requests;
	uint32_t next_request;
	struct request *owned;       /* names of ours that the master confirmed or will */
	struct watch *watches;
	struct net_timer *timer;
	bool stopping, started;
	uint64_t strangers;
} H = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void write_control(int id, const struct wire_control *c)
{
	uint8_t frame[WIRE_CONTROL_MAX];
	struct iovec iov = { frame, wire_encode(frame, c) };

	(void)net_sendv(id, &iov, 1);
}

static void set_state(enum harbor_state st, const char *what)
{
	if (atomic_load_explicit(&H.state, memory_order_relaxed) == (int)st)
		return;
	atomic_store_explicit(&H.state, (int)st, memory_order_relaxed);
	log_info("harbor: %s", what);
	if (H.on_state)
		H.on_state(st, what, H.on_state_ud);
}

/* ---- connections ---- */

static void conn_control(void *ud, const struct wire_control *c);
static void conn_message(void *ud, struct msg *m);
static void link_lost(struct link *l, const char *why);
static void master_gone(const char *why);

static struct conn *conn_create(int id, enum role role)
{
	struct conn *c = mem_zalloc(sizeof(*c));

	c->id = id;
	c->role = role;
	c->in = (struct stream){ .on_control = conn_control, .on_message = conn_message, .ud = c };
	c->began_ns = clock_mono_ns();
	c->next = H.conns;
	H.conns = c;
	return c;
}

static void conn_unlink(struct conn *c)
{
	for (struct conn **p = &H.conns; *p; p = &(*p)->next)
		if (*p == c) {
			*p = c->next;
			break;
		}
}

static void conn_free(void *arg)
{
	struct conn *c = arg;

	stream_fini(&c->in);
	mem_free(c);
}

/* Ends a connection from our side. It is freed later: its stream may be on the stack. */
static void conn_end(struct conn *c, const char *why)
{
	if (c->closed)
		return;
	c->closed = c->in.dead = true;
	conn_unlink(c);
	net_close(c->id);
	if (c->role == ROLE_LINK && links[c->node] && links[c->node]->conn == c->id)
		link_lost(links[c->node], why);
	else if (c->role == ROLE_MEMBER)
		master_lost(c->id, clock_mono_ns());
	else if (c == H.master)
		master_gone(why);
	net_post(conn_free, c);
}

static struct conn *conn_find(int id)
{
	for (struct conn *c = H.conns; c; c = c->next)
		if (c->id == id)
			return c;
	return NULL;
}

static void hello(struct conn *c)
{
	struct wire_control m = { .kind = WIRE_HELLO,
				  .magic = WIRE_MAGIC,
				  .version = WIRE_VERSION,
				  .id = H.id ? H.id : H.c.harbor,
				  .epoch = H.epoch };

	memcpy(m.cluster, H.cluster, sizeof(m.cluster));
	memcpy(m.name, H.name, sizeof(m.name));
	memcpy(m.address, H.address, sizeof(m.address));
	write_control(c->id, &m);
}

static void stranger(struct conn *c, const char *why)
{
	H.strangers++;
	log_warning("harbor: connection refused: %s (%llu so far)", why, (unsigned long long)H.strangers);
	conn_end(c, why);
}

static void on_data(void *ud, int id, const void *data, size_t n)
{
	struct conn *c = ud;

	(void)id;
	pthread_mutex_lock(&H.lock);
	if (!c->closed) {
		if (c->role == ROLE_LINK)
			links[c->node]->heard_ns = clock_mono_ns();
		else if (c == H.master)
			H.master_heard = clock_mono_ns();
		if (!stream_input(&c->in, data, n) && !c->closed)
			stranger(c, "these bytes are not of a harbor");
	}
	pthread_mutex_unlock(&H.lock);
}

static void on_close(void *ud, int id, const char *why)
{
	struct conn *c = ud;

	(void)id;
	pthread_mutex_lock(&H.lock);
	conn_end(c, why ? why : "the peer closed the connection");
	pthread_mutex_unlock(&H.lock);
}

static void on_open(void *ud, int id, const char *text, int port)
{
	struct conn *c = ud;

	(void)id;
	(void)text;
	(void)port;
	pthread_mutex_lock(&H.lock);
	if (!c->closed && (c == H.master || c->role == ROLE_LINK))
		hello(c);
	pthread_mutex_unlock(&H.lock);
}

static const struct net_handler conn_handler = { .on_data = on_data,
						 .on_open = on_open,
						 .on_close = on_close };

static void on_accept(void *ud, int id, int new_id, const char *peer)
{
	struct conn *c;

	(void)peer;
	(void)id;
	pthread_mutex_lock(&H.lock);
	c = conn_create(new_id, ROLE_ACCEPTED);
	c->from_master_port = ud != NULL;
	if (net_start_handler(new_id, &conn_handler, c) < 0)
		conn_end(c, "gone");
	pthread_mutex_unlock(&H.lock);
}

static const struct net_handler listen_handler = { .on_accept = on_accept };

/* ---- links ---- */

static void tell_watches(unsigned id, bool connected)
{
	for (struct watch **p = &H.watches; *p;) {
		struct watch *w = *p;

		if (w->id != id || w->connected != connected) {
			p = &w->next;
			continue;
		}
		*p = w->next;
		struct msg *m = msg_create(0);

		m->dest = w->from;
		m->session = w->session;
		m->type = PTYPE_RESPONSE;
		(void)service_send(m);
		mem_free(w);
	}
}

static void link_up(struct link *l, struct conn *c)
{
	l->state = LINK_UP;
	l->conn = c->id;
	l->since_wall_ns = clock_wall_ns();
	l->heard_ns = clock_mono_ns();
	l->backoff_ns = 0;
	c->in.max = H.c.message_max;
	log_info("harbor: link to node %s (harbor %u) is up", l->name, l->id);
	/* release <-> acquire in link_flush */
	atomic_store_explicit(&l->fd, c->id, memory_order_release);
	link_flush(l);
	tell_watches(l->id, true);
}

static void link_lost(struct link *l, const char *why)
{
	bool was_up = l->state == LINK_UP;

	atomic_store_explicit(&l->fd, 0, memory_order_release);
	l->state = LINK_DOWN;
	l->conn = 0;
	l->backoff_ns = l->backoff_ns ? l->backoff_ns * 2 : BACKOFF_MIN_NS;
	if (l->backoff_ns > BACKOFF_MAX_NS)
		l->backoff_ns = BACKOFF_MAX_NS;
	l->retry_ns = clock_mono_ns() + l->backoff_ns / 2 + (uint64_t)random() % (l->backoff_ns / 2);
	if (was_up) {
		log_warning("harbor: link to node %s (harbor %u) is lost: %s", l->name, l->id, why);
		link_fail_all(l, REMOTE_LINK_LOST);
		tell_watches(l->id, false);
	}
}

static void link_connect(struct link *l)
{
	struct conn *c = conn_create(0, ROLE_LINK);

	c->node = l->id;
	l->state = LINK_CONNECTING;
	c->id = net_connect_handler(&conn_handler, c, l->address, -1);
	l->conn = c->id;
	if (c->id < 0)
		conn_end(c, "bad address");
}

/* The master says that a node is up (perhaps as a new incarnation) or dead. */
static void member_news(const struct wire_control *m)
{
	struct link *l;

	if (m->id < 1 || m->id > 255 || m->id == H.id)
		return;
	l = link_get(m->id);
	if (!m->up || (l->epoch && l->epoch != m->epoch)) {
		struct conn *c = l->conn > 0 ? conn_find(l->conn) : NULL;

		atomic_store_explicit(&l->known, false, memory_order_release);
		if (c)
			conn_end(c, m->up ? "the node restarted" : "the node is dead");
		link_fail_all(l, REMOTE_NODE_DOWN);
		l->epoch = 0;
	}
	if (!m->up)
		return;
	memcpy(l->name, m->name, sizeof(l->name));
	memcpy(l->address, m->address, sizeof(l->address));
	if (l->epoch != m->epoch) {
		l->epoch = m->epoch;
		l->retry_ns = l->backoff_ns = 0;
	}
	atomic_store_explicit(&l->known, true, memory_order_release);
	if (l->state == LINK_DOWN && H.id < l->id && clock_mono_ns() >= l->retry_ns)
		link_connect(l);
}

static void conn_message(void *ud, struct msg *m)
{
	struct conn *c = ud;
	struct link *l = links[c->node];
	uint32_t source = m->source, dest = m->dest;
	int32_t session = m->session;
	int type = m->type;

	atomic_fetch_add_explicit(&l->received, 1, memory_order_relaxed); /* a statistic */
	link_answered(l, m);
	if (dest >> 24 != H.id || source >> 24 != l->id) {
		msg_destroy(m);
		return;
	}
	if (service_send(m) != SEND_OK && type != PTYPE_RESPONSE && type != PTYPE_ERROR)
		service_send_error_text(dest, source, session, "no such service");
}

/* HELLO on our listener: a peer with a smaller id, or a stranger. */
static void link_hello(struct conn *c, const struct wire_control *m)
{
	struct wire_control out = { .kind = WIRE_WELCOME, .id = H.id, .epoch = H.epoch };
	struct link *l;

	if (!H.id || m->id < 1 || m->id > 255 || m->id == H.id) {
		stranger(c, "its harbor id cannot be");
		return;
	}
	l = link_get(m->id);
	if (l->epoch && l->epoch != m->epoch) {
		/* It restarted, and we hear of it before the master says so. */
		struct wire_control news = { .kind = WIRE_MEMBER, .id = m->id, .epoch = m->epoch, .up = 1 };

		memcpy(news.name, m->name, sizeof(news.name));
		memcpy(news.address, m->address, sizeof(news.address));
		member_news(&news);
	}
	if (l->conn > 0) {
		struct conn *old = conn_find(l->conn);

		if (old)
			conn_end(old, "replaced by a new connection");
	}
	memcpy(l->name, m->name, sizeof(l->name));
	memcpy(l->address, m->address, sizeof(l->address));
	l->epoch = m->epoch;
	memcpy(out.name, H.name, sizeof(out.name));
	write_control(c->id, &out);
	c->role = ROLE_LINK;
	c->node = l->id;
	atomic_store_explicit(&l->known, true, memory_order_release);
	link_up(l, c);
}

static void link_control(struct conn *c, const struct wire_control *m)
{
	struct link *l = links[c->node];
	struct wire_control pong = { .kind = WIRE_PONG, .stamp = m->stamp };

	switch (m->kind) {
	case WIRE_WELCOME:
		if (m->id != l->id) {
			stranger(c, "another node answers at its address");
			return;
		}
		if (l->state == LINK_CONNECTING)
			link_up(l, c);
		break;
	case WIRE_PING:
		write_control(c->id, &pong);
		break;
	case WIRE_PONG:
		l->rtt_ns = clock_mono_ns() - m->stamp;
		break;
	case WIRE_GOODBYE:
		atomic_store_explicit(&l->known, false, memory_order_release);
		conn_end(c, "the node left");
		break;
	case WIRE_REFUSE:
		log_warning("harbor: node %s refuses the link: %s", l->name, m->text);
		conn_end(c, m->text);
		break;
	default:
		break;
	}
}

/* ---- our conversation with the master ---- */

static void send_request(const struct request *r)
{
	struct wire_control c = { .kind = r->release ? WIRE_RELEASE : WIRE_REGISTER,
				  .request = r->id,
				  .handle = r->handle };

	memcpy(c.text, r->name, sizeof(r->name));
	if (H.master && H.synced)
		write_control(H.master->id, &c);
}

static void master_gone(const char *why)
{
	H.master = NULL;
	H.synced = false;
	H.master_backoff = H.master_backoff ? H.master_backoff * 2 : BACKOFF_MIN_NS;
	if (H.master_backoff > BACKOFF_MAX_NS)
		H.master_backoff = BACKOFF_MAX_NS;
	H.master_retry = clock_mono_ns() + H.master_backoff / 2 + (uint64_t)random() % (H.master_backoff / 2);
	H.master_at++;
	if (harbor_state() == HARBOR_JOINED) {
		char what[256];

		snprintf(what, sizeof(what), "the master is lost: %s", why);
		set_state(HARBOR_MASTER_LOST, what);
		tell_watches(256, false);
	}
}

static void master_connect(void)
{
	struct conn *c = conn_create(0, ROLE_AT_MASTER);

	H.master = c;
	H.master_heard = clock_mono_ns();
	c->id = net_connect_handler(&conn_handler, c, H.masters[H.master_at % H.master_count], -1);
	if (c->id < 0)
		conn_end(c, "bad address");
}

static void joined(void)
{
	char what[192];

	H.synced = true;
	H.master_backoff = 0;
	/* What we own and what was under way: the master takes each once. */
	for (struct request *r = H.owned; r; r = r->next)
		send_request(r);
	for (struct request *r = H.requests; r; r = r->next)
		send_request(r);
	snprintf(what, sizeof(what), "node %s has joined cluster %s as harbor %u", H.name, H.cluster, H.id);
	set_state(HARBOR_JOINED, what);
}

static void request_free_owned(const char *name, uint32_t handle)
{
	for (struct request **p = &H.owned; *p; p = &(*p)->next)
		if ((*p)->handle == handle && (!name || strcmp((*p)->name, name) == 0)) {
			struct request *r = *p;

			*p = r->next;
			mem_free(r);
			return;
		}
}

static void answered(const struct wire_control *m)
{
	for (struct request **p = &H.requests; *p; p = &(*p)->next) {
		struct request *r = *p;

		if (r->id != m->request)
			continue;
		*p = r->next;
		if (m->text[0]) {
			if (r->session)
				service_send_error_text(0, r->from, r->session, m->text);
			else
				log_printf(LOG_LEVEL_WARNING, r->from, "global name %s: %s", r->name, m->text);
			mem_free(r);
			return;
		}
		if (r->session) {
			struct msg *a = msg_create(0);

			a->dest = r->from;
			a->session = r->session;
			a->type = PTYPE_RESPONSE;
			(void)service_send(a);
		}
		if (r->release) {
			request_free_owned(r->name, r->handle);
			mem_free(r);
		} else {
			r->id = 0; /* re-sent after a reconnect, nobody waits for that answer */
			r->session = 0;
			r->next = H.owned;
			H.owned = r;
		}
		return;
	}
}

static void master_control(struct conn *c, const struct wire_control *m)
{
	switch (m->kind) {
	case WIRE_JOINED:
		if (H.id && H.id != m->id) {
			log_error("harbor: the master changed our harbor id from %u to %u", H.id, m->id);
			set_state(HARBOR_REFUSED, "the master changed our harbor id");
			return;
		}
		H.id = m->id;
		service_table_set_harbor(m->id);
		directory_clear();
		break;
	case WIRE_SYNCED:
		joined();
		break;
	case WIRE_MEMBER:
		member_news(m);
		break;
	case WIRE_NAME:
		directory_set(m->text, m->handle);
		break;
	case WIRE_ANSWER:
		answered(m);
		break;
	case WIRE_REFUSE: {
		char what[320];

		snprintf(what, sizeof(what), "the master refuses this node: %s", m->text);
		set_state(HARBOR_REFUSED, what);
		conn_end(c, m->text);
		break;
	}
	default:
		break;
	}
}

static void conn_control(void *ud, const struct wire_control *m)
{
	struct conn *c = ud;

	if (c->role == ROLE_ACCEPTED) {
		if (m->kind != WIRE_HELLO) {
			stranger(c, "the first frame is no hello");
		} else if (m->version != WIRE_VERSION || strcmp(m->cluster, H.cluster) != 0) {
			struct wire_control out = { .kind = WIRE_REFUSE };

			snprintf(out.text, sizeof(out.text), "this is cluster %s, wire version %d", H.cluster,
				 WIRE_VERSION);
			write_control(c->id, &out);
			stranger(c, "another cluster or version");
		} else if (c->from_master_port) {
			c->role = ROLE_MEMBER;
			master_input(c->id, m, clock_mono_ns());
		} else {
			link_hello(c, m);
		}
	} else if (c->role == ROLE_MEMBER) {
		master_input(c->id, m, clock_mono_ns());
	} else if (c->role == ROLE_LINK) {
		link_control(c, m);
	} else {
		master_control(c, m);
	}
}

static void master_write(int conn, const struct wire_control *c)
{
	write_control(conn, c);
}

static void master_close(int id)
{
	struct conn *c = conn_find(id);

	if (c)
		conn_end(c, "closed by the master");
}

static const struct master_ops master_glue = { master_write, master_close };

/* ---- time ---- */

static void tick(void *ud)
{
	uint64_t now = clock_mono_ns(), heartbeat = H.c.heartbeat_ms * NS_PER_MS;
	uint64_t dead = H.c.dead_ms * NS_PER_MS, next = now + heartbeat;
	static uint64_t last_ping;
	bool ping = now - last_ping >= heartbeat;

	(void)ud;
	pthread_mutex_lock(&H.lock);
	if (ping)
		last_ping = now;
	for (struct conn *c = H.conns, *after; c; c = after) {
		after = c->next;
		if ((c->role == ROLE_ACCEPTED || (c->role == ROLE_LINK && links[c->node]->state != LINK_UP)) &&
		    now - c->began_ns > HANDSHAKE_NS) {
			conn_end(c, "the handshake took too long");
			after = H.conns; /* the list has changed */
		}
	}
	for (unsigned i = 1; i < 256; i++) {
		struct link *l = links[i];
		struct wire_control p = { .kind = WIRE_PING, .stamp = now };

		if (!l)
			continue;
		if (l->state == LINK_UP && now - l->heard_ns > dead) {
			struct conn *c = conn_find(l->conn);

			if (c)
				conn_end(c, "no heartbeat");
		} else if (l->state == LINK_UP && ping) {
			write_control(l->conn, &p);
		} else if (l->state == LINK_DOWN && H.id && H.id < i && !H.stopping &&
			   atomic_load_explicit(&l->known, memory_order_relaxed)) {
			if (now >= l->retry_ns)
				link_connect(l);
			else if (l->retry_ns < next)
				next = l->retry_ns;
		}
	}
	if (H.master && now - H.master_heard > dead) {
		conn_end(H.master, "no heartbeat");
	} else if (H.master && H.synced && ping) {
		struct wire_control p = { .kind = WIRE_PING, .stamp = now };

		write_control(H.master->id, &p);
	} else if (!H.master && !H.stopping && harbor_state() != HARBOR_REFUSED) {
		if (now >= H.master_retry)
			master_connect();
		else if (H.master_retry < next)
			next = H.master_retry;
	}
	if (H.master_listener > 0)
		master_tick(now);
	uint64_t names = directory_expire(now);

	if (names < next)
		next = names;
	net_timer_set(H.timer, next);
	pthread_mutex_unlock(&H.lock);
}

/* ---- core/remote.h ---- */

enum job_kind { JOB_REGISTER, JOB_RELEASE, JOB_QUERY, JOB_SEND, JOB_WATCH, JOB_ENDED };

struct job {
	enum job_kind kind;
	uint32_t from, handle;
	int32_t session;
	uint32_t timeout_ms;
	bool connected;
	struct msg *m;
	char name[16];
};

static void add_request(const struct job *j)
{
	struct request *r = mem_zalloc(sizeof(*r));

	*r = (struct request){ .id = ++H.next_request,
			       .from = j->from,
			       .handle = j->handle,
			       .session = j->session,
			       .release = j->kind == JOB_RELEASE };
	memcpy(r->name, j->name, sizeof(r->name));
	struct request **p = &H.requests;

	while (*p)
		p = &(*p)->next;
	*p = r;
	send_request(r);
}

static void add_watch(const struct job *j)
{
	struct link *l = j->handle < 256 ? links[j->handle] : NULL;
	bool connected = j->handle == 256 ? harbor_state() == HARBOR_JOINED :
					    (l && l->state == LINK_UP) || j->handle == H.id;
	struct watch *w = mem_zalloc(sizeof(*w));

	*w = (struct watch){ H.watches, j->from, j->session, j->handle, j->connected };
	H.watches = w;
	if (connected == j->connected)
		tell_watches(j->handle, connected);
}

static void service_gone(uint32_t handle)
{
	directory_forget_service(handle);
	for (struct request *r = H.owned, *next; r; r = next) {
		next = r->next;
		if (r->handle == handle) {
			struct job j = { .kind = JOB_RELEASE, .handle = handle };

			memcpy(j.name, r->name, sizeof(j.name));
			add_request(&j);
		}
	}
	for (struct watch **p = &H.watches; *p;) {
		struct watch *w = *p;

		if (w->from != handle) {
			p = &w->next;
			continue;
		}
		*p = w->next;
		mem_free(w);
	}
}

static void run_job(void *arg)
{
	struct job *j = arg;

	pthread_mutex_lock(&H.lock);
	uint64_t deadline = j->timeout_ms ? clock_mono_ns() + j->timeout_ms * NS_PER_MS : 0;

	switch (j->kind) {
	case JOB_REGISTER:
	case JOB_RELEASE:
		add_request(j);
		break;
	case JOB_QUERY:
		directory_wait(j->name, j->from, j->session, NULL, deadline);
		break;
	case JOB_SEND:
		directory_wait(j->name, 0, 0, j->m, deadline);
		break;
	case JOB_WATCH:
		add_watch(j);
		break;
	case JOB_ENDED:
		service_gone(j->handle);
		break;
	}
	if (deadline)
		net_timer_set(H.timer, clock_mono_ns() + 10 * NS_PER_MS); /* tick finds the next deadline */
	pthread_mutex_unlock(&H.lock);
	mem_free(j);
}

static struct job *job_create(enum job_kind kind, uint32_t from, int32_t session, const char *name)
{
	struct job *j = mem_zalloc(sizeof(*j));

	j->kind = kind;
	j->from = from;
	j->session = session;
	if (name)
		memcpy(j->name, name, strnlen(name, sizeof(j->name) - 1));
	return j;
}

static int remote_send_name(const char *name, struct msg *m)
{
	struct job *j;

	m->dest = directory_find(name);
	if (m->dest)
		return service_send(m);
	j = job_create(JOB_SEND, 0, 0, name);
	j->m = m;
	j->timeout_ms = H.c.name_wait_ms ? H.c.name_wait_ms : 1;
	net_post(run_job, j);
	return 0;
}

static void remote_register(uint32_t from, int32_t session, const char *name, uint32_t handle)
{
	struct job *j = job_create(JOB_REGISTER, from, session, name);

	j->handle = handle;
	net_post(run_job, j);
}

static void remote_release(uint32_t from, int32_t session, const char *name, uint32_t handle)
{
	struct job *j = job_create(JOB_RELEASE, from, session, name);

	j->handle = handle;
	net_post(run_job, j);
}

static void remote_query(uint32_t from, int32_t session, const char *name, uint32_t timeout_ms)
{
	struct job *j = job_create(JOB_QUERY, from, session, name);

	j->timeout_ms = timeout_ms;
	net_post(run_job, j);
}

static void post_watch(uint32_t from, int32_t session, unsigned id, bool connected)
{
	struct job *j = job_create(JOB_WATCH, from, session, NULL);

	j->handle = id;
	j->connected = connected;
	net_post(run_job, j);
}

static void remote_connected(uint32_t from, int32_t session, unsigned id)
{
	post_watch(from, session, id, true);
}

static void remote_disconnected(uint32_t from, int32_t session, unsigned id)
{
	post_watch(from, session, id, false);
}

static void remote_master_lost(uint32_t from, int32_t session)
{
	post_watch(from, session, 256, false);
}

static void remote_ended(uint32_t handle)
{
	struct job *j = job_create(JOB_ENDED, 0, 0, NULL);

	j->handle = handle;
	net_post(run_job, j);
}

static const struct remote_ops ops = {
	.send = link_send,
	.send_name = remote_send_name,
	.find_name = directory_find,
	.register_name = remote_register,
	.release_name = remote_release,
	.query_name = remote_query,
	.wait_connected = remote_connected,
	.wait_disconnected = remote_disconnected,
	.wait_master_lost = remote_master_lost,
	.service_ended = remote_ended,
};

/* ---- life ---- */

static int bind_listener(const char *address, void *ud, char **ret_error)
{
	const char *why = NULL;
	int id = net_listen_handler(&listen_handler, ud, address, -1, 128, &why);

	if (id < 0) {
		int e = errno ? errno : EADDRINUSE;

		*ret_error = mem_printf("cannot listen on %s: %s", address, why ? why : "bad address");
		return why && strstr(why, "ermission") ? -EACCES : e == EINVAL ? -EINVAL : -EADDRINUSE;
	}
	return id;
}

int harbor_init(const struct harbor_config *c, char **ret_error)
{
	int id;

	H.c = *c;
	snprintf(H.name, sizeof(H.name), "%s", c->node_name);
	snprintf(H.cluster, sizeof(H.cluster), "%s", c->cluster);
	for (H.master_count = 0; c->masters && c->masters[H.master_count] && H.master_count < 16;
	     H.master_count++)
		H.masters[H.master_count] = mem_strdup(c->masters[H.master_count]);
	if (getrandom(&H.epoch, sizeof(H.epoch), 0) != sizeof(H.epoch) || !H.epoch)
		H.epoch = clock_wall_ns();
	srandom((unsigned)H.epoch);
	link_set_limits(c->message_max, c->queue_max);
	if (c->master_listen) {
		int r = registry_sqlite.open(c->state_dir ? c->state_dir : ".", ret_error);

		if (r < 0)
			return r;
		id = bind_listener(c->master_listen, &H, ret_error);
		if (id < 0)
			return id;
		H.master_listener = id;
		master_init(&master_glue, &registry_sqlite, c->dead_ms * NS_PER_MS, clock_mono_ns());
	}
	id = bind_listener(c->listen, NULL, ret_error);
	if (id < 0)
		return id;
	H.listener = id;
	if (c->advertise)
		snprintf(H.address, sizeof(H.address), "%s", c->advertise);
	else
		(void)net_local_address(id, H.address, sizeof(H.address));
	log_info("harbor: listening on %s", H.address);
	H.timer = net_timer_create(tick, NULL);
	remote_set(&ops);
	return 0;
}

static void begin(void *arg)
{
	(void)arg;
	tick(NULL);
}

int harbor_start(void (*on_state)(enum harbor_state st, const char *what, void *ud), void *ud)
{
	H.on_state = on_state;
	H.on_state_ud = ud;
	atomic_store_explicit(&H.state, HARBOR_JOINING, memory_order_relaxed);
	H.started = true;
	net_post(begin, NULL);
	return 0;
}

enum harbor_state harbor_state(void)
{
	return (enum harbor_state)atomic_load_explicit(&H.state, memory_order_relaxed);
}

unsigned harbor_id(void)
{
	return H.id;
}

static void say_goodbye(void *arg)
{
	struct wire_control bye = { .kind = WIRE_GOODBYE };

	(void)arg;
	pthread_mutex_lock(&H.lock);
	H.stopping = true;
	for (unsigned i = 1; i < 256; i++)
		if (links[i] && links[i]->state == LINK_UP) {
			link_flush(links[i]);
			write_control(links[i]->conn, &bye);
		}
	if (H.master && H.synced)
		write_control(H.master->id, &bye);
	pthread_mutex_unlock(&H.lock);
}

void harbor_stop(uint64_t timeout_ns)
{
	uint64_t until = clock_mono_ns() + timeout_ns;
	bool busy = true;

	if (!H.started)
		return;
	net_post(say_goodbye, NULL);
	while (busy && clock_mono_ns() < until) {
		struct timespec ms = { 0, 2000000 };

		nanosleep(&ms, NULL); /* the loop says goodbye; then the queues drain */
		pthread_mutex_lock(&H.lock);
		busy = !H.stopping;
		for (struct conn *c = H.conns; c && !busy; c = c->next)
			busy = net_queued(c->id) != 0;
		pthread_mutex_unlock(&H.lock);
	}
	H.on_state = NULL;
}

void harbor_fini(void)
{
	remote_set(NULL);
	if (H.timer)
		net_timer_destroy(H.timer);
	H.timer = NULL;
	while (H.conns) {
		struct conn *c = H.conns;

		H.conns = c->next;
		conn_free(c);
	}
	for (unsigned i = 0; i < 256; i++)
		if (links[i]) {
			link_fail_all(links[i], REMOTE_NODE_DOWN);
			mem_free(links[i]);
			links[i] = NULL;
		}
	struct request **lists[] = { &H.requests, &H.owned };

	for (unsigned k = 0; k < 2; k++)
		while (*lists[k]) {
			struct request *r = *lists[k];

			*lists[k] = r->next;
			mem_free(r);
		}
	while (H.watches) {
		struct watch *w = H.watches;

		H.watches = w->next;
		mem_free(w);
	}
	for (unsigned i = 0; i < H.master_count; i++)
		mem_free(H.masters[i]);
	H.master_count = 0;
	directory_fini();
	if (H.master_listener > 0) {
		master_fini();
		registry_sqlite.close();
		H.master_listener = 0;
	}
}

/* ---- snapshots ---- */

void harbor_foreach_node(void (*f)(const struct harbor_node_info *n, void *ud), void *ud)
{
	static const char *const states[] = { "down", "connecting", "up" };

	pthread_mutex_lock(&H.lock);
	for (unsigned i = 1; i < 256; i++) {
		struct link *l = links[i];
		struct harbor_node_info n = { .id = i };

		if (i == H.id) {
			n.incarnation = H.epoch;
			n.state = "self";
			n.master = H.master_listener > 0;
			memcpy(n.name, H.name, sizeof(n.name));
			memcpy(n.address, H.address, sizeof(n.address));
		} else if (l && l->name[0]) {
			n.incarnation = l->epoch;
			n.state = states[l->state];
			n.since_wall_ns = l->since_wall_ns;
			n.rtt_ns = l->rtt_ns;
			n.sent = atomic_load_explicit(&l->sent, memory_order_relaxed);
			n.received = atomic_load_explicit(&l->received, memory_order_relaxed);
			n.dropped = atomic_load_explicit(&l->dropped, memory_order_relaxed);
			n.queued_bytes = atomic_load_explicit(&l->waiting_bytes, memory_order_relaxed) +
					 (l->conn > 0 ? net_queued(l->conn) : 0);
			memcpy(n.name, l->name, sizeof(n.name));
			memcpy(n.address, l->address, sizeof(n.address));
		} else {
			continue;
		}
		f(&n, ud);
	}
	pthread_mutex_unlock(&H.lock);
}

void harbor_foreach_name(void (*f)(const struct harbor_name_info *n, void *ud), void *ud)
{
	directory_foreach(f, ud);
}

void harbor_foreach_waiting(void (*f)(const char *name, uint32_t handle, void *ud), void *ud)
{
	directory_foreach_waiting(f, ud);
}

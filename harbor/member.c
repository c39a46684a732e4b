/* SPDX-License-Identifier: MIT */
/* The conversation with the master: see member.h. */
#include "harbor/member.h"

#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "core/remote.h"

struct member_request {
	struct member_request *next;
	uint32_t id, from, handle;
	int32_t session;
	bool release;
	uint32_t sent;    /* times; more than once: an answer may have been lost */
	bool reclaim;     /* we held the name before the connection broke */
	char name[16];
};

struct member_name {
	struct member_name *next;
	uint32_t handle;
	char name[16];
};

void member_init(struct member *m, const struct member_ops *ops, void *ud, struct peer_self *self,
		 unsigned wanted, const char *const *masters)
{
	*m = (struct member){ .ops = ops, .ud = ud, .self = self, .wanted = wanted, .masters = masters };
	while (masters && masters[m->master_count])
		m->master_count++;
	m->requests_last = &m->requests;
	m->retry_ns = UINT64_MAX; /* until member_start */
}

void member_fini(struct member *m)
{
	while (m->requests) {
		struct member_request *r = m->requests;

		m->requests = r->next;
		mem_free(r);
	}
	while (m->names) {
		struct member_name *n = m->names;

		m->names = n->next;
		mem_free(n);
	}
	m->requests_last = &m->requests;
	m->request_count = 0;
}

static void set_state(struct member *m, enum member_state st, const char *why)
{
	m->state = st;
	if (why)
		snprintf(m->why, sizeof(m->why), "%s", why);
	m->ops->state(m->ud, st, m->why);
}

/* ---- names of ours ---- */

static void name_add(struct member *m, const char *name, uint32_t handle)
{
	struct member_name *n;

	/* A name for another node's service is the master's to keep, not ours to claim again. */
	if (handle >> 24 != m->self->id)
		return;
	for (n = m->names; n; n = n->next)
		if (n->handle == handle && strcmp(n->name, name) == 0)
			return;
	n = mem_zalloc(sizeof(*n));
	n->handle = handle;
	memcpy(n->name, name, strnlen(name, sizeof(n->name) - 1));
	n->next = m->names;
	m->names = n;
}

static void name_drop(struct member *m, const char *name, uint32_t handle)
{
	for (struct member_name **p = &m->names; *p; p = &(*p)->next) {
		struct member_name *n = *p;

		if (n->handle == handle && strcmp(n->name, name) == 0) {
			*p = n->next;
			mem_free(n);
			return;
		}
	}
}

/* ---- requests ---- */

static void send_request(struct member *m, struct member_request *r)
{
	struct wire_control c = { .kind = r->release ? WIRE_RELEASE : WIRE_REGISTER,
				  .request = r->id,
				  .handle = r->handle };

	if (m->state != MEMBER_JOINED)
		return;
	memcpy(c.text, r->name, sizeof(r->name));
	m->ops->write(m->ud, m->conn, &c);
	r->sent++;
}

static void add_request(struct member *m, const struct member_request *proto)
{
	struct member_request *r;

	if (m->request_count >= MEMBER_REQUESTS_MAX && !proto->reclaim) {
		m->ops->answer(m->ud, proto->from, proto->session, proto->name, WIRE_FULL, REMOTE_QUEUE_FULL);
		return;
	}
	r = mem_zalloc(sizeof(*r));
	*r = *proto;
	r->id = ++m->next_request;
	*m->requests_last = r;
	m->requests_last = &r->next;
	m->request_count++;
	send_request(m, r);
}

static struct member_request *take_request(struct member *m, uint32_t id)
{
	for (struct member_request **p = &m->requests; *p; p = &(*p)->next) {
		struct member_request *r = *p;

		if (r->id != id)
			continue;
		*p = r->next;
		if (!r->next)
			m->requests_last = p;
		m->request_count--;
		return r;
	}
	return NULL;
}

static void request(struct member *m, uint32_t from, int32_t session, const char *name, uint32_t handle, bool release)
{
	struct member_request r = { .from = from, .session = session, .handle = handle, .release = release };

	memcpy(r.name, name, strnlen(name, sizeof(r.name) - 1));
	add_request(m, &r);
}

void member_register(struct member *m, uint32_t from, int32_t session, const char *name, uint32_t handle)
{
	request(m, from, session, name, handle, false);
}

void member_release(struct member *m, uint32_t from, int32_t session, const char *name, uint32_t handle)
{
	request(m, from, session, name, handle, true);
}

void member_forget(struct member *m, uint32_t handle)
{
	struct member_request *last = m->requests_last == &m->requests ? NULL : m->requests;

	/* What it registered and no answer came for yet may still be granted: a release goes behind it. */
	while (last && last->next)
		last = last->next;
	for (struct member_request *r = m->requests; r; r = r->next) {
		if (r->from == handle)
			r->session = 0;
		if (r->handle == handle && !r->release)
			request(m, 0, 0, r->name, handle, true);
		if (r == last)
			break;
	}
	for (struct member_name *n = m->names, *next; n; n = next) {
		next = n->next;
		if (n->handle == handle)
			request(m, 0, 0, n->name, handle, true);
	}
}

static void answered(struct member *m, const struct wire_control *c)
{
	struct member_request *r = take_request(m, c->request);
	uint32_t code = c->code;

	if (!r)
		return;
	if (r->release) {
		if (code == WIRE_NO_NAME && (r->sent > 1 || r->from == 0))
			code = WIRE_OK_CODE; /* done by an earlier sending, or gone anyway */
		name_drop(m, r->name, r->handle);
	} else if (code == WIRE_OK_CODE) {
		name_add(m, r->name, r->handle);
	} else if (r->reclaim) {
		name_drop(m, r->name, r->handle);
	}
	if (code != WIRE_OK_CODE || r->session)
		m->ops->answer(m->ud, r->from, r->session, r->name, code, c->text);
	mem_free(r);
}

/* ---- the connection ---- */

static void back_off(struct member *m, uint64_t now)
{
	uint64_t half;

	m->backoff_ns = m->backoff_ns ? m->backoff_ns * 2 : MEMBER_BACKOFF_MIN_NS;
	if (m->backoff_ns > MEMBER_BACKOFF_MAX_NS)
		m->backoff_ns = MEMBER_BACKOFF_MAX_NS;
	half = m->backoff_ns / 2;
	/* no jitter of the peers' size is needed: the master takes 255 at once */
	m->retry_ns = now + half + (m->self->epoch >> 8) % half;
	m->at = (m->at + 1) % (m->master_count ? m->master_count : 1);
}

static void drop(struct member *m, enum member_state st, const char *why, uint64_t now)
{
	m->conn = 0;
	back_off(m, now);
	set_state(m, st, why);
}

static void close_connection(struct member *m, enum member_state st, const char *why, uint64_t now)
{
	int conn = m->conn;

	drop(m, st, why, now);
	if (conn)
		m->ops->close(m->ud, conn, why);
}

static void connect_now(struct member *m, uint64_t now)
{
	m->state = MEMBER_CONNECTING;
	m->deadline_ns = now + PEER_HANDSHAKE_NS;
	m->heard_ns = now;
	m->conn = m->ops->connect(m->ud, m->masters[m->at]);
	if (m->conn <= 0)
		drop(m, MEMBER_AWAY, "the master's address is not valid", now);
}

void member_start(struct member *m, uint64_t now)
{
	m->retry_ns = now;
}

void member_connected(struct member *m, int conn, uint64_t now)
{
	struct wire_control c = { .kind = WIRE_JOIN,
				  .version = WIRE_VERSION,
				  .version_min = WIRE_VERSION_MIN,
				  .id = m->self->id ? m->self->id : m->wanted,
				  .epoch = m->self->epoch,
				  .generation = m->self->generation };

	(void)now;
	if (conn != m->conn || m->state != MEMBER_CONNECTING)
		return;
	memcpy(c.cluster, m->self->cluster, sizeof(c.cluster));
	memcpy(c.name, m->self->name, sizeof(c.name));
	memcpy(c.address, m->self->address, sizeof(c.address));
	m->state = MEMBER_JOINING;
	m->ops->write(m->ud, conn, &c);
}

void member_lost(struct member *m, int conn, const char *why, uint64_t now)
{
	if (conn && conn == m->conn)
		drop(m, MEMBER_AWAY, why, now);
}

/* ---- frames ---- */

static void joined(struct member *m, const struct wire_control *c, uint64_t now)
{
	if (m->self->id && m->self->id != c->id) {
		close_connection(m, MEMBER_REFUSED, "the master gave another harbor id than the one in use", now);
		return;
	}
	m->self->id = c->id;
	m->self->generation = c->generation;
	m->master_epoch = c->epoch;
	m->ops->id(m->ud, c->id);
	m->ops->snapshot(m->ud, false);
}

static void synced(struct member *m, const struct wire_control *c, uint64_t now)
{
	struct member_request *first = m->requests;

	m->change = c->change;
	m->backoff_ns = 0;
	m->ping_ns = now;
	m->was_joined = true;
	m->ops->snapshot(m->ud, true);
	set_state(m, MEMBER_JOINED, "");
	/* What was under way, in order; then what we hold, unless it is about to be given up. */
	for (struct member_request *r = first; r; r = r->next)
		send_request(m, r);
	for (struct member_name *n = m->names; n; n = n->next) {
		struct member_request again = { .handle = n->handle, .reclaim = true };
		bool leaving = false;

		for (struct member_request *r = first; r; r = r->next)
			leaving |= r->handle == n->handle && strcmp(r->name, n->name) == 0;
		memcpy(again.name, n->name, sizeof(again.name));
		if (!leaving)
			add_request(m, &again);
	}
}

static void refused(struct member *m, const struct wire_control *c, uint64_t now)
{
	/* What another try cannot change ends the trying. */
	bool for_good = c->code == WIRE_OTHER_CLUSTER || c->code == WIRE_OTHER_VERSION || c->code == WIRE_STALE ||
			c->code == WIRE_ID_TAKEN || c->code == WIRE_INVALID;

	close_connection(m, for_good ? MEMBER_REFUSED : MEMBER_AWAY, c->text, now);
}

static void name_changed(struct member *m, const struct wire_control *c, uint64_t now)
{
	if (m->state == MEMBER_JOINED && c->change != ++m->change) {
		close_connection(m, MEMBER_AWAY, "a change of the names is missing", now);
		return;
	}
	m->ops->name(m->ud, c->text, c->handle);
}

void member_input(struct member *m, int conn, const struct wire_control *c, uint64_t now)
{
	bool member = m->state == MEMBER_JOINED, joining = m->state == MEMBER_JOINING;

	if (conn != m->conn)
		return;
	m->heard_ns = now;
	if (c->kind == WIRE_REFUSE)
		refused(m, c, now);
	else if (c->kind == WIRE_JOINED && joining)
		joined(m, c, now);
	else if (c->kind == WIRE_SYNCED && joining && m->self->id)
		synced(m, c, now);
	else if (c->kind == WIRE_MEMBER && (member || joining))
		m->ops->node(m->ud, c);
	else if (c->kind == WIRE_NAME && (member || joining))
		name_changed(m, c, now);
	else if (c->kind == WIRE_ANSWER && member)
		answered(m, c);
	else if (c->kind == WIRE_PONG && member)
		m->rtt_ns = now - c->stamp;
	else
		close_connection(m, MEMBER_AWAY, "the master sent a frame that does not belong here", now);
}

uint64_t member_tick(struct member *m, uint64_t now)
{
	struct wire_control ping = { .kind = WIRE_PING, .stamp = now };
	uint64_t dead;

	switch (m->state) {
	case MEMBER_REFUSED:
		return UINT64_MAX;
	case MEMBER_AWAY:
		if (now < m->retry_ns)
			return m->retry_ns;
		if (!m->master_count)
			return UINT64_MAX;
		connect_now(m, now);
		return m->conn ? m->deadline_ns : m->retry_ns;
	case MEMBER_CONNECTING:
	case MEMBER_JOINING:
		/* the snapshot may be long, silence may not */
		if (now < m->deadline_ns || now - m->heard_ns < PEER_HANDSHAKE_NS)
			return m->deadline_ns > now ? m->deadline_ns : m->heard_ns + PEER_HANDSHAKE_NS;
		close_connection(m, MEMBER_AWAY, "the master does not answer", now);
		return m->retry_ns;
	case MEMBER_JOINED:
		break;
	}
	dead = m->heard_ns + m->self->dead_ns;
	if (now >= dead) {
		close_connection(m, MEMBER_AWAY, "no heartbeat", now);
		return m->retry_ns;
	}
	if (now >= m->ping_ns) {
		m->ping_ns = now + m->self->heartbeat_ns;
		m->ops->write(m->ud, m->conn, &ping);
	}
	return dead < m->ping_ns ? dead : m->ping_ns;
}

void member_stop(struct member *m)
{
	struct wire_control bye = { .kind = WIRE_GOODBYE };

	if (m->state == MEMBER_JOINED)
		m->ops->write(m->ud, m->conn, &bye);
	else if (m->conn)
		m->ops->close(m->ud, m->conn, "this node ends");
	m->state = MEMBER_REFUSED;
	m->conn = 0;
}

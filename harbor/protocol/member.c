/* SPDX-License-Identifier: MIT */
/* Requests stay in one list, in the order in which they were made, until they are answered: after a
 * break they are sent again in that order. */
#include "harbor/protocol/member.h"

#include <stdio.h>
#include <string.h>

#include "core/actor/group.h"
#include "core/actor/handle.h"
#include "core/base/backoff.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/actor/remote.h"

struct member_request {
	struct member_request *next;
	enum wire_kind kind;
	uint32_t id, from, handle;
	uint32_t target; /* WIRE_TRANSFER: the new owner */
	int32_t session;
	uint32_t sent;	      /* times; more than once: an answer may have been lost */
	bool reclaim;	      /* we held the name before the connection broke */
	uint64_t fence;	      /* reclaim: its registration */
	uint64_t deadline_ns; /* of the answer to its session; 0: the next tick sets it */
	char name[REMOTE_NAME_SIZE];
};

struct member_name {
	struct member_name *next;
	uint32_t handle;
	uint32_t from; /* who registered it, if that is known: hears of its loss, too */
	uint64_t fence;
	char name[REMOTE_NAME_SIZE];
};

#ifdef CHECKS
/* A list that is longer is not walked after each step. */
#define CHECK_MAX 64u

static bool requests_are_whole(const struct member *m)
{
	unsigned n = 0;

	if (m->request_count > CHECK_MAX)
		return true;
	for (const struct member_request *r = m->requests.first; r; r = r->next)
		if (++n > m->request_count || (!r->next && m->requests.last != &r->next))
			return false;
	return n == m->request_count;
}

/* What holds between two calls from outside. */
static void check(const struct member *m)
{
	bool talks = m->state == MEMBER_CONNECTING || m->state == MEMBER_JOINING ||
		     m->state == MEMBER_JOINED;

	must(talks == (m->conn > 0));
	must(m->state != MEMBER_JOINED || (m->was_joined && m->self->id));
	must(m->self->id <= 255);
	must(!m->master_count || m->at < m->master_count);
	must(requests_are_whole(m));
}
#else
#define check(m) ((void)(m)) /* the state is looked at in builds with CHECKS=1 */
#endif

void member_init(struct member *m, const struct member_ops *ops, void *ud, struct peer_self *self,
		 unsigned wanted, const char *const *masters)
{
	must(ops && self && wanted <= 255);
	*m = (struct member){
		.ops = ops, .ud = ud, .self = self, .wanted = wanted, .masters = masters
	};
	while (masters && masters[m->master_count])
		m->master_count++;
	m->retry_ns = UINT64_MAX; /* until member_start */
}

void member_fini(struct member *m)
{
	struct member_request *r;

	while ((r = list_take(&m->requests, next)))
		mem_free(r);
	while (m->names) {
		struct member_name *n = m->names;

		m->names = n->next;
		mem_free(n);
	}
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

static struct member_name *name_find(struct member *m, const char *name)
{
	struct member_name *n = m->names;

	while (n && strcmp(n->name, name) != 0)
		n = n->next;
	return n;
}

static void name_add(struct member *m, const char *name, uint32_t handle, uint32_t from,
		     uint64_t fence)
{
	struct member_name *n = name_find(m, name);

	if (!n) {
		n = mem_zalloc(sizeof(*n));
		memcpy(n->name, name, strnlen(name, sizeof(n->name) - 1));
		n->next = m->names;
		m->names = n;
	}
	n->handle = handle;
	n->from = from;
	n->fence = fence;
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

static void name_lost(struct member *m, const char *name, uint32_t handle, uint32_t winner)
{
	const struct member_name *n = name_find(m, name);
	uint32_t from = n && n->from != handle ? n->from : 0;

	name_drop(m, name, handle);
	m->ops->lost(m->ud, name, handle, winner);
	if (from)
		m->ops->lost(m->ud, name, from, winner);
}

/* ---- requests ---- */

static void send_request(struct member *m, struct member_request *r)
{
	struct wire_control c = { .kind = r->kind,
				  .request = r->id,
				  .handle = r->handle,
				  .target = r->target,
				  .fence = r->fence };

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
		m->ops->answer(m->ud, proto->from, proto->session, proto->name, WIRE_FULL,
			       REMOTE_QUEUE_FULL, 0);
		return;
	}
	r = mem_zalloc(sizeof(*r));
	*r = *proto;
	r->id = ++m->next_request;
	list_append(&m->requests, r, next);
	m->request_count++;
	send_request(m, r);
}

static struct member_request *take_request(struct member *m, uint32_t id)
{
	for (struct member_request **p = &m->requests.first; *p; p = &(*p)->next) {
		struct member_request *r = *p;

		if (r->id != id)
			continue;
		list_unlink(&m->requests, p, next);
		m->request_count--;
		return r;
	}
	return NULL;
}

/* Its name comes beside it. */
static void request(struct member *m, const char *name, struct member_request r)
{
	memcpy(r.name, name, strnlen(name, sizeof(r.name) - 1));
	add_request(m, &r);
}

/* Nobody waits for this one. */
static void give_up(struct member *m, const char *name, uint32_t handle)
{
	request(m, name, (struct member_request){ .kind = WIRE_RELEASE, .handle = handle });
}

void member_register(struct member *m, uint32_t from, int32_t session, const char *name,
		     uint32_t handle)
{
	request(m, name,
		(struct member_request){ .kind = WIRE_REGISTER,
					 .from = from,
					 .session = session,
					 .handle = handle });
	check(m);
}

void member_release(struct member *m, uint32_t from, int32_t session, const char *name,
		    uint32_t handle)
{
	request(m, name,
		(struct member_request){
			.kind = WIRE_RELEASE, .from = from, .session = session, .handle = handle });
	check(m);
}

void member_transfer(struct member *m, uint32_t from, int32_t session, const char *name,
		     uint32_t handle, uint32_t target)
{
	request(m, name,
		(struct member_request){ .kind = WIRE_TRANSFER,
					 .from = from,
					 .session = session,
					 .handle = handle,
					 .target = target });
	check(m);
}

void member_query(struct member *m, uint32_t from, int32_t session, const char *name)
{
	request(m, name,
		(struct member_request){ .kind = WIRE_QUERY, .from = from, .session = session });
	check(m);
}

void member_forget(struct member *m, uint32_t handle)
{
	/* What it registered and no answer came for yet may still be granted: a release goes behind
	 * it, to which the walk comes, too, but a release asks for none. */
	for (struct member_request *r = m->requests.first; r; r = r->next) {
		if (r->from == handle)
			r->session = 0;
		if (r->handle == handle && r->kind == WIRE_REGISTER)
			give_up(m, r->name, handle);
	}
	for (struct member_name *n = m->names, *next; n; n = next) {
		next = n->next;
		if (n->handle == handle)
			give_up(m, n->name, handle);
	}
	check(m);
}

/* Tells the master again what we hold. */
static void claim(struct member *m, const struct member_name *n)
{
	request(m, n->name,
		(struct member_request){ .kind = WIRE_REGISTER,
					 .from = n->from,
					 .handle = n->handle,
					 .reclaim = true,
					 .fence = n->fence });
}

/* Did this service of ours say something else of the name, which the master is still to hear? */
static bool has_said(const struct member *m, const char *name, uint32_t handle)
{
	const struct member_request *r = m->requests.first;

	while (r && (r->handle != handle || strcmp(r->name, name) != 0))
		r = r->next;
	return r != NULL;
}

/* The name could not be handed over, because the master knows another owner or none: he lost us
 * from sight meanwhile, and it was not claimed, since it was to go. */
static void claim_again(struct member *m, const char *name, uint32_t handle)
{
	const struct member_name *n = name_find(m, name);

	if (n && n->handle == handle && !has_said(m, name, handle))
		claim(m, n);
}

static void answered(struct member *m, const struct wire_control *c)
{
	struct member_request *r = take_request(m, c->request);
	uint32_t code = c->code;
	bool lost;

	if (!r)
		return;
	lost = r->reclaim && code == WIRE_NAME_TAKEN && c->handle != r->handle;
	if (r->kind == WIRE_QUERY) {
		code = code == WIRE_NO_NAME ? WIRE_OK_CODE : code; /* that is an answer, too */
	} else if (r->kind == WIRE_TRANSFER) {
		if (code == WIRE_OK_CODE && r->handle != r->target)
			name_drop(m, r->name, r->handle);
		else if (code != WIRE_OK_CODE && c->handle != r->handle)
			claim_again(m, r->name, r->handle);
	} else if (r->kind == WIRE_RELEASE) {
		if (code == WIRE_NO_NAME && (r->sent > 1 || r->from == 0))
			code = WIRE_OK_CODE; /* done by an earlier sending, or gone anyway */
		name_drop(m, r->name, r->handle);
	} else if (code == WIRE_OK_CODE) {
		name_add(m, r->name, r->handle, r->from, c->fence);
	} else if (lost) {
		name_lost(m, r->name, r->handle, c->handle);
	} else if (r->reclaim) {
		name_drop(m, r->name, r->handle);
	}
	if (!lost && (code != WIRE_OK_CODE || r->session))
		m->ops->answer(m->ud, r->from, r->session, r->name, code, c->text, c->fence);
	mem_free(r);
}

/* ---- the connection ---- */

/* Over all lives; 0: not known where this one begins. */
static uint64_t births_now(const struct member *m)
{
	return m->births_base ? m->births_base + m->ops->births(m->ud) : 0;
}

static void back_off(struct member *m, uint64_t now)
{
	/* the epoch differs from node to node, and the master takes 255 at once */
	m->retry_ns = now + backoff_next(&m->backoff_ns, MEMBER_BACKOFF_MIN_NS,
					 m->searching ? MEMBER_SEARCH_NS : MEMBER_BACKOFF_MAX_NS,
					 m->self->epoch >> 8);
	m->hops = 0;
}

const char *member_master(const struct member *m)
{
	return m->sent_to[0] ? m->sent_to : m->masters[m->at];
}

/* A connection that broke is tried once more where it was; whoever does not answer then may be
 * gone. */
static void choose_next(struct member *m, bool broke)
{
	if (broke)
		return;
	m->leader_lost |= strcmp(m->leader, member_master(m)) == 0;
	if (!m->sent_to[0])
		m->at = (m->at + 1) % m->master_count;
	m->sent_to[0] = 0;
}

static void drop_and(struct member *m, enum member_state st, const char *why, bool broke,
		     uint64_t now)
{
	char text[sizeof(m->why)];

	snprintf(text, sizeof(text), "master %s: %s", member_master(m), why);
	m->conn = 0;
	back_off(m, now);
	choose_next(m, broke);
	set_state(m, st, text);
}

static void drop(struct member *m, enum member_state st, const char *why, uint64_t now)
{
	drop_and(m, st, why, false, now);
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
	m->conn = m->ops->connect(m->ud, member_master(m));
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
				  .features = WIRE_FEATURES,
				  .id = m->self->id ? m->self->id : m->wanted,
				  .flags = (m->self->id ? WIRE_ID_HELD : 0) |
					   (m->wanted ? WIRE_ID_NAMED : 0) |
					   (m->leader_lost ? WIRE_LEADER_LOST : 0),
				  .epoch = m->self->epoch,
				  .births = births_now(m) };

	(void)now;
	if (conn != m->conn || m->state != MEMBER_CONNECTING)
		return;
	memcpy(c.cluster, m->self->cluster, sizeof(c.cluster));
	memcpy(c.name, m->self->name, sizeof(c.name));
	memcpy(c.address, m->self->address, sizeof(c.address));
	m->state = MEMBER_JOINING;
	m->births_told = c.births;
	m->ops->write(m->ud, conn, &c);
	check(m);
}

void member_lost(struct member *m, int conn, const char *why, uint64_t now)
{
	if (conn && conn == m->conn)
		drop_and(m, MEMBER_AWAY, why, m->state == MEMBER_JOINED, now);
	check(m);
}

/* ---- frames ---- */

static void joined(struct member *m, const struct wire_control *c, uint64_t now)
{
	if (m->self->id && m->self->id != c->id) {
		close_connection(m, MEMBER_REFUSED,
				 "the master gave another harbor id than the one in use", now);
		return;
	}
	if (c->id < 1 || c->id > 255) {
		close_connection(m, MEMBER_AWAY, "it gave no harbor id", now);
		return;
	}
	m->self->id = c->id;
	m->master_epoch = c->epoch;
	m->features = c->features & WIRE_FEATURES;
	/* services that could not wait for it have begun somewhere: the master counts on from there
	 */
	if (m->births_told)
		m->births_base += c->births - m->births_told;
	else if (m->births_base)
		m->births_base = c->births +
				 (m->births_base + HANDLE_RING - c->births % HANDLE_RING) %
					 HANDLE_RING;
	else
		m->births_base = c->births;
	m->ops->id(m->ud, c->id);
	m->ops->snapshot(m->ud, false);
}

static void synced(struct member *m, const struct wire_control *c, uint64_t now)
{
	struct member_request *first = m->requests.first;

	m->change = c->change;
	m->backoff_ns = 0;
	m->leader_lost = m->searching = false;
	snprintf(m->leader, sizeof(m->leader), "%s", member_master(m));
	m->ping_ns = now;
	m->was_joined = true;
	m->ops->snapshot(m->ud, true);
	set_state(m, MEMBER_JOINED, "");
	/* What was under way, in order; then what we hold, unless it is about to be given up. */
	for (struct member_request *r = first; r; r = r->next)
		send_request(m, r);
	for (struct member_name *n = m->names; n; n = n->next)
		if (!has_said(m, n->name, n->handle))
			claim(m, n);
}

/* A candidate that does not lead. Where he sends us we go at once, and so we do to the next of the
 * list, but not for ever without a pause. */
static void sent_on(struct member *m, const struct wire_control *c, uint64_t now)
{
	char why[200];
	bool listed = !m->sent_to[0], known = wire_address_valid(c->text);
	unsigned hops = m->hops + 1;

	snprintf(why, sizeof(why), "it does not lead, and says %.127s does",
		 known ? c->text : "that nobody");
	m->searching = true;
	m->leader[0] = 0; /* nobody was found dead just now */
	m->leader_lost = false;
	close_connection(m, MEMBER_AWAY, why, now);
	if (hops <= 2 * m->master_count)
		m->retry_ns = now;
	m->hops = hops <= 2 * m->master_count ? hops : 0;
	if (!listed || !known)
		return;
	snprintf(m->sent_to, sizeof(m->sent_to), "%.127s", c->text);
	memcpy(m->leader, m->sent_to, sizeof(m->leader));
}

static void refused(struct member *m, const struct wire_control *c, uint64_t now)
{
	/* What another try cannot change ends the trying. A node that was in the cluster fits in:
	 * only the loss of its id is the end of it. */
	bool for_good = c->code == WIRE_STALE ||
			(!m->was_joined &&
			 (c->code == WIRE_OTHER_CLUSTER || c->code == WIRE_OTHER_VERSION ||
			  c->code == WIRE_INVALID));

	close_connection(m, for_good ? MEMBER_REFUSED : MEMBER_AWAY, c->text, now);
}

/* Is there a request on the way after which the name is ours again, or goes as its owner has said?
 * Then the answer to it decides. */
static bool is_under_way(const struct member *m, const struct member_name *n, uint32_t now_owner)
{
	const struct member_request *r = m->requests.first;

	for (; r; r = r->next) {
		if (r->handle != n->handle || strcmp(r->name, n->name) != 0)
			continue;
		if (r->reclaim || r->kind == WIRE_RELEASE ||
		    (r->kind == WIRE_TRANSFER && r->target == now_owner))
			return true;
	}
	return false;
}

/* The master says that the name is this service's of ours: it asked for it, or another service has
 * handed the name to it, and then it must be there. */
static void name_came(struct member *m, const char *name, uint32_t handle, uint64_t fence)
{
	struct member_name *n = name_find(m, name);

	if (n && n->handle == handle) {
		n->fence = fence;
		return;
	}
	if (n && !is_under_way(m, n, handle))
		name_lost(m, name, n->handle, handle);
	if (m->ops->alive(m->ud, handle))
		name_add(m, name, handle, 0, fence);
	else if (!has_said(m, name, handle))
		give_up(m, name, handle);
}

static void name_changed(struct member *m, const struct wire_control *c, uint64_t now)
{
	struct member_name *n = NULL;

	if (m->state == MEMBER_JOINED && c->change != ++m->change) {
		close_connection(m, MEMBER_AWAY, "a change of the names is missing", now);
		return;
	}
	if (!group_allows(c->text, c->handle) || (c->handle && !(c->handle >> 24))) {
		close_connection(m, MEMBER_AWAY,
				 "it sent a name that is not valid, or an owner without a node",
				 now);
		return;
	}
	m->ops->name(m->ud, c->text, c->handle, c->fence);
	if (c->handle >> 24 == m->self->id) {
		name_came(m, c->text, c->handle, c->fence);
		return;
	}
	/* within a snapshot our own claim is still to come, or it is under way, and may win */
	if (m->state == MEMBER_JOINED)
		n = name_find(m, c->text);
	if (n && !is_under_way(m, n, c->handle))
		name_lost(m, c->text, n->handle, c->handle);
}

static void node_changed(struct member *m, const struct wire_control *c, uint64_t now)
{
	if (c->id < 1 || c->id > 255 || !remote_label_valid(c->name) ||
	    !wire_address_valid(c->address) || (c->up && !c->epoch))
		close_connection(m, MEMBER_AWAY, "it named a node that cannot be", now);
	else
		m->ops->node(m->ud, c);
}

void member_input(struct member *m, int conn, const struct wire_control *c, uint64_t now)
{
	bool member = m->state == MEMBER_JOINED, joining = m->state == MEMBER_JOINING;

	if (conn != m->conn)
		return;
	m->heard_ns = now;
	if (c->kind == WIRE_REFUSE && c->code == WIRE_NOT_LEADER)
		sent_on(m, c, now);
	else if (c->kind == WIRE_REFUSE)
		refused(m, c, now);
	else if (c->kind == WIRE_JOINED && joining)
		joined(m, c, now);
	else if (c->kind == WIRE_SYNCED && joining && m->self->id)
		synced(m, c, now);
	else if (c->kind == WIRE_MEMBER && (member || joining))
		node_changed(m, c, now);
	else if (c->kind == WIRE_NAME && (member || joining))
		name_changed(m, c, now);
	else if (c->kind == WIRE_ANSWER && member)
		answered(m, c);
	else if (c->kind == WIRE_PROBE && member)
		m->ops->probe(m->ud, c->id, c->epoch);
	else if (c->kind == WIRE_PONG && member)
		m->rtt_ns = now - c->stamp;
	else
		close_connection(m, MEMBER_AWAY,
				 "the master sent a frame that does not belong here", now);
	check(m);
}

static void ping(struct member *m, uint64_t now)
{
	struct wire_control c = { .kind = WIRE_PING, .stamp = now, .count = births_now(m) };

	m->births_told = c.count;
	m->ops->write(m->ud, m->conn, &c);
}

void member_tell_births(struct member *m, uint64_t now)
{
	if (m->state == MEMBER_JOINED && births_now(m) != m->births_told)
		ping(m, now);
	check(m);
}

void member_begin_births(struct member *m, uint64_t base)
{
	if (!m->births_base)
		m->births_base = base;
}

void member_link(struct member *m, const struct peer *p, enum wire_up up)
{
	struct wire_control c = { .kind = WIRE_MEMBER, .id = p->id, .epoch = p->epoch, .up = up };

	if (m->state != MEMBER_JOINED || !p->epoch)
		return;
	memcpy(c.name, p->name, sizeof(c.name));
	memcpy(c.address, p->address, sizeof(c.address));
	m->ops->write(m->ud, m->conn, &c);
	check(m);
}

static void expire_request(struct member *m, struct member_request *r)
{
	const struct member_name *ours = name_find(m, r->name);
	char text[sizeof(m->why) + 200];
	int32_t session = r->session;
	bool done = m->state == MEMBER_JOINED;

	snprintf(text, sizeof(text), "no answer in %u ms: %.399s%.127s%s",
		 (unsigned)(m->request_wait_ns / 1000000), done ? "master " : m->why,
		 done ? member_master(m) : "", done ? ": it is silent" : "");
	r->session = 0;
	m->ops->answer(m->ud, r->from, session, r->name, WIRE_NOT_HERE, text, 0);
	if (!r->sent || r->kind == WIRE_TRANSFER || r->kind == WIRE_QUERY)
		mem_free(take_request(m, r->id));
	else if (r->kind == WIRE_REGISTER && (!ours || ours->handle != r->handle))
		/* it may be granted yet, and nobody would know */
		give_up(m, r->name, r->handle);
}

/* Fails what waits for too long; returns when the next one is over. */
static uint64_t expire_requests(struct member *m, uint64_t now)
{
	uint64_t first = UINT64_MAX;

	for (struct member_request *r = m->requests.first, *next; r && m->request_wait_ns;
	     r = next) {
		next = r->next;
		if (!r->session)
			continue;
		if (!r->deadline_ns)
			r->deadline_ns = now + m->request_wait_ns;
		if (r->deadline_ns <= now)
			expire_request(m, r);
		else if (r->deadline_ns < first)
			first = r->deadline_ns;
	}
	return first;
}

static uint64_t tick(struct member *m, uint64_t now);

uint64_t member_tick(struct member *m, uint64_t now)
{
	uint64_t request = expire_requests(m, now), next = tick(m, now);

	check(m);
	return request < next ? request : next;
}

static uint64_t tick(struct member *m, uint64_t now)
{
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
			return m->deadline_ns > now ? m->deadline_ns
						    : m->heard_ns + PEER_HANDSHAKE_NS;
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
		m->ping_ns = peer_next_beat(m->self, now); /* with those of the links */
		ping(m, now);
	}
	return dead < m->ping_ns ? dead : m->ping_ns;
}

void member_stop(struct member *m)
{
	struct wire_control bye = { .kind = WIRE_GOODBYE, .count = births_now(m) };

	if (m->state == MEMBER_JOINED)
		m->ops->write(m->ud, m->conn, &bye);
	else if (m->conn)
		m->ops->close(m->ud, m->conn, "this node ends");
	m->state = MEMBER_REFUSED;
	m->conn = 0;
	check(m);
}

/* SPDX-License-Identifier: MIT */
/* The connection to the master, and his frames; names and requests are in member_names.c. */
#include "harbor/protocol/member.h"

#include <stdio.h>
#include <string.h>

#include "core/actor/group.h"
#include "core/actor/handle.h"
#include "core/base/backoff.h"
#include "core/base/must.h"
#include "core/actor/remote.h"

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

static void set_state(struct member *m, enum member_state st, const char *why)
{
	m->state = st;
	if (why)
		snprintf(m->why, sizeof(m->why), "%s", why);
	m->ops->state(m->ud, st, m->why);
}

/* ---- the connection ---- */

/* Over all lives; 0: not known where this one begins. */
static uint64_t births_now(const struct member *m)
{
	return m->births_base ? m->births_base + m->ops->births(m->ud) : 0;
}

static bool searches(const struct member *m, uint64_t now)
{
	return m->search_ns && now - m->search_ns < MEMBER_SEARCH_FOR_NS;
}

/* How long one of the list has to have its turn. */
static uint64_t share_of(const struct member *m, uint64_t ns, uint64_t least_ns)
{
	uint64_t share = ns / (m->master_count ? m->master_count : 1);

	return share > least_ns ? share : least_ns;
}

/* Tries again after a pause; what the attempt has taken is part of it. */
static void back_off(struct member *m, uint64_t now)
{
	/* after all were asked, or one of them */
	uint64_t longest_ns = m->asked_all
				      ? MEMBER_BACKOFF_MAX_NS
				      : share_of(m, MEMBER_BACKOFF_MAX_NS, MEMBER_BACKOFF_MIN_NS);
	/* the epoch differs from node to node, and the master takes 255 at once */
	uint64_t random = m->self->epoch >> 8, none = 0;
	uint64_t least = now + backoff_next(&none, MEMBER_BACKOFF_MIN_NS, longest_ns, random);
	uint64_t pause = backoff_next(&m->backoff_ns, MEMBER_BACKOFF_MIN_NS,
				      searches(m, now) ? MEMBER_SEARCH_NS : longest_ns, random);

	m->retry_ns = m->tried_ns + pause > least ? m->tried_ns + pause : least;
	m->hops = 0;
	m->asked_all = false;
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
	m->reached = false;
	m->tried_ns = m->heard_ns = now;
	m->conn = m->ops->connect(m->ud, member_master(m));
	if (m->conn <= 0)
		drop(m, MEMBER_AWAY, "the master's address is not valid", now);
}

void member_start(struct member *m, uint64_t now)
{
	m->retry_ns = now;
}

void member_reached(struct member *m, int conn)
{
	m->reached |= conn == m->conn;
}

void member_connected(struct member *m, int conn, uint64_t now)
{
	struct wire_control c = { .kind = WIRE_JOIN,
				  .version = wire_version,
				  .version_min = wire_version_min,
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
	m->reached = true;
	m->births_told = c.births;
	m->ops->write(m->ud, conn, &c);
	member_check(m);
}

void member_lost(struct member *m, int conn, const char *why, uint64_t now)
{
	if (conn && conn == m->conn)
		drop_and(m, MEMBER_AWAY, why, m->state == MEMBER_JOINED, now);
	member_check(m);
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
	if (!wire_common_version(c->version, c->version)) {
		close_connection(m, MEMBER_AWAY,
				 "it chose a version of the protocol that is not spoken here", now);
		return;
	}
	m->version = c->version;
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
	m->change = c->change;
	m->backoff_ns = 0;
	m->leader_lost = false;
	m->search_ns = 0;
	snprintf(m->leader, sizeof(m->leader), "%s", member_master(m));
	m->ping_ns = now;
	m->asked_ns = 0;
	m->was_joined = true;
	m->ops->snapshot(m->ud, true);
	set_state(m, MEMBER_JOINED, "");
	member_tell_all(m);
}

/* A candidate that does not lead. Where he sends us we go at once, and so we do to the next of the
 * list, but not for ever without a pause. */
static void sent_on(struct member *m, const struct wire_control *c, uint64_t now)
{
	char why[200];
	bool listed = !m->sent_to[0], known = wire_address_valid(c->text);
	unsigned hops = m->hops + 1;
	uint64_t pause = m->backoff_ns;
	bool again = hops <= 2 * m->master_count;

	snprintf(why, sizeof(why), "it does not lead, and says %.127s does",
		 known ? c->text : "that nobody");
	m->search_ns = m->search_ns ? m->search_ns : now;
	m->leader[0] = 0; /* nobody was found dead just now */
	m->leader_lost = false;
	m->asked_all = !again;
	close_connection(m, MEMBER_AWAY, why, now);
	if (again) {
		m->retry_ns = now;
		m->backoff_ns = pause;
		m->hops = hops;
	}
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

static void name_changed(struct member *m, const struct wire_control *c, uint64_t now)
{
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
	member_name_told(m, c);
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
	m->asked_ns = 0;
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
		member_answered(m, c);
	else if (c->kind == WIRE_PROBE && member)
		m->ops->probe(m->ud, c->id, c->epoch);
	else if (c->kind == WIRE_PONG && member)
		m->rtt_ns = now - c->stamp;
	else
		close_connection(m, MEMBER_AWAY,
				 "the master sent a frame that does not belong here", now);
	member_check(m);
}

static void ping(struct member *m, uint64_t now)
{
	struct wire_control c = { .kind = WIRE_PING, .stamp = now, .count = births_now(m) };

	m->births_told = c.count;
	m->asked_ns = m->asked_ns ? m->asked_ns : now;
	m->ops->write(m->ud, m->conn, &c);
}

void member_tell_births(struct member *m, uint64_t now)
{
	if (m->state == MEMBER_JOINED && births_now(m) != m->births_told)
		ping(m, now);
	member_check(m);
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
	member_check(m);
}

/* Returns when the master is silent, UINT64_MAX: he was not asked. A beat is left for the answer:
 * if the question came late, it was this process that stood still. */
static uint64_t silent_at(const struct member *m)
{
	uint64_t beat = liveness_beat(m->self->heartbeat_ns, m->self->dead_ns),
		 dead = m->heard_ns + m->self->dead_ns;

	if (!m->asked_ns)
		return UINT64_MAX;
	return dead > m->asked_ns + beat ? dead : m->asked_ns + beat;
}

static uint64_t tick(struct member *m, uint64_t now);

uint64_t member_tick(struct member *m, uint64_t now)
{
	uint64_t request = member_expire_requests(m, now), next = tick(m, now);

	member_check(m);
	return request < next ? request : next;
}

/* An address without a name, which needs no looking up. */
static bool is_numeric(const char *address)
{
	return address[0] == '[' || !address[strspn(address, "0123456789.:")];
}

static uint64_t answer_due(const struct member *m)
{
	uint64_t limit = PEER_HANDSHAKE_NS;

	if (!m->reached && is_numeric(member_master(m)))
		limit = share_of(m, MEMBER_ANSWER_NS, MEMBER_ANSWER_MIN_NS);
	return m->heard_ns + limit;
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
		return m->conn ? answer_due(m) : m->retry_ns;
	case MEMBER_CONNECTING:
	case MEMBER_JOINING:
		/* the snapshot may be long, silence may not */
		if (now < answer_due(m))
			return answer_due(m);
		close_connection(m, MEMBER_AWAY, "the master does not answer", now);
		return m->retry_ns;
	case MEMBER_JOINED:
		break;
	}
	dead = silent_at(m);
	if (now >= dead) {
		close_connection(m, MEMBER_AWAY, "no heartbeat", now);
		return m->retry_ns;
	}
	if (now >= m->ping_ns) {
		m->ping_ns = peer_next_beat(m->self, now); /* with those of the links */
		ping(m, now);
		dead = silent_at(m);
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
	member_check(m);
}

/* SPDX-License-Identifier: MIT */
/* Every way out of a state goes through one of few functions: meet, connect_now, set_up, drop_link,
 * end_incarnation. */
#include "harbor/protocol/peer.h"

#include <stdio.h>
#include <string.h>

#include "core/base/backoff.h"
#include "core/base/must.h"
#include "core/base/random.h"

#ifdef CHECKS
/* What holds between two calls from outside. */
static void check(const struct peer *p)
{
	must((p->state >= PEER_CONNECTING) == (p->conn > 0));
	must((p->state == PEER_UNKNOWN) == (p->epoch == 0));
	must(p->state == PEER_UP || !p->disowned);
	must(p->state == PEER_UNKNOWN || !p->left);
	must(p->reachable || !p->patient);
	must(p->state != PEER_UP || p->patient);
	must(p->state != PEER_UNKNOWN || !p->reachable);
	must(p->state == PEER_UP || (!p->live.asked_ns && !p->live.probed));
	must(!p->meeting || (p->patient && p->state != PEER_UP));
	must(!p->young || (p->state == PEER_CONNECTING && p->self->pace.young > 0));
	must(p->self->pace.young <= p->self->pace.max);
	must(p->self->pace.allowed <= p->self->pace.max);
}
#else
#define check(p) ((void)(p)) /* the state is looked at in builds with CHECKS=1 */
#endif

void peer_init(struct peer *p, const struct peer_ops *ops, struct peer_self *self, unsigned id)
{
	must(ops && self && self->pace.max && id >= 1 && id <= 255);
	*p = (struct peer){ .ops = ops, .self = self, .id = id };
	pace_begin(&self->pace);
}

static uint64_t beat_of(const struct peer_self *self)
{
	return liveness_beat(self->heartbeat_ns, self->dead_ns);
}

uint64_t peer_next_beat(const struct peer_self *self, uint64_t now)
{
	return liveness_next_beat(beat_of(self), self->epoch, now);
}

static void set_young(struct peer *p, bool young)
{
	p->self->pace.young += (unsigned)young - (unsigned)p->young;
	p->young = young;
}

static void set_state(struct peer *p, enum peer_state st)
{
	set_young(p, st == PEER_CONNECTING);
	p->state = st;
}

/* How many may be under way at a time follows how long they take. */
static void end_attempt(struct peer *p, uint64_t now)
{
	if (p->state == PEER_CONNECTING && p->answered)
		pace_learn(&p->self->pace, p->tried_ns, now);
}

static void back_off(struct peer *p, uint64_t now)
{
	p->retry_ns = now + backoff_next(&p->backoff_ns, PEER_BACKOFF_MIN_NS, PEER_BACKOFF_MAX_NS,
					 random_next(&p->self->random));
}

/* From this time on the node has so long to come (back). */
static void wait_for_link(struct peer *p, uint64_t from)
{
	p->patient = true;
	p->tired_ns = from + p->self->link_wait_ns;
	p->unreachable_ns = from + p->self->dead_ns;
}

/* As long as nothing speaks against it. */
static void wait_to_meet(struct peer *p, uint64_t now)
{
	p->meeting = now < p->meeting_ns;
	if (p->meeting)
		wait_for_link(p, p->meeting_ns);
}

/* An attempt has failed: its time counts. */
static void end_meeting(struct peer *p)
{
	if (p->meeting)
		wait_for_link(p, p->tried_ns);
	p->meeting = false;
}

static void give_up(struct peer *p, enum peer_loss loss)
{
	p->reachable = p->patient = p->meeting = false;
	p->ops->give_up(p, loss);
}

/* Nothing is known of it any more, and it has no connection. */
static void end_incarnation(struct peer *p)
{
	p->epoch = 0;
	p->disowned = false;
	set_state(p, PEER_UNKNOWN);
	p->their_attempt = 0;
	give_up(p, PEER_NODE_DOWN);
}

/* The connection, if any, is gone or given up. */
static void drop_link(struct peer *p, enum peer_loss loss, const char *why, uint64_t now)
{
	bool was_up = p->state == PEER_UP;

	end_attempt(p, now);
	snprintf(p->why, sizeof(p->why), "%s", why);
	p->conn = 0;
	p->gone = false;
	liveness_end(&p->live);
	end_meeting(p);
	set_state(p, p->epoch ? PEER_WAITING : PEER_UNKNOWN);
	if (was_up) {
		wait_for_link(p, now);
		p->ops->down(p, loss, why);
	}
	back_off(p, now);
	/* At once, for the answer tells whether the process lives; but not in a circle. */
	if (was_up && (!p->at_once_ns || now - p->at_once_ns >= PEER_BACKOFF_MIN_NS))
		p->retry_ns = p->at_once_ns = now;
	p->silent = false;
	if (p->disowned)
		end_incarnation(p);
}

static void close_link(struct peer *p, enum peer_loss loss, const char *why, uint64_t now)
{
	int conn = p->conn;

	if (!conn)
		return;
	drop_link(p, loss, why, now);
	p->ops->close(p, conn, why);
}

static void forget_incarnation(struct peer *p, enum peer_loss loss, const char *why, uint64_t now)
{
	p->disowned = false;
	close_link(p, loss, why, now);
	end_incarnation(p);
	p->left = loss == PEER_NODE_LEFT;
}

static void meet(struct peer *p, const struct wire_control *c, uint64_t now)
{
	memcpy(p->name, c->name, sizeof(p->name));
	memcpy(p->address, c->address, sizeof(p->address));
	p->disowned = false;
	if (p->epoch == c->epoch)
		return;
	p->epoch = c->epoch;
	p->left = false;
	set_state(p, PEER_WAITING);
	p->reachable = true;
	p->meeting_ns = now + PEER_MEETING_NS;
	wait_to_meet(p, now);
	snprintf(p->why, sizeof(p->why), PEER_NOT_TRIED);
	/* the smaller id goes first: both at once would only cross */
	p->retry_ns = p->self->id < p->id ? now : now + PEER_TURN_NS;
	p->backoff_ns = 0;
}

static void connect_now(struct peer *p, uint64_t now)
{
	int conn;

	set_state(p, PEER_CONNECTING);
	if (p->meeting) {
		wait_for_link(p, now);
		snprintf(p->why, sizeof(p->why), "it does not answer");
	}
	p->answered = p->offered = false;
	p->tried_ns = now;
	p->old_ns = now + PEER_YOUNG_NS;
	p->deadline_ns = now + PEER_HANDSHAKE_NS;
	p->attempt++;
	conn = p->ops->connect(p);
	if (conn > 0)
		p->conn = conn;
	else
		drop_link(p, PEER_LINK_LOST, "its address is not valid", now);
}

void peer_member_up(struct peer *p, const struct wire_control *c, uint64_t now)
{
	if (!c->epoch)
		return;
	if (p->epoch && p->epoch != c->epoch)
		forget_incarnation(p, PEER_NODE_DOWN, "the node restarted", now);
	meet(p, c, now);
	check(p);
}

void peer_member_down(struct peer *p, uint64_t now)
{
	/* A node that was only frozen or cut off may come back as the same incarnation. */
	if (p->state == PEER_UP && (!p->live.asked_ns || now - p->live.asked_ns < beat_of(p->self)))
		p->disowned = true; /* if it is silent, the next beats will show it */
	else if (p->epoch)
		forget_incarnation(p, PEER_NODE_DOWN, "the node is dead", now);
	check(p);
}

/* From now on it is the other process that lets us wait, and not the way to its machine. */
static void grant_handshake(struct peer *p, uint64_t now)
{
	p->answered = true;
	if (p->meeting) {
		wait_to_meet(p, now);
		snprintf(p->why, sizeof(p->why), "the handshake is slow");
	}
	p->deadline_ns = p->old_ns = now + PEER_HANDSHAKE_NS;
}

void peer_reached(struct peer *p, int conn, uint64_t now)
{
	if (conn == p->conn && p->state == PEER_CONNECTING)
		grant_handshake(p, now);
	check(p);
}

void peer_connected(struct peer *p, int conn, uint64_t now)
{
	struct wire_control c = { .kind = WIRE_HELLO,
				  .version = wire_version,
				  .version_min = wire_version_min,
				  .features = WIRE_FEATURES,
				  .id = p->self->id,
				  .epoch = p->self->epoch,
				  .peer_epoch = p->epoch,
				  .request = p->attempt };

	if (conn != p->conn || p->state != PEER_CONNECTING)
		return;
	grant_handshake(p, now); /* until the WELCOME */
	memcpy(c.cluster, p->self->cluster, sizeof(c.cluster));
	p->offered = true;
	p->ops->offer(p, &c);
	p->ops->write(p, conn, &c);
	check(p);
}

static void refuse(struct peer *p, int conn, enum wire_code code, const char *why)
{
	struct wire_control c = { .kind = WIRE_REFUSE, .code = code };

	snprintf(c.text, sizeof(c.text), "%s", why);
	p->ops->write(p, conn, &c);
}

static uint64_t idle_of(struct peer *p)
{
	return liveness_idle(beat_of(p->self), p->self->id < p->id, &p->self->random);
}

/* first: the HELLO or WELCOME of the other node. */
static void set_up(struct peer *p, int conn, const struct wire_control *first, uint32_t version,
		   uint64_t now)
{
	end_attempt(p, now);
	p->version = version;
	p->features = first->features & WIRE_FEATURES;
	set_state(p, PEER_UP);
	p->conn = conn;
	p->reachable = p->patient = true;
	p->meeting = false;
	p->witnesses = 0;
	p->backoff_ns = 0;
	liveness_begin(&p->live, peer_next_beat(p->self, now), idle_of(p), now);
	p->why[0] = 0;
	p->ops->up(p, conn);
}

static bool greet(struct peer *p, int conn, const struct wire_control *c, uint64_t now)
{
	struct wire_control welcome = { .kind = WIRE_WELCOME,
					.features = WIRE_FEATURES,
					.id = p->self->id,
					.epoch = p->self->epoch };
	const char *why;

	if (c->peer_epoch != p->self->epoch || !p->epoch || c->epoch != p->epoch || p->disowned) {
		refuse(p, conn, WIRE_NOT_HERE, PEER_NOT_NAMED);
		return false;
	}
	if (c->request <= p->their_attempt ||
	    (p->state == PEER_CONNECTING && p->self->id < p->id)) {
		refuse(p, conn, WIRE_CROSSED, "both nodes connected, the other connection stays");
		return false;
	}
	/* A HELLO while the link is up: the other side has lost it and does not wait to be
	 * noticed. */
	close_link(p, PEER_LINK_LOST, "the node has connected anew", now);
	p->their_attempt = c->request;
	why = p->ops->resume(p, c);
	if (why) {
		refuse(p, conn, WIRE_INVALID, why);
		return false;
	}
	p->ops->offer(p, &welcome);
	welcome.version = wire_common_version(c->version_min, c->version);
	welcome.request = p->attempt;
	p->ops->write(p, conn, &welcome);
	set_up(p, conn, c, welcome.version, now);
	return true;
}

bool peer_hello(struct peer *p, int conn, const struct wire_control *c, uint64_t now)
{
	bool taken;

	must(conn > 0);
	taken = greet(p, conn, c, now);
	check(p);
	return taken;
}

static void welcomed(struct peer *p, int conn, const struct wire_control *c, uint64_t now)
{
	const char *why;

	if (p->state != PEER_CONNECTING)
		return;
	if (c->id != p->id || c->epoch != p->epoch) {
		close_link(p, PEER_LINK_LOST, "another node answers at its address", now);
		return;
	}
	if (!wire_common_version(c->version, c->version)) {
		close_link(p, PEER_LINK_LOST,
			   "it chose a version of the protocol that is not spoken here", now);
		return;
	}
	/* what they tried before they welcomed us is given up */
	p->their_attempt = c->request;
	why = p->ops->resume(p, c);
	if (why) {
		close_link(p, PEER_LINK_LOST, why, now);
		return;
	}
	set_up(p, conn, c, c->version, now);
}

/* A PING or PONG came. Returns false if the link is closed now. */
static bool take_count(struct peer *p, const struct wire_control *c, uint64_t now)
{
	if (p->state != PEER_UP || p->ops->acknowledged(p, c->count))
		return true;
	close_link(p, PEER_LINK_LOST, "it has counted frames that were never sent", now);
	return false;
}

static void answer_probe(struct peer *p)
{
	p->live.probed = false;
	p->ops->alive(p);
}

static void refused(struct peer *p, const struct wire_control *c, uint64_t now)
{
	bool meeting = p->meeting && c->code == WIRE_NOT_HERE;

	close_link(p, PEER_LINK_LOST, c->text[0] ? c->text : "it refuses this node", now);
	if (meeting)
		wait_to_meet(p, now);
}

void peer_input(struct peer *p, int conn, const struct wire_control *c, uint64_t now)
{
	struct wire_control pong = { .kind = WIRE_PONG, .stamp = c->stamp };

	if (conn != p->conn)
		return;
	if (c->kind == WIRE_PING)
		liveness_seen(&p->live, now);
	else
		liveness_heard(&p->live, now);
	switch (c->kind) {
	case WIRE_WELCOME:
		welcomed(p, conn, c, now);
		break;
	case WIRE_PING:
		if (!take_count(p, c, now))
			break;
		pong.count = p->ops->received(p);
		p->ops->write(p, conn, &pong);
		break;
	case WIRE_PONG:
		if (!take_count(p, c, now))
			break;
		if (p->state == PEER_UP && c->stamp <= now)
			p->rtt_ns = now - c->stamp;
		if (p->live.probed)
			answer_probe(p);
		break;
	case WIRE_ACK: /* that of the data plane was not taken, or came before there was one */
		(void)take_count(p, c, now);
		break;
	case WIRE_GOODBYE:
		if (!take_count(p, c, now))
			break;
		forget_incarnation(p, PEER_NODE_LEFT, "the node said goodbye", now);
		break;
	case WIRE_REFUSE:
		refused(p, c, now);
		break;
	case WIRE_ASK:
	case WIRE_SAY:
		if (p->state == PEER_UP)
			p->ops->witness(p, c);
		break;
	default:
		close_link(p, PEER_LINK_LOST, "it sent a frame that does not belong here", now);
		break;
	}
	check(p);
}

void peer_heard(struct peer *p, int conn, uint64_t now)
{
	if (conn == p->conn)
		liveness_heard(&p->live, now);
	check(p);
}

static void ask(struct peer *p, uint64_t now)
{
	struct wire_control ping = { .kind = WIRE_PING,
				     .stamp = now,
				     .count = p->ops->received(p) };

	liveness_ask(&p->live, idle_of(p), now);
	p->ops->write(p, p->conn, &ping);
}

void peer_probe(struct peer *p, uint64_t now)
{
	if (p->state != PEER_UP)
		return;
	p->live.probed = true;
	if (liveness_is_fresh(&p->live, beat_of(p->self), now))
		answer_probe(p);
	else if (!p->live.asked_ns)
		ask(p, now);
	check(p);
}

void peer_ask(struct peer *p, uint64_t now)
{
	if (p->state == PEER_UP && !p->live.asked_ns)
		ask(p, now);
	check(p);
}

void peer_lost(struct peer *p, int conn, const char *why, uint64_t now)
{
	if (conn && conn == p->conn)
		drop_link(p, PEER_LINK_LOST, why, now);
	check(p);
}

void peer_refused(struct peer *p, int conn, const char *why, uint64_t now)
{
	if (!conn || conn != p->conn)
		return;
	drop_link(p, PEER_LINK_LOST, why, now);
	p->gone = true;
	p->question = p->attempt;
	p->witnesses = p->reachable ? p->ops->doubt(p) : 0;
	if (p->reachable && !p->witnesses)
		give_up(p, PEER_REFUSED);
	check(p);
}

void peer_testified(struct peer *p, const struct wire_control *c)
{
	if (!p->witnesses || c->request != p->question || c->epoch != p->epoch)
		return;
	if (c->up == WIRE_UP) {
		p->witnesses = 0;
		p->gone = false;
	} else if (!--p->witnesses && p->reachable && !(p->conn && p->offered)) {
		give_up(p, PEER_REFUSED);
	}
	check(p);
}

static uint64_t tick_up(struct peer *p, uint64_t now)
{
	uint64_t silent;

	if (p->live.probed && !p->live.asked_ns)
		answer_probe(p);
	if (now >= p->live.beat_ns &&
	    liveness_look(&p->live, beat_of(p->self), peer_next_beat(p->self, now),
			  p->ops->waits(p), p->disowned, now))
		ask(p, now);
	silent = liveness_silent_at(&p->live, beat_of(p->self), p->self->dead_ns);
	if (now >= silent) {
		p->silent = true;
		close_link(p, PEER_LINK_LOST, "no heartbeat", now);
		return p->retry_ns;
	}
	return silent < p->live.beat_ns ? silent : p->live.beat_ns;
}

static bool may_try(const struct peer *p)
{
	return pace_may_try(&p->self->pace);
}

static uint64_t tick(struct peer *p, uint64_t now)
{
	uint64_t next = UINT64_MAX;

	if (p->state == PEER_UP)
		return tick_up(p, now);
	if (p->state == PEER_UNKNOWN)
		return next;
	if (p->state == PEER_CONNECTING && now >= p->deadline_ns)
		close_link(p, PEER_LINK_LOST, "the handshake took too long", now);
	if (p->young && now >= p->old_ns) {
		set_young(p, false);
		return now; /* those before us may try, too */
	}
	if (p->state == PEER_WAITING && now >= p->retry_ns && may_try(p))
		connect_now(p, now);
	if (p->reachable && now >= p->unreachable_ns) {
		/* its HELLO speaks of a session that ends now; who has not said it goes on */
		if (p->state == PEER_CONNECTING && p->offered)
			close_link(p, PEER_LINK_LOST, "the handshake took too long", now);
		give_up(p, PEER_LINK_LOST);
	}
	if (p->patient && now >= p->tired_ns) {
		p->patient = p->meeting = false;
		p->ops->tired(p);
	}
	if (p->state == PEER_CONNECTING)
		next = p->young && p->old_ns < p->deadline_ns ? p->old_ns : p->deadline_ns;
	else if (now < p->retry_ns || may_try(p)) /* else it waits for the end of another attempt */
		next = p->retry_ns;
	if (p->reachable && p->unreachable_ns < next)
		next = p->unreachable_ns;
	if (p->patient && p->tired_ns < next)
		next = p->tired_ns;
	return next;
}

uint64_t peer_tick(struct peer *p, uint64_t now)
{
	uint64_t next = tick(p, now);

	check(p);
	return next;
}

enum wire_up peer_loss_kind(const struct peer *p)
{
	return p->silent ? WIRE_DOWN : WIRE_BROKEN;
}

bool peer_is_unreachable(const struct peer *p)
{
	return p->epoch && p->state != PEER_UP && !p->patient && !p->gone;
}

void peer_stop(struct peer *p)
{
	struct wire_control bye = { .kind = WIRE_GOODBYE };

	if (p->state == PEER_UP) {
		bye.count = p->ops->received(p);
		p->ops->write(p, p->conn, &bye);
	} else if (p->state == PEER_CONNECTING) {
		p->ops->close(p, p->conn, "this node ends");
	}
	if (p->state != PEER_UP) {
		set_state(p, PEER_UNKNOWN);
		p->conn = 0;
		p->epoch = 0;
		p->reachable = p->patient = p->meeting = false;
	}
	check(p);
}

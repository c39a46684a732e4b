/* SPDX-License-Identifier: MIT */
/* The hands of the state machines, in the order peer, member, master. A peer is a part of its link,
 * and gets its hands when the master names it first. */
#include "harbor/effects.h"

#include <stdio.h>
#include <string.h>

#include "core/actor/handle.h"
#include "core/actor/remote.h"
#include "core/actor/send.h"
#include "core/actor/service.h"
#include "core/base/clock.h"
#include "core/base/random.h"
#include "core/log/log.h"
#include "harbor/announce.h"
#include "harbor/events.h"
#include "harbor/link/conn.h"
#include "harbor/link/flush.h"
#include "harbor/link/link.h"
#include "harbor/registry/keeper.h"
#include "harbor/link/moves.h"
#include "harbor/protocol/witness.h"
#include "harbor/report.h"
#include "harbor/state.h"
#include "harbor/watch.h"
#include "net/post.h"

/* ---- peers ---- */

static struct link *link_of(struct peer *p)
{
	return container_of(p, struct link, peer);
}

static int peer_connect(struct peer *p)
{
	char address[ANNOUNCE_MAX];

	announce_reach(p->address, H.master_host, address);
	return conn_connect(address, ROLE_LINK, p->id);
}

static void peer_write(struct peer *p, int conn, const struct wire_control *c)
{
	(void)p;
	conn_write(conn, c);
}

static void peer_close(struct peer *p, int conn, const char *why)
{
	(void)p;
	(void)why;
	/* What waits is for a link that is lost, and as much as queue_max. */
	conn_abort(conn);
}

static void peer_is_up(struct peer *p, int conn)
{
	struct link *l = link_of(p);
	struct conn *c = conn_find(conn);

	c->role = ROLE_LINK;
	c->node = p->id;
	c->deadline_ns = 0;
	c->in.in = &l->session.in;
	c->in.max = H.c.message_max;
	/* What the other node may have queued for us, if it is configured as we are, and a
	 * message over. */
	c->in.large_max = H.c.queue_max + H.c.message_max;
	l->since_wall_ns = clock_wall_ns();
	log_event(link_up, p->name, "harbor: link to node %s (harbor %u) is up", p->name, p->id);
	link_open(l);
	link_up(l, conn);
	moves_link_up(p->id);
	link_measured(l);
	member_link(&H.member, p, WIRE_UP);
	watch_tell(p->id, true);
}

static void peer_is_down(struct peer *p, enum peer_loss loss, const char *why)
{
	enum wire_up how = peer_loss_kind(p);
	struct link *l = link_of(p);

	l->since_wall_ns = clock_wall_ns();
	if (loss == PEER_NODE_LEFT)
		log_event(node_left, p->name, "harbor: node %s (harbor %u) has left", p->name,
			  p->id);
	else if (!H.goodbye_said) /* else this is the other node's answer to ours */
		report(REPORT_LINK_LOST, p->name, clock_mono_ns(),
		       "harbor: link to node %s (harbor %u) is lost: %s", p->name, p->id, why);
	link_measured(l);
	link_down(l);
	/* it was silent: whoever waits for an answer has waited long enough */
	if (how == WIRE_DOWN)
		link_fail_requests(l);
	member_link(&H.member, p, how);
	watch_tell(p->id, false);
}

static void peer_is_tired(struct peer *p)
{
	report(REPORT_TIRED, p->name, clock_mono_ns(),
	       "harbor: node %s (harbor %u) has been without a link for too long, calls to it "
	       "fail: %s",
	       p->name, p->id, p->why);
	link_tired(link_of(p));
}

static void peer_given_up(struct peer *p, enum peer_loss loss)
{
	if (loss == PEER_LINK_LOST)
		report(REPORT_OUT_OF_REACH, p->name, clock_mono_ns(),
		       "harbor: node %s (harbor %u) is out of reach: %s; %s", p->name, p->id,
		       p->why,
		       H.member.state == MEMBER_JOINED
			       ? "the master has not called it dead"
			       : "the master is away, so nobody knows whether it is dead");
	else if (loss == PEER_REFUSED)
		report(REPORT_GONE, p->name, clock_mono_ns(),
		       "harbor: node %s (harbor %u) is gone: %s", p->name, p->id, p->why);
	else
		directory_drop_node(&H.directory, p->id);
	link_shut(link_of(p), loss == PEER_LINK_LOST ? LINK_OUT_OF_REACH : LINK_NODE_DOWN);
	moves_node_gone(p->id, loss != PEER_LINK_LOST);
}

static void peer_offer(struct peer *p, struct wire_control *c)
{
	link_offer(link_of(p), c);
}

static const char *peer_resume(struct peer *p, const struct wire_control *c)
{
	const char *why = link_resume(link_of(p), c);

	if (why)
		log_warning("harbor: node %s (harbor %u) cannot be linked: %s", p->name, p->id,
			    why);
	return why;
}

static uint64_t peer_received(struct peer *p)
{
	return link_of(p)->session.in.count;
}

static bool peer_acknowledged(struct peer *p, uint64_t count)
{
	return flush_acknowledged(link_of(p), count);
}

static bool peer_waits(struct peer *p)
{
	struct link *l = link_of(p);

	return ledger_sum(&l->ledger) || pending_count(&l->pending);
}

static void peer_is_alive(struct peer *p)
{
	member_link(&H.member, p, WIRE_UP);
}

static struct peer *peer_of(void *ud, unsigned id)
{
	struct link *l = id <= 255 ? link_find(id) : NULL;

	(void)ud;
	return l ? &l->peer : NULL;
}

static unsigned peer_doubted(struct peer *p)
{
	return witness_ask(p, peer_of, NULL, (unsigned)(random_next(&H.self.random) % 255));
}

static void peer_bears_witness(struct peer *p, const struct wire_control *c)
{
	witness_input(p, peer_of(NULL, c->id), c);
}

static const struct peer_ops peer_hands = {
	.connect = peer_connect,
	.write = peer_write,
	.close = peer_close,
	.up = peer_is_up,
	.down = peer_is_down,
	.tired = peer_is_tired,
	.give_up = peer_given_up,
	.offer = peer_offer,
	.resume = peer_resume,
	.received = peer_received,
	.acknowledged = peer_acknowledged,
	.waits = peer_waits,
	.alive = peer_is_alive,
	.doubt = peer_doubted,
	.witness = peer_bears_witness,
};

static struct link *link_known(unsigned id)
{
	struct link *l = link_get(id);

	if (!l->peer.ops)
		peer_init(&l->peer, &peer_hands, &H.self, id);
	return l;
}

/* ---- what the master says ---- */

static void set_state(enum harbor_state st, const char *what)
{
	atomic_store_explicit(&H.state, (int)st, memory_order_relaxed); /* a lone value */
	if (H.on_state)
		H.on_state(st, what, H.on_state_ud);
}

static int member_connect(void *ud, const char *address)
{
	(void)ud;
	return conn_connect(address, ROLE_MASTER, 0);
}

static void member_write(void *ud, int conn, const struct wire_control *c)
{
	(void)ud;
	conn_write(conn, c);
}

static void member_close(void *ud, int conn, const char *why)
{
	(void)ud;
	(void)why;
	conn_close(conn);
}

static void member_id(void *ud, unsigned id)
{
	H.since_wall_ns = clock_wall_ns();
	(void)ud;
	atomic_store_explicit(&H.id, id, memory_order_relaxed); /* a lone value, always the same */
	handle_set_harbor(id);
}

static void member_snapshot(void *ud, bool complete)
{
	(void)ud;
	directory_snapshot(&H.directory, complete);
	for (unsigned i = 1; i < 256; i++) {
		struct link *l = link_find(i);

		if (l && complete && !l->seen)
			peer_member_down(&l->peer, clock_mono_ns());
		if (l && !complete)
			l->seen = false;
	}
}

static void member_node(void *ud, const struct wire_control *c)
{
	uint64_t now = clock_mono_ns();
	struct link *l;

	(void)ud;
	if (c->id == H.self.id)
		return;
	l = link_known(c->id);
	if (c->up) {
		l->seen = true;
		peer_member_up(&l->peer, c, now);
		if (l->peer.patient)
			link_open(l);
		events_greet_again(c->id);
	} else if (l->peer.epoch == c->epoch) {
		peer_member_down(&l->peer, now);
	}
	/* relaxed: only the loop writes it */
	if (atomic_load_explicit(&l->gate, memory_order_relaxed) == LINK_NO_NODE)
		link_shut(l, LINK_NODE_DOWN);
}

static void member_name(void *ud, const char *name, uint32_t handle, uint64_t fence)
{
	(void)ud;
	if (handle)
		log_event_of(handle, name_changed, name, "global name %s is :%08x", name, handle);
	else
		log_event(name_changed, name, "global name %s is nobody's", name);
	directory_set(&H.directory, name, handle, fence, clock_wall_ns());
}

bool effects_is_alive(uint32_t handle)
{
	struct service *s = service_grab(handle);

	if (s)
		service_unref(s);
	return s != NULL;
}

static bool member_alive(void *ud, uint32_t handle)
{
	(void)ud;
	return effects_is_alive(handle);
}

static void member_lost_name(void *ud, const char *name, uint32_t handle, uint32_t winner)
{
	(void)ud;
	if (winner)
		log_event_of(handle, name_lost, name,
			     "global name %s is lost: :%08x has it by a later registration", name,
			     winner);
	else
		log_event_of(handle, name_lost, name, "global name %s is lost: it was released",
			     name);
	watch_lost_name(name, handle, winner);
}

static uint64_t member_births(void *ud)
{
	(void)ud;
	return handle_births();
}

static void tell_links(void)
{
	for (unsigned i = 1; i < 256; i++) {
		struct link *l = link_find(i);

		if (l && l->peer.state == PEER_UP)
			member_link(&H.member, &l->peer, WIRE_UP);
	}
}

static void member_answer(void *ud, uint32_t from, int32_t session, const char *name, uint32_t code,
			  const char *text, uint64_t fence)
{
	(void)ud;
	if (code && session) {
		service_send_error_text(0, from, session, text);
		return;
	}
	if (code) {
		log_printf(LOG_LEVEL_WARNING, from, "global name %s: %s", name, text);
		return;
	}
	service_answer(0, from, session, &fence, fence ? sizeof(fence) : 0);
}

static void member_probe(void *ud, unsigned id, uint64_t epoch)
{
	struct link *l = id <= 255 ? link_find(id) : NULL;

	(void)ud;
	if (l && l->peer.ops && l->peer.epoch == epoch)
		peer_probe(&l->peer, clock_mono_ns());
}

static void member_is(void *ud, enum member_state st, const char *why)
{
	char what[384];

	(void)ud;
	switch (st) {
	case MEMBER_JOINED:
		snprintf(what, sizeof(what), "node %s is in cluster %s as harbor %u", H.self.name,
			 H.self.cluster, H.self.id);
		log_info("harbor: %s", what);
		tell_links();
		set_state(HARBOR_JOINED, what);
		break;
	case MEMBER_REFUSED:
		set_state(HARBOR_REFUSED, why);
		watch_tell(WATCH_MASTER, false);
		break;
	default:
		set_state(H.member.was_joined ? HARBOR_MASTER_LOST : HARBOR_JOINING, why);
		if (H.member.was_joined)
			watch_tell(WATCH_MASTER, false);
		break;
	}
}

const struct member_ops effects_member_ops = {
	.connect = member_connect,
	.write = member_write,
	.close = member_close,
	.id = member_id,
	.births = member_births,
	.snapshot = member_snapshot,
	.node = member_node,
	.name = member_name,
	.alive = member_alive,
	.lost = member_lost_name,
	.answer = member_answer,
	.state = member_is,
	.probe = member_probe,
};

/* ---- the master ---- */

static void master_write(void *ud, int conn, const uint8_t *bytes, size_t n)
{
	(void)ud;
	conn_write_bytes(conn, bytes, n);
}

static void master_close(void *ud, int conn, const char *why)
{
	(void)ud;
	(void)why;
	conn_close(conn);
}

static void flush_master(void *arg)
{
	(void)arg;
	lock_take(&H.lock);
	if (H.master)
		master_flush(H.master);
	lock_release(&H.lock);
}

static void master_wants_flush(void *ud)
{
	(void)ud;
	net_post(flush_master, NULL);
}

static void master_save(void *ud, const struct registry_change *changes, size_t n, uint64_t number)
{
	(void)ud;
	keeper_save(changes, n, number);
}

const struct master_ops effects_master_ops = {
	.write = master_write,
	.close = master_close,
	.want_flush = master_wants_flush,
	.save = master_save,
};

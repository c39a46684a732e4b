/* SPDX-License-Identifier: MIT */
/* Events in the order in which a connection has them, then those of the clock. */
#include "harbor/events.h"

#include <stdio.h>
#include <string.h>

#include "core/actor/remote.h"
#include "core/base/clock.h"
#include "harbor/announce.h"
#include "harbor/lead.h"
#include "harbor/link/flush.h"
#include "harbor/link/link.h"
#include "harbor/link/moves.h"
#include "harbor/report.h"
#include "harbor/state.h"
#include "net/info.h"
#include "net/post.h"
#include "net/timer.h"

#define STOP_LOOK_NS (2 * NS_PER_MS)
/* A tick that is later than this comes from a process that got no processor, or was stopped. What
 * has arrived meanwhile is read first: a turn of the loop reads POLLER_EVENTS_MAX sockets, and
 * there are 255 links and as many members at most, so it is put off a few times. */
#define LATE_NS (100 * NS_PER_MS)
#define LATE_LOOKS 5u
#define LATE_LOOK_NS (2 * NS_PER_MS)

/* ---- first frames ---- */

static void turn_away(struct conn *c, enum wire_code code, const char *text)
{
	struct wire_control out = { .kind = WIRE_REFUSE, .code = code };

	snprintf(out.text, sizeof(out.text), "%s", text);
	conn_write(c->id, &out);
	conn_refuse(c,
		    code == WIRE_OTHER_VERSION ? LOG_EVENT_version_refused : LOG_EVENT_node_refused,
		    text);
}

/* Is it one of ours, and does it speak our language? */
static bool admit(struct conn *c, const struct wire_control *f, enum wire_kind kind)
{
	char why[128];

	if (f->kind != kind) {
		turn_away(c, WIRE_INVALID,
			  kind == WIRE_JOIN ? "this is a master's port"
					    : "this is a port for links");
		return false;
	}
	/* a stranger learns no more than that he is one */
	if (strcmp(f->cluster, H.self.cluster) != 0) {
		turn_away(c, WIRE_OTHER_CLUSTER, "it is of another cluster (cluster.name)");
		return false;
	}
	if (wire_common_version(f->version_min, f->version))
		return true;
	/* both ends log it, so it is told from neither side */
	snprintf(why, sizeof(why),
		 "no version of the protocol in common: who connects speaks %u to %u, who listens "
		 "%u to %u",
		 f->version_min, f->version, wire_version_min, wire_version);
	turn_away(c, WIRE_OTHER_VERSION, why);
	return false;
}

static void greet_peer(struct conn *c, const struct wire_control *f)
{
	const char *why;
	struct link *l;

	if (!admit(c, f, WIRE_HELLO))
		return;
	if (H.goodbye_said) {
		turn_away(c, WIRE_NOT_HERE, PEER_NOT_HERE);
		return;
	}
	if (f->id < 1 || f->id > 255 || f->id == H.self.id || !f->epoch) {
		turn_away(c, WIRE_NOT_HERE, PEER_NOT_NAMED);
		return;
	}
	l = link_find(f->id);
	if (f->peer_epoch == H.self.epoch && (!H.self.id || !l || l->peer.epoch != f->epoch)) {
		/* It was told of us. What we are told of it may still be under way, and if it
		 * tried again there would be a connection more. */
		conn_keep(c, f);
		return;
	}
	if (!l || !l->peer.ops) {
		turn_away(c, WIRE_NOT_HERE, PEER_NOT_NAMED);
		return;
	}
	if (!conn_names_node(c, l->peer.name, &why)) {
		turn_away(c, WIRE_INVALID, why);
		return;
	}
	if (!peer_hello(&l->peer, c->id, f, clock_mono_ns()))
		conn_close(c->id); /* no stranger: it knows why */
}

void events_greet_again(unsigned node)
{
	conn_again(node, greet_peer);
}

static void greet_member(struct conn *c, const struct wire_control *f)
{
	const char *why;

	if (!admit(c, f, WIRE_JOIN))
		return;
	if (!conn_names_node(c, f->name, &why)) {
		turn_away(c, WIRE_INVALID, why);
		return;
	}
	if (lead_speaks())
		events_greet(c, f);
	else
		lead_send_on(c, f);
}

void events_greet(struct conn *c, const struct wire_control *join)
{
	c->role = ROLE_MEMBER;
	c->deadline_ns = 0;
	if (!master_join(H.master, c->id, join, clock_mono_ns()))
		conn_close(c->id);
}

/* ---- what the sockets say ---- */

/* We talk to the master: what others are told about us, and what we make of what we are told,
 * depends on the way. */
static void learn_addresses(int conn, const char *master_host)
{
	char local[ANNOUNCE_MAX] = "";

	snprintf(H.master_host, sizeof(H.master_host), "%s", master_host);
	if (!H.any_address[0])
		return;
	(void)net_local_address(conn, local, sizeof(local));
	announce_own(H.any_address, local, H.self.address);
}

static void member_is_gone(int conn, uint64_t now)
{
	lead_lost(conn);
	if (H.master)
		master_lost(H.master, conn, now);
}

static void on_lost(struct conn *c, bool refused, const char *why)
{
	uint64_t now = clock_mono_ns();

	lock_held(&H.lock);
	if (c->role == ROLE_LINK && refused)
		peer_refused(&link_get(c->node)->peer, c->id, why, now);
	else if (c->role == ROLE_LINK)
		peer_lost(&link_get(c->node)->peer, c->id, why, now);
	else if (c->role == ROLE_MASTER)
		member_lost(&H.member, c->id, why, now);
	else if (c->role == ROLE_MEMBER)
		member_is_gone(c->id, now);
	events_touch();
}

/* Is it the node, or the master, to which we wanted to connect? */
static bool is_wanted(struct conn *c, const char **ret_why)
{
	char host[ANNOUNCE_MAX];

	if (c->role == ROLE_LINK)
		return conn_names_node(c, link_get(c->node)->peer.name, ret_why);
	announce_host(c->address, host);
	return conn_names_host(c, host, ret_why);
}

static void on_reached(struct conn *c)
{
	if (c->role == ROLE_LINK)
		peer_reached(&link_get(c->node)->peer, c->id, clock_mono_ns());
	else if (c->role == ROLE_MASTER)
		member_reached(&H.member, c->id);
}

static void on_open(struct conn *c, const char *peer)
{
	const char *why;

	lock_held(&H.lock);
	if (!is_wanted(c, &why)) {
		on_lost(c, false, why);
		conn_close(c->id);
		return;
	}
	if (c->role == ROLE_LINK) {
		peer_connected(&link_get(c->node)->peer, c->id, clock_mono_ns());
	} else if (c->role == ROLE_MASTER) {
		learn_addresses(c->id, peer);
		member_connected(&H.member, c->id, clock_mono_ns());
	}
	events_touch();
}

static void on_frame(struct conn *c, const struct wire_control *f)
{
	uint64_t now = clock_mono_ns();

	lock_held(&H.lock);
	switch (c->role) {
	case ROLE_STRANGER:
		greet_peer(c, f);
		break;
	case ROLE_CALLER:
		greet_member(c, f);
		break;
	case ROLE_LINK:
		peer_input(&link_get(c->node)->peer, c->id, f, now);
		link_measured(link_get(c->node));
		break;
	case ROLE_MASTER:
		member_input(&H.member, c->id, f, now);
		break;
	case ROLE_MEMBER:
		if (lead_speaks())
			master_input(H.master, c->id, f, now);
		break;
	}
	if (f->kind != WIRE_PING && f->kind != WIRE_PONG && f->kind != WIRE_NAME)
		events_touch();
}

static void on_heard(struct conn *c)
{
	struct link *l;

	if (c->role != ROLE_LINK)
		return;
	l = link_get(c->node);
	if (steal(c->in.data))
		peer_heard(&l->peer, c->id, clock_mono_ns());
	if (c->in.in)
		flush_arrived(l);
}

static void on_drained(struct conn *c)
{
	flush_drained(link_get(c->node));
}

const struct conn_ops events_conn_ops = {
	.reached = on_reached,
	.open = on_open,
	.frame = on_frame,
	.heard = on_heard,
	.drained = on_drained,
	.lost = on_lost,
	.accepted = events_touch,
};

void events_overrun(struct link *l)
{
	int conn;

	lock_take(&H.lock);
	conn = l->peer.state == PEER_UP ? l->peer.conn : 0;
	if (conn) {
		peer_lost(&l->peer, conn, "it does not read, and its calls cannot be told",
			  clock_mono_ns());
		conn_close(conn);
		/* The new session tells the other node that answers are lost. */
		link_renew(l, REMOTE_LINK_LOST);
	}
	lock_release(&H.lock);
	events_touch();
}

/* ---- time ---- */

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void look(void *arg)
{
	H.touched = false;
	events_tick(arg);
}

void events_touch(void)
{
	if (H.touched)
		return;
	H.touched = true;
	net_post(look, NULL);
}

static void touch(void *arg)
{
	(void)arg;
	events_touch();
}

void events_touch_soon(void)
{
	net_post(touch, NULL);
}

/* The other node has all that it was sent, or cannot be reached. If it has not said so yet, it is
 * asked. */
static bool has_all(struct link *l, uint64_t now)
{
	if (!ledger_sum(&l->ledger) || (l->peer.state != PEER_UP && !l->peer.patient))
		return true;
	if (!ledger_waiting(&l->ledger))
		peer_ask(&l->peer, now);
	return false;
}

static bool all_have_all(uint64_t now)
{
	bool all = true;

	for (unsigned i = 1; i < 256; i++)
		if (link_find(i))
			all &= has_all(link_find(i), now);
	return all;
}

/* A node that has much to give is not cut off while others take it. */
static void wait_on(uint64_t now)
{
	uint64_t left = 0, at = now + H.stop_ns;

	for (unsigned i = 1; i < 256; i++)
		left += link_find(i) ? ledger_sum(&link_find(i)->ledger) : 0;
	if (left < H.stop_left && at > H.goodbye_at_ns && at < H.stop_last_ns)
		H.goodbye_at_ns = at;
	H.stop_left = left;
}

static void say_goodbye(void)
{
	conn_stop_listening();
	for (unsigned i = 1; i < 256; i++)
		if (link_find(i))
			peer_stop(&link_find(i)->peer);
	member_stop(&H.member);
	H.goodbye_said = true;
}

/* What waits goes out and is acknowledged, also over a link that breaks meanwhile; then goodbye,
 * then the sockets drain. */
static uint64_t tick_stopping(uint64_t now)
{
	if (!H.goodbye_said)
		wait_on(now);
	if (!H.goodbye_said && (all_have_all(now) || now >= H.goodbye_at_ns))
		say_goodbye();
	if (H.goodbye_said && conn_all_sent() && !H.stopped && lead_stop()) {
		H.stopped = true;
		pthread_cond_broadcast(&H.stopped_now);
	}
	return H.stopped ? UINT64_MAX : now + STOP_LOOK_NS;
}

/* Who asks for a name that did not come is told whether the master could have known it. */
static uint64_t expire_names(uint64_t now)
{
	char why[512];

	if (H.member.state == MEMBER_JOINED)
		return directory_expire(&H.directory, now, REMOTE_NO_NAME);
	snprintf(why, sizeof(why), REMOTE_NO_NAME " here (%s)", H.member.why);
	return directory_expire(&H.directory, now, why);
}

/* Must what has arrived be read before anybody judges who is silent? */
static bool is_late(uint64_t now)
{
	bool late = H.due_ns && H.due_ns < now - LATE_NS && H.late_looks < LATE_LOOKS;

	H.late_looks = late ? H.late_looks + 1 : 0;
	return late;
}

static void set_timer(uint64_t next, uint64_t now)
{
	if (next == UINT64_MAX)
		net_timer_clear(H.timer);
	else
		net_timer_set(H.timer, next > now ? next : now);
}

static uint64_t tick_link(unsigned id, uint64_t now)
{
	struct link *l = link_find(id);
	bool tried = l && l->peer.state == PEER_CONNECTING;
	uint64_t next = l ? peer_tick(&l->peer, now) : UINT64_MAX;

	if (l && l->peer.state == PEER_CONNECTING && !tried)
		H.tried = id;
	return next;
}

/* Begins behind the node that was tried last, so that each has its turn; at first behind our own:
 * of many nodes that start together not all begin with the same few. */
static uint64_t tick_links(uint64_t now)
{
	uint64_t next = UINT64_MAX;
	unsigned first = H.tried ? H.tried : H.self.id;

	for (unsigned i = 0; i < 255; i++)
		next = sooner(next, tick_link((first + i) % 255 + 1, now));
	return next;
}

static uint64_t tick(uint64_t now)
{
	uint64_t next = conn_tick(now);

	if (!H.goodbye_said)
		next = sooner(next, tick_links(now));
	if (!H.stopping)
		next = sooner(next, member_tick(&H.member, now));
	else
		next = sooner(next, tick_stopping(now));
	next = sooner(next, lead_tick(now));
	next = sooner(next, report_tick(now));
	next = sooner(next, expire_names(now));
	return sooner(next, moves_tick(now));
}

void events_tick(void *ud)
{
	uint64_t now = clock_mono_ns();

	(void)ud;
	lock_take(&H.lock);
	if (is_late(now)) {
		set_timer(now + LATE_LOOK_NS, now);
	} else {
		H.due_ns = tick(now);
		set_timer(H.due_ns, now);
	}
	lock_release(&H.lock);
}

void events_stop(void *arg)
{
	(void)arg;
	lock_take(&H.lock);
	H.stopping = true;
	lock_release(&H.lock);
	events_tick(NULL);
}

/* SPDX-License-Identifier: MIT */
/* The hands of the state machines: what peer.c, member.c and master.c decide becomes sockets, links, names and
 * answers here; what sockets and the clock say is given to them. All on the net loop, under H.lock.
 *
 * One timer serves everybody. Any event that may have moved a deadline calls control_touch(), which posts one
 * look at all of them; a look costs microseconds and many events share one. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/actor/handle.h"
#include "core/log/log.h"
#include "core/actor/remote.h"
#include "core/actor/service.h"
#include "harbor/announce.h"
#include "harbor/link/conn.h"
#include "harbor/harbor_priv.h"
#include "harbor/link/link.h"
#include "net/info.h"
#include "net/post.h"
#include "net/timer.h"

#define STOP_LOOK_NS (2 * NS_PER_MS)

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
	c->in.max = H.c.message_max;
	/* What the other node may have queued for us, if it is configured as we are, and a
	 * message over. */
	c->in.large_max = H.c.queue_max + H.c.message_max;
	l->since_wall_ns = clock_wall_ns();
	log_info("harbor: link to node %s (harbor %u) is up", p->name, p->id);
	link_open(l);
	link_up(l, conn);
	member_link(&H.member, p, WIRE_UP);
	watch_tell(p->id, true);
}

static void peer_is_down(struct peer *p, enum peer_loss loss, const char *why)
{
	struct link *l = link_of(p);

	l->since_wall_ns = clock_wall_ns();
	log_warning("harbor: link to node %s (harbor %u) is lost: %s", p->name, p->id, why);
	link_down(l, loss == PEER_NODE_DOWN ? REMOTE_NODE_DOWN : REMOTE_LINK_LOST);
	member_link(&H.member, p, peer_loss_kind(p, clock_mono_ns()));
	watch_tell(p->id, false);
}

static void peer_is_tired(struct peer *p)
{
	log_warning("harbor: node %s (harbor %u) has been without a link for too long, calls to it "
	            "fail: %s",
	            p->name, p->id, p->why[0] ? p->why : "it does not answer");
	link_tired(link_of(p));
}

static void peer_given_up(struct peer *p, enum peer_loss loss)
{
	if (loss == PEER_LINK_LOST)
		log_warning("harbor: node %s (harbor %u) is out of reach: %s", p->name, p->id, p->why);
	else if (loss == PEER_REFUSED)
		log_warning("harbor: node %s (harbor %u) is gone: %s", p->name, p->id, p->why);
	else
		directory_drop_node(&H.directory, p->id);
	link_shut(link_of(p), loss == PEER_LINK_LOST ? LINK_OUT_OF_REACH : LINK_NODE_DOWN);
}

static uint64_t peer_received(struct peer *p)
{
	struct conn *c = conn_find(p->conn);

	return c ? c->in.frames : 0;
}

static const struct peer_ops peer_hands = {
	.connect = peer_connect,
	.write = peer_write,
	.close = peer_close,
	.up = peer_is_up,
	.down = peer_is_down,
	.tired = peer_is_tired,
	.give_up = peer_given_up,
	.received = peer_received,
};

static struct link *link_known(unsigned id)
{
	struct link *l = link_get(id);

	if (!l->peer.ops)
		peer_init(&l->peer, &peer_hands, &H.self, id);
	return l;
}

void control_overrun(struct link *l)
{
	int conn;

	lock_take(&H.lock);
	conn = l->peer.state == PEER_UP ? l->peer.conn : 0;
	if (conn) {
		peer_lost(&l->peer, conn, "it does not read, and its calls cannot be told", clock_mono_ns());
		conn_close(conn);
	}
	lock_release(&H.lock);
	control_touch();
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
	} else if (l->peer.epoch == c->epoch) {
		peer_member_down(&l->peer, now);
	}
	if (atomic_load_explicit(&l->gate, memory_order_relaxed) == LINK_NO_NODE) /* the loop writes it */
		link_shut(l, LINK_NODE_DOWN);
}

static void member_name(void *ud, const char *name, uint32_t handle, uint64_t fence)
{
	(void)ud;
	directory_set(&H.directory, name, handle, fence, clock_wall_ns());
}

static void member_lost_name(void *ud, const char *name, uint32_t handle, uint32_t winner)
{
	(void)ud;
	log_printf(
	        LOG_LEVEL_WARNING, handle,
	        "global name %s is lost: while this node could not be reached, :%08x registered it",
	        name, winner);
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

static void member_is(void *ud, enum member_state st, const char *why)
{
	char what[384];

	(void)ud;
	switch (st) {
	case MEMBER_JOINED:
		snprintf(what, sizeof(what), "node %s is in cluster %s as harbor %u", H.self.name, H.self.cluster,
			 H.self.id);
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

const struct member_ops control_member_ops = {
	.connect = member_connect,
	.write = member_write,
	.close = member_close,
	.id = member_id,
	.births = member_births,
	.snapshot = member_snapshot,
	.node = member_node,
	.name = member_name,
	.lost = member_lost_name,
	.answer = member_answer,
	.state = member_is,
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
		(void)master_flush(H.master); /* a failure is logged by the registry, and the tick tries again */
	lock_release(&H.lock);
}

static void master_wants_flush(void *ud)
{
	(void)ud;
	net_post(flush_master, NULL);
}

const struct master_ops control_master_ops = { master_write, master_close, master_wants_flush };

/* ---- first frames ---- */

static void turn_away(struct conn *c, enum wire_code code, const char *text)
{
	struct wire_control out = { .kind = WIRE_REFUSE, .code = code };

	snprintf(out.text, sizeof(out.text), "%s", text);
	conn_write(c->id, &out);
	conn_refuse(c, text);
}

/* Is it one of ours, and does it speak our language? */
static bool admit(struct conn *c, const struct wire_control *f, enum wire_kind kind)
{
	if (f->kind != kind) {
		turn_away(c, WIRE_INVALID, kind == WIRE_JOIN ? "this is a master's port" : "this is a port for links");
		return false;
	}
	/* a stranger learns no more than that he is one */
	if (strcmp(f->cluster, H.self.cluster) != 0) {
		turn_away(c, WIRE_OTHER_CLUSTER, "it is of another cluster (cluster.name)");
		return false;
	}
	if (!wire_common_version(f->version_min, f->version)) {
		turn_away(c, WIRE_OTHER_VERSION, "it speaks another version of the protocol");
		return false;
	}
	return true;
}

static void greet_peer(struct conn *c, const struct wire_control *f)
{
	struct link *l;

	if (!admit(c, f, WIRE_HELLO))
		return;
	if (H.stopping || !H.self.id) {
		turn_away(c, WIRE_NOT_HERE, "this node is not in the cluster just now");
		return;
	}
	l = f->id <= 255 ? link_find(f->id) : NULL;
	if (!l || !l->peer.epoch || l->peer.epoch != f->epoch) {
		turn_away(c, WIRE_NOT_HERE, PEER_NOT_NAMED);
		return;
	}
	if (!peer_hello(&l->peer, c->id, f, clock_mono_ns()))
		conn_close(c->id); /* no stranger: it knows why */
}

static void greet_member(struct conn *c, const struct wire_control *f)
{
	if (!admit(c, f, WIRE_JOIN))
		return;
	c->role = ROLE_MEMBER;
	c->deadline_ns = 0;
	if (!master_join(H.master, c->id, f, clock_mono_ns()))
		conn_close(c->id);
}

/* ---- what conn.c tells ---- */

/* We talk to the master: what others are told about us, and what we make of what we are told, depends on the way. */
static void learn_addresses(int conn, const char *master_host)
{
	char local[ANNOUNCE_MAX] = "";

	snprintf(H.master_host, sizeof(H.master_host), "%s", master_host);
	if (!H.any_address[0])
		return;
	(void)net_local_address(conn, local, sizeof(local));
	announce_own(H.any_address, local, H.self.address);
}

void control_open(struct conn *c, const char *peer)
{
	lock_held(&H.lock);
	if (c->role == ROLE_LINK) {
		peer_connected(&link_get(c->node)->peer, c->id, clock_mono_ns());
	} else if (c->role == ROLE_MASTER) {
		learn_addresses(c->id, peer);
		member_connected(&H.member, c->id, clock_mono_ns());
	}
	control_touch();
}

void control_frame(struct conn *c, const struct wire_control *f)
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
		break;
	case ROLE_MASTER:
		member_input(&H.member, c->id, f, now);
		break;
	case ROLE_MEMBER:
		master_input(H.master, c->id, f, now);
		break;
	}
	if (f->kind != WIRE_PING && f->kind != WIRE_PONG && f->kind != WIRE_NAME)
		control_touch();
}

void control_heard(struct conn *c)
{
	if (c->role == ROLE_LINK)
		peer_heard(&link_get(c->node)->peer, c->id, clock_mono_ns());
}

void control_drained(struct conn *c)
{
	link_drained(link_get(c->node));
}

void control_lost(struct conn *c, bool refused, const char *why)
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
		master_lost(H.master, c->id, now);
	control_touch();
}

/* ---- time ---- */

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void look(void *arg)
{
	H.touched = false;
	control_tick(arg);
}

void control_touch(void)
{
	if (H.touched)
		return;
	H.touched = true;
	net_post(look, NULL);
}

static bool links_are_empty(void)
{
	for (unsigned i = 1; i < 256; i++) {
		struct link *l = link_find(i);

		/* relaxed: looked at again and again */
		if (l && l->peer.state == PEER_UP &&
		    atomic_load_explicit(&l->waiting_bytes, memory_order_relaxed))
			return false;
	}
	return true;
}

/* What waits goes out, then goodbye, then the sockets drain. */
static uint64_t tick_stopping(uint64_t now)
{
	if (!H.goodbye_said && (links_are_empty() || now >= H.goodbye_at_ns)) {
		for (unsigned i = 1; i < 256; i++)
			if (link_find(i))
				peer_stop(&link_find(i)->peer);
		member_stop(&H.member);
		H.goodbye_said = true;
	}
	if (H.goodbye_said && conn_all_sent() && !H.stopped) {
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

void control_tick(void *ud)
{
	uint64_t now = clock_mono_ns(), next;

	(void)ud;
	lock_take(&H.lock);
	next = conn_tick(now);
	for (unsigned i = 1; i < 256 && !H.stopping; i++) {
		struct link *l = link_find(i);

		if (l)
			next = sooner(next, peer_tick(&l->peer, now));
	}
	if (!H.stopping)
		next = sooner(next, member_tick(&H.member, now));
	else
		next = sooner(next, tick_stopping(now));
	if (H.master)
		next = sooner(next, master_tick(H.master, now));
	next = sooner(next, expire_names(now));
	if (next == UINT64_MAX)
		net_timer_clear(H.timer);
	else
		net_timer_set(H.timer, next > now ? next : now);
	lock_release(&H.lock);
}

void control_stop(void *arg)
{
	uint64_t timeout_ns = *(uint64_t *)arg;

	lock_take(&H.lock);
	H.stopping = true;
	H.goodbye_at_ns = clock_mono_ns() + timeout_ns / 2;
	conn_stop_listening();
	lock_release(&H.lock);
	control_tick(NULL);
}

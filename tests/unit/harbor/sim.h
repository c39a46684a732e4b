/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A cluster in one thread: real members, peers, directories and a master over a fake network of
 * byte queues and a fake clock. Everything that goes from one to the other goes as bytes through
 * the real frames.
 *
 * A connection is two queues. Bytes arrive after a delay of their own for each connection, so
 * connections overtake each other, never the bytes of one. A cut stops one direction or both
 * without a word, as a pulled cable does; a reset tells both ends. A connection is refused by the
 * machine of a process that is dead, and by a firewall between two nodes. The registry may be wiped
 * and the clock set back.
 *
 * A node that is killed leaves its connections closed, or (frozen) open and silent. A new
 * incarnation is a new struct with a new epoch under the same name. Include after cmocka.h; one
 * simulation at a time.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/actor/group.h"
#include "core/actor/handle.h"
#include "core/actor/remote.h"
#include "core/log/log.h"
#include "core/base/mem.h"
#include "harbor/directory.h"
#include "harbor/protocol/master.h"
#include "harbor/protocol/member.h"
#include "harbor/protocol/witness.h"
#include "harbor/link/session.h"
#include "harbor/link/stream.h"
#include "harbor/link/txq.h"

#define SIM_NODES 5
#define SIM_NAMES 6
#define SIM_JOINED 4 /* members of the group that a node has */
#define SIM_CONNS 8192
#define SIM_ASKED 256
#define SIM_ID_MIN 1
#define SIM_STEP (4 * NS_PER_MS) /* what happens within it shares a step */
#define SIM_MASTER SIM_NODES	 /* place number of the master's process */
#define SIM_HEARTBEAT (200 * NS_PER_MS)
#define SIM_DEAD (1000 * NS_PER_MS)

struct sim_chunk {
	struct sim_chunk *next;
	uint64_t at;
	bool end; /* the other side closed */
	size_t n;
	uint8_t bytes[];
};

struct sim_end {
	unsigned place;	  /* node, or SIM_MASTER */
	uint64_t life;	  /* of the process that owns it */
	bool open;	  /* this side has not closed */
	bool master_port; /* accepted by the master */
	unsigned peer;	  /* harbor id of a link's other node, 0 = not known yet */
	bool to_master;
	struct wire_control hello; /* that waits until the master names its node; kind 0: none */
	struct stream in;
	struct sim_chunk *first, **last; /* what arrives here */
	uint64_t latest;
};

struct sim_conn {
	bool used, told_open;
	uint64_t open_at, delay;
	struct sim_end end[2];
};

struct sim_node {
	bool alive, frozen;
	uint64_t life; /* grows with each incarnation */
	char address[16];
	struct peer_self self;
	struct member member;
	struct peer peers[256];
	struct sim_link *link[256]; /* NULL: nothing was sent yet */
	bool seen[256];
	unsigned char known[256]; /* ids of peers in use */
	unsigned known_count;
	uint64_t births; /* handles used up in this life */
	unsigned lost;	 /* names that another has won */
	uint32_t winner; /* of the last one */
	struct directory directory;
	bool refused;
	/* what the test asked it for */
	uint32_t mine[SIM_NAMES];    /* handle: registered, and not told otherwise */
	uint32_t joined[SIM_JOINED]; /* services that have joined the group "G" */
	unsigned answers, conflicts;
	/* by session: asked and not answered yet */
	bool asked[SIM_ASKED];
	uint32_t asker[SIM_ASKED];
	bool gives[SIM_ASKED]; /* to hand a name over */
	int32_t sessions;
	unsigned ups[256], downs[256];
	uint64_t up_ns[256];
	bool calls[256]; /* a call to this node waits */
};

static struct sim {
	uint64_t now, random;
	uint64_t lives;
	uint64_t wall; /* the master's clock, of which only the start counts */
	struct sim_node node[SIM_NODES];
	struct master *master; /* NULL: it is down */
	uint64_t master_life;
	bool want_flush;
	struct registry_content batch; /* that the disk is writing; empty: it is idle */
	uint64_t written_at;
	int conns; /* numbers given out */
	int active[SIM_CONNS], active_count;
	bool cut[SIM_NODES + 1][SIM_NODES + 1];
	bool barred[SIM_NODES][SIM_NODES]; /* nodes that refuse each other's connections */
	unsigned pings;			   /* on links */
	unsigned seed;
	uint32_t born[512]; /* every handle that was ever given */
	bool wants[512];    /* it has asked for a name, or one is handed to it */
	unsigned born_count;
	struct sim_conn conn[SIM_CONNS];
} * sim;

/* ---- the disk: survives the master ---- */

static struct sim_disk {
	struct registry_node node[256];
	struct {
		char name[REMOTE_NAME_SIZE];
		uint32_t handle;
		uint64_t fence;
	} name[64];
	uint64_t number;
	bool full;
	bool restored;
} disk, sim_backup;

static void disk_load(struct registry_content *ret)
{
	ret->number = disk.number;
	ret->restored = disk.restored;
	for (unsigned i = 0; i < 256; i++)
		if (disk.node[i].id)
			registry_add(ret)->node = disk.node[i];
	for (unsigned i = 0; i < 64; i++)
		if (disk.name[i].handle) {
			struct registry_change *c = registry_add(ret);

			c->is_name = true;
			memcpy(c->name, disk.name[i].name, sizeof(c->name));
			c->handle = disk.name[i].handle;
			c->fence = disk.name[i].fence;
		}
}

static void disk_save_name(const char *name, uint32_t handle, uint64_t fence)
{
	unsigned at = 64;

	for (unsigned i = 0; i < 64; i++)
		if (disk.name[i].handle && strcmp(disk.name[i].name, name) == 0)
			at = i;
	for (unsigned i = 0; i < 64 && at == 64; i++)
		if (!disk.name[i].handle)
			at = i;
	assert_true(at < 64);
	snprintf(disk.name[at].name, sizeof(disk.name[at].name), "%s", name);
	disk.name[at].handle = handle;
	disk.name[at].fence = fence;
}

static void disk_save(const struct registry_content *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		const struct registry_change *c = &batch->items[i];

		if (c->is_name)
			disk_save_name(c->name, c->handle, c->fence);
		else
			disk.node[c->node.id] = c->node;
	}
	disk.number = batch->number;
	disk.restored = false;
}

/* ---- the network ---- */

static inline uint64_t sim_random(uint64_t n)
{
	sim->random ^= sim->random << 13;
	sim->random ^= sim->random >> 7;
	sim->random ^= sim->random << 17;
	return (sim->random >> 11) % n;
}

static bool sim_alive(unsigned place, uint64_t life)
{
	if (place == SIM_MASTER)
		return sim->master && sim->master_life == life;
	return sim->node[place].alive && sim->node[place].life == life;
}

static void sim_post(struct sim_end *to, uint64_t delay, const void *bytes, size_t n, bool end)
{
	struct sim_chunk *c = mem_alloc(sizeof(*c) + n);

	*c = (struct sim_chunk){ .at = sim->now + delay, .n = n, .end = end };
	if (c->at < to->latest)
		c->at = to->latest;
	to->latest = c->at;
	if (n)
		memcpy(c->bytes, bytes, n);
	*to->last = c;
	to->last = &c->next;
}

static void sim_write_bytes(int id, unsigned side, const void *bytes, size_t n)
{
	struct sim_conn *c = &sim->conn[id];

	if (c->end[side].open)
		sim_post(&c->end[!side], c->delay, bytes, n, false);
}

/* The same, a little later than it would arrive. */
static void sim_post_later(int id, unsigned side, uint64_t later, const void *bytes, size_t n)
{
	struct sim_conn *c = &sim->conn[id];

	if (c->end[side].open)
		sim_post(&c->end[!side], c->delay + later, bytes, n, false);
}

static void sim_clear_queue(struct sim_end *e)
{
	while (e->first) {
		struct sim_chunk *c = e->first;

		e->first = c->next;
		mem_free(c);
	}
	e->last = &e->first;
}

static void sim_close_end(int id, unsigned side)
{
	struct sim_conn *c = &sim->conn[id];

	if (!c->end[side].open)
		return;
	c->end[side].open = false;
	c->end[side].in.dead = true;
	sim_post(&c->end[!side], c->delay, NULL, 0, true);
}

static unsigned sim_side(int id, unsigned place)
{
	return sim->conn[id].end[0].place == place ? 0 : 1;
}

static void sim_control(void *ud, const struct wire_control *c);
static void sim_message(void *ud, struct msg *m);

static void sim_end_init(struct sim_end *e, unsigned place, uint64_t life)
{
	*e = (struct sim_end){ .place = place, .life = life, .open = true };
	e->in = (struct stream){ .on_control = sim_control, .on_message = sim_message, .ud = e };
	e->last = &e->first;
}

static int sim_connect(unsigned from, unsigned to, bool to_master)
{
	struct sim_conn *c;
	int id = sim->conns++;

	assert_true(id < SIM_CONNS);
	sim->active[sim->active_count++] = id;
	c = &sim->conn[id];
	*c = (struct sim_conn){ .used = true, .delay = (1 + sim_random(20)) * NS_PER_MS };
	c->open_at = sim->now + c->delay;
	sim_end_init(&c->end[0], from, sim->node[from].life);
	sim_end_init(&c->end[1], to, to == SIM_MASTER ? sim->master_life : sim->node[to].life);
	c->end[0].to_master = to_master;
	c->end[1].master_port = to_master;
	return id;
}

/* ---- hands of the state machines ---- */

static struct sim_node *sim_node_of_self(struct peer_self *self)
{
	return container_of(self, struct sim_node, self);
}

static unsigned sim_place(const struct sim_node *n)
{
	return (unsigned)(n - sim->node);
}

static unsigned sim_place_of(const char *address)
{
	return (unsigned)(address[1] - '0');
}

#include "tests/unit/harbor/sim_link.h"

static int sim_peer_connect(struct peer *p)
{
	struct sim_node *n = sim_node_of_self(p->self);
	int id = sim_connect(sim_place(n), sim_place_of(p->address), false);

	sim->conn[id].end[0].peer = p->id;
	return id;
}

static void sim_write(int id, unsigned place, const struct wire_control *c)
{
	uint8_t frame[WIRE_CONTROL_MAX];

	sim_write_bytes(id, sim_side(id, place), frame, wire_encode(frame, c));
}

static void sim_peer_write(struct peer *p, int id, const struct wire_control *c)
{
	sim->pings += c->kind == WIRE_PING;
	sim_write(id, sim_place(sim_node_of_self(p->self)), c);
}

static void sim_peer_close(struct peer *p, int id, const char *why)
{
	(void)why;
	sim_close_end(id, sim_side(id, sim_place(sim_node_of_self(p->self))));
}

static void sim_peer_up(struct peer *p, int id)
{
	struct sim_node *n = sim_node_of_self(p->self);
	struct sim_end *e = &sim->conn[id].end[sim_side(id, sim_place(n))];

	e->peer = p->id;
	n->ups[p->id]++;
	n->up_ns[p->id] = sim->now;
	sim_link_up(p, e);
	member_link(&n->member, p, WIRE_UP);
}

static void sim_peer_down(struct peer *p, enum peer_loss loss, const char *why)
{
	(void)loss;
	(void)why;
	sim_node_of_self(p->self)->downs[p->id]++;
	sim_link_down(p);
	member_link(&sim_node_of_self(p->self)->member, p, peer_loss_kind(p));
}

/* Has the link between the two been up for a while, in the eyes of both? */
static bool sim_linked_long(struct sim_node *a, struct sim_node *b)
{
	struct peer *p = &a->peers[b->self.id], *q = &b->peers[a->self.id];

	return a->alive && b->alive && p->ops && q->ops && p->state == PEER_UP &&
	       q->state == PEER_UP && p->epoch == b->self.epoch && q->epoch == a->self.epoch &&
	       sim->now - a->up_ns[p->id] > 3 * SIM_DEAD &&
	       sim->now - b->up_ns[q->id] > 3 * SIM_DEAD;
}

/* A node that lives is not taken for dead while one that we ask has a link to it. */
static void sim_check_refusal(struct sim_node *n, const struct peer *p)
{
	struct sim_node *there = &sim->node[sim_place_of(p->address)];

	if (!there->alive || there->self.epoch != p->epoch) {
		sim_total.gone++;
		return;
	}
	for (unsigned i = 0; i < SIM_NODES; i++)
		if (sim_linked_long(n, &sim->node[i]) && sim_linked_long(&sim->node[i], there))
			fail_msg("seed %u: node%u takes node%u for dead, and node%u has a link to "
				 "it",
				 sim->seed, sim_place(n), sim_place(there), i);
}

static void sim_peer_give_up(struct peer *p, enum peer_loss loss)
{
	if (loss == PEER_REFUSED)
		sim_check_refusal(sim_node_of_self(p->self), p);
	if (loss == PEER_NODE_DOWN)
		directory_drop_node(&sim_node_of_self(p->self)->directory, p->id);
	sim_link_give_up(p);
}

static bool sim_peer_waits(struct peer *p)
{
	return sim_node_of_self(p->self)->calls[p->id] || sim_link_waits(p);
}

static void sim_peer_alive(struct peer *p)
{
	member_link(&sim_node_of_self(p->self)->member, p, WIRE_UP);
}

static struct peer *sim_peer_of(void *ud, unsigned id)
{
	struct sim_node *n = ud;

	return id <= 255 && n->peers[id].ops ? &n->peers[id] : NULL;
}

static unsigned sim_peer_doubt(struct peer *p)
{
	return witness_ask(p, sim_peer_of, sim_node_of_self(p->self), (unsigned)sim_random(255));
}

static void sim_peer_witness(struct peer *p, const struct wire_control *c)
{
	sim_total.testimonies += c->kind == WIRE_SAY && c->up == WIRE_UP;
	witness_input(p, sim_peer_of(sim_node_of_self(p->self), c->id), c);
}

static const struct peer_ops sim_peer_ops = {
	sim_peer_connect,      sim_peer_write,	 sim_peer_close, sim_peer_up,	  sim_peer_down,
	sim_peer_tired,	       sim_peer_give_up, sim_peer_offer, sim_peer_resume, sim_peer_received,
	sim_peer_acknowledged, sim_peer_waits,	 sim_peer_alive, sim_peer_doubt,  sim_peer_witness
};

static int sim_member_connect(void *ud, const char *address)
{
	(void)address;
	return sim_connect(sim_place(ud), SIM_MASTER, true);
}

static void sim_member_write(void *ud, int id, const struct wire_control *c)
{
	sim_write(id, sim_place(ud), c);
}

static void sim_member_close(void *ud, int id, const char *why)
{
	(void)why;
	sim_close_end(id, sim_side(id, sim_place(ud)));
}

static void sim_member_id(void *ud, unsigned id)
{
	(void)ud;
	(void)id;
}

static uint64_t sim_member_births(void *ud)
{
	struct sim_node *n = ud;

	return n->births;
}

static struct peer *sim_peer(struct sim_node *n, unsigned id)
{
	if (!n->peers[id].ops) {
		peer_init(&n->peers[id], &sim_peer_ops, &n->self, id);
		n->known[n->known_count++] = (unsigned char)id;
	}
	return &n->peers[id];
}

static void sim_member_snapshot(void *ud, bool complete)
{
	struct sim_node *n = ud;

	directory_snapshot(&n->directory, complete);
	for (unsigned k = 0; k < n->known_count; k++) {
		if (complete && !n->seen[n->known[k]])
			peer_member_down(&n->peers[n->known[k]], sim->now);
		if (!complete)
			n->seen[n->known[k]] = false;
	}
}

static void sim_greet_again(struct sim_node *n, unsigned id);

static void sim_member_probe(void *ud, unsigned id, uint64_t epoch)
{
	struct sim_node *n = ud;

	if (id < 256 && n->peers[id].ops && n->peers[id].epoch == epoch)
		peer_probe(&n->peers[id], sim->now);
}

static void sim_member_node(void *ud, const struct wire_control *c)
{
	struct sim_node *n = ud;

	if (c->id == n->self.id)
		return;
	if (c->up) {
		n->seen[c->id] = true;
		peer_member_up(sim_peer(n, c->id), c, sim->now);
		sim_greet_again(n, c->id);
	} else if (sim_peer(n, c->id)->epoch == c->epoch) {
		peer_member_down(sim_peer(n, c->id), sim->now);
	}
}

/* The handle's mark; NULL: it was never given. */
static bool *sim_wants(uint32_t handle)
{
	for (unsigned i = 0; i < sim->born_count; i++)
		if (sim->born[i] == handle)
			return &sim->wants[i];
	return NULL;
}

static void sim_member_name(void *ud, const char *name, uint32_t handle, uint64_t fence)
{
	struct sim_node *n = ud;

	directory_set(&n->directory, name, handle, fence, 0);
	if (name[0] != ':' && handle >> 24 == n->self.id && sim_wants(handle) && *sim_wants(handle))
		n->mine[name[1] - '0'] = handle;
}

/* Services of a simulated node live as long as it does. */
static bool sim_member_alive(void *ud, uint32_t handle)
{
	struct sim_node *n = ud;

	return sim_wants(handle) && n->self.id == handle >> 24;
}

static void sim_member_lost(void *ud, const char *name, uint32_t handle, uint32_t winner)
{
	struct sim_node *n = ud;

	if (name[0] == ':')
		fail_msg("seed %u: node%u: the membership %s is lost to :%08x", sim->seed,
			 sim_place(n), name, winner);
	if (n->mine[name[1] - '0'] == handle)
		n->mine[name[1] - '0'] = 0;
	*sim_wants(handle) = false;
	n->lost++;
	n->winner = winner;
}

/* `from` is the service that asked, which is the one that the name is for. */
static void sim_member_answer(void *ud, uint32_t from, int32_t session, const char *name,
			      uint32_t code, const char *text, uint64_t fence)
{
	struct sim_node *n = ud;

	(void)text;
	(void)fence;
	n->answers++;
	if (session && n->gives[session] && !code) {
		*sim_wants(from) = false;
		if (n->mine[name[1] - '0'] == from)
			n->mine[name[1] - '0'] = 0;
	}
	if (session && !n->asked[session])
		fail_msg("seed %u: node%u: session %d is answered twice", sim->seed, sim_place(n),
			 session);
	n->asked[session] = false;
	if (name[0] == ':' && code && code != WIRE_NO_NAME) /* who was lost has left */
		fail_msg("seed %u: node%u: %s: %s", sim->seed, sim_place(n), name, text);
	if (code == WIRE_NAME_TAKEN) {
		n->conflicts++;
		*sim_wants(from) = false;
		if (n->mine[name[1] - '0'] == from)
			n->mine[name[1] - '0'] = 0;
	}
}

static void sim_member_state(void *ud, enum member_state st, const char *why)
{
	struct sim_node *n = ud;

	(void)why;
	n->refused = st == MEMBER_REFUSED;
	for (unsigned k = 0; k < n->known_count && st == MEMBER_JOINED; k++)
		if (n->peers[n->known[k]].state == PEER_UP)
			member_link(&n->member, &n->peers[n->known[k]], WIRE_UP);
}

static const struct member_ops sim_member_ops = {
	sim_member_connect, sim_member_write,	 sim_member_close,  sim_member_id,
	sim_member_births,  sim_member_snapshot, sim_member_node,   sim_member_name,
	sim_member_alive,   sim_member_lost,	 sim_member_answer, sim_member_state,
	sim_member_probe
};

static void sim_master_write(void *ud, int id, const uint8_t *bytes, size_t n)
{
	(void)ud;
	sim_write_bytes(id, 1, bytes, n);
}

static void sim_master_close(void *ud, int id, const char *why)
{
	(void)ud;
	(void)why;
	sim_close_end(id, 1);
}

static void sim_master_wants_flush(void *ud)
{
	(void)ud;
	sim->want_flush = true;
}

/* It is on the disk at some instant of the time that saving takes, and the master hears of it at
 * the end: one that dies meanwhile has told nobody of what may be saved or not. */
static void sim_master_save(void *ud, const struct registry_change *changes, size_t n,
			    uint64_t number)
{
	(void)ud;
	assert_int_equal(sim->batch.count, 0);
	for (size_t i = 0; i < n; i++)
		*registry_add(&sim->batch) = changes[i];
	sim->batch.number = number;
	sim->written_at = sim->now + sim_random(8) * sim_random(8) * 4 * NS_PER_MS;
}

static const struct master_ops sim_master_ops = { sim_master_write, sim_master_close,
						  sim_master_wants_flush, sim_master_save };

/* Returns the time when the disk has written, UINT64_MAX: it is idle. */
static uint64_t sim_disk_step(void)
{
	int result = disk.full ? -5 : 0;

	if (!sim->batch.count)
		return UINT64_MAX;
	if (sim->now < sim->written_at)
		return sim->written_at;
	if (result == 0)
		disk_save(&sim->batch);
	registry_content_fini(&sim->batch);
	master_saved(sim->master, result, sim->now);
	return sim->now;
}

static void sim_directory_send(void *ud, struct msg *m)
{
	(void)ud;
	msg_destroy(m);
}

/* ---- what arrives ---- */

static int sim_conn_of(const struct sim_end *e)
{
	return (int)(((const char *)e - (const char *)sim->conn) /
		     (ptrdiff_t)sizeof(struct sim_conn));
}

static void sim_message(void *ud, struct msg *m)
{
	struct sim_end *e = ud;
	struct sim_node *n = &sim->node[e->place];

	sim_arrived(n, &n->peers[e->peer], m);
	msg_destroy(m);
}

/* As harbor/events.c does. */
static void sim_greet(struct sim_node *n, int id, const struct wire_control *c)
{
	struct peer *p = &n->peers[c->id & 255];

	if (c->peer_epoch == n->self.epoch && (!n->self.id || !p->ops || p->epoch != c->epoch))
		sim->conn[id].end[1].hello = *c;
	else if (!p->ops || !peer_hello(p, id, c, sim->now))
		sim_close_end(id, 1);
}

static void sim_greet_again(struct sim_node *n, unsigned id)
{
	for (int k = 0; k < sim->active_count; k++) {
		struct sim_end *e = &sim->conn[sim->active[k]].end[1];
		struct wire_control c = e->hello;

		if (!e->open || e->place != sim_place(n) || e->life != n->life || !c.kind ||
		    c.id != id)
			continue;
		e->hello.kind = 0;
		sim_greet(n, sim->active[k], &c);
	}
}

static void sim_control(void *ud, const struct wire_control *c)
{
	struct sim_end *e = ud;
	int id = sim_conn_of(e);
	struct sim_node *n = e->place < SIM_NODES ? &sim->node[e->place] : NULL;

	if (e->master_port) {
		if (c->kind != WIRE_JOIN)
			master_input(sim->master, id, c, sim->now);
		else if (!master_join(sim->master, id, c, sim->now))
			sim_close_end(id, 1);
	} else if (e->to_master) {
		member_input(&n->member, id, c, sim->now);
	} else if (e->peer) {
		peer_input(sim_peer(n, e->peer), id, c, sim->now);
	} else if (c->kind != WIRE_HELLO) {
		sim_close_end(id, 1);
	} else {
		sim_greet(n, id, c);
	}
}

static void sim_lost(struct sim_end *e, const char *why)
{
	int id = sim_conn_of(e);
	struct sim_node *n = e->place < SIM_NODES ? &sim->node[e->place] : NULL;

	e->open = false;
	if (e->master_port)
		master_lost(sim->master, id, sim->now);
	else if (e->to_master)
		member_lost(&n->member, id, why, sim->now);
	else if (e->peer)
		peer_lost(sim_peer(n, e->peer), id, why, sim->now);
}

static void sim_refused(struct sim_end *e)
{
	e->open = false;
	if (e->to_master)
		member_lost(&sim->node[e->place].member, sim_conn_of(e), "refused", sim->now);
	else
		peer_refused(sim_peer(&sim->node[e->place], e->peer), sim_conn_of(e), "refused",
			     sim->now);
}

static void sim_input(struct sim_end *e, const void *bytes, size_t n)
{
	assert_true(stream_input(&e->in, bytes, n));
	if (e->open && e->in.in)
		sim_acknowledge(&sim->node[e->place], &sim->node[e->place].peers[e->peer]);
}

/* Gives the next time something arrives on this connection. */
static uint64_t sim_deliver(struct sim_conn *c)
{
	uint64_t next = UINT64_MAX;

	for (unsigned side = 0; side < 2; side++) {
		struct sim_end *e = &c->end[side];
		bool cut = sim->cut[c->end[!side].place][e->place];
		bool frozen = e->place < SIM_NODES && sim->node[e->place].frozen;

		if (!sim_alive(e->place, e->life)) {
			e->open = false;
			sim_clear_queue(e);
			continue;
		}
		while (e->first && e->first->at <= sim->now && !cut && !frozen) {
			struct sim_chunk *k = e->first;

			e->first = k->next;
			if (!e->first)
				e->last = &e->first;
			if (e->open && k->end)
				sim_lost(e, "closed");
			else if (e->open)
				sim_input(e, k->bytes, k->n);
			mem_free(k);
		}
		if (e->first && !cut && !frozen && e->first->at < next)
			next = e->first->at;
	}
	return next;
}

static bool sim_refuses(const struct sim_conn *c)
{
	const struct sim_end *from = &c->end[0], *to = &c->end[1];

	return !sim_alive(to->place, to->life) ||
	       (to->place < SIM_NODES && sim->barred[from->place][to->place]);
}

static uint64_t sim_open(struct sim_conn *c)
{
	struct sim_end *e = &c->end[0];
	int id = sim_conn_of(e);
	struct sim_node *n = &sim->node[e->place];

	if (c->told_open || !e->open || !sim_alive(e->place, e->life) || n->frozen)
		return UINT64_MAX;
	if (sim->now < c->open_at)
		return c->open_at;
	if (sim->cut[e->place][c->end[1].place] || sim->cut[c->end[1].place][e->place])
		return UINT64_MAX; /* the SYN is lost; the handshake's deadline ends it */
	c->told_open = true;
	if (sim_refuses(c)) {
		c->end[1].open = false;
		sim_refused(e);
	} else if (e->to_master) {
		member_connected(&n->member, id, sim->now);
	} else {
		peer_connected(sim_peer(n, e->peer), id, sim->now);
	}
	return UINT64_MAX;
}

/* ---- running ---- */

static uint64_t sim_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Everything that is due; gives the time of the next event. */
static uint64_t sim_step(void)
{
	uint64_t next = UINT64_MAX;
	int before = sim->conns;

	for (int i = sim->active_count; i-- > 0;) {
		struct sim_conn *c = &sim->conn[sim->active[i]];

		next = sim_min(next, sim_open(c));
		next = sim_min(next, sim_deliver(c));
		if (!c->end[0].open && !c->end[1].open && !c->end[0].first && !c->end[1].first) {
			stream_fini(&c->end[0].in);
			stream_fini(&c->end[1].in);
			c->used = false;
			sim->active[i] = sim->active[--sim->active_count];
		}
	}
	for (unsigned i = 0; i < SIM_NODES; i++) {
		struct sim_node *n = &sim->node[i];

		if (!n->alive || n->frozen)
			continue;
		next = sim_min(next, member_tick(&n->member, sim->now));
		for (unsigned k = 0; k < n->known_count; k++)
			next = sim_min(next, peer_tick(&n->peers[n->known[k]], sim->now));
	}
	if (sim->master) {
		next = sim_min(next, master_tick(sim->master, sim->now));
		next = sim_min(next, sim_disk_step());
		if (sim->want_flush)
			master_flush(sim->master);
		sim->want_flush = false;
	}
	if (sim->conns != before)
		next = sim->now + 1;
	return next;
}

static inline void sim_run_for(uint64_t ns)
{
	uint64_t end = sim->now + ns;

	while (sim->now < end) {
		uint64_t next = sim_step();

		if (next < sim->now + SIM_STEP)
			next = sim->now + SIM_STEP;
		sim->now = sim_min(next, end);
	}
}

/* ---- verbs for tests ---- */

static inline void sim_start_node(unsigned i, unsigned wanted)
{
	static const char *const masters[] = { "m", NULL };
	struct sim_node *n = &sim->node[i];

	*n = (struct sim_node){ .alive = true, .life = ++sim->lives };
	snprintf(n->address, sizeof(n->address), "n%u:1", i);
	snprintf(n->self.name, sizeof(n->self.name), "node%u", i);
	snprintf(n->self.address, sizeof(n->self.address), "n%u:1", i);
	n->self.epoch = n->life * 1000003;
	n->self.random = n->life * 7919;
	n->self.heartbeat_ns = SIM_HEARTBEAT;
	n->self.dead_ns = SIM_DEAD;
	n->self.link_wait_ns = SIM_DEAD / 5;
	n->self.pace.max = PEER_ATTEMPTS_SECURE;
	directory_init(&n->directory, sim_directory_send, n);
	member_init(&n->member, &sim_member_ops, n, &n->self, wanted, masters);
	member_start(&n->member, sim->now);
}

/* kill -9: its sockets are closed by the kernel. */
static inline void sim_kill_node(unsigned i)
{
	struct sim_node *n = &sim->node[i];

	if (!n->alive)
		return;
	for (int k = 1; k < sim->conns; k++)
		for (unsigned side = 0; side < 2; side++)
			if (sim->conn[k].used && sim->conn[k].end[side].place == i)
				sim_close_end(k, side);
	member_fini(&n->member);
	directory_fini(&n->directory);
	for (unsigned k = 0; k < n->known_count; k++)
		sim_link_free(n->link[n->known[k]]);
	n->alive = false;
}

static inline void sim_start_master(void)
{
	struct master_config c = { .epoch = 1,
				   .wall_ns = sim->wall,
				   .random = sim->lives + 1,
				   .heartbeat_ns = SIM_HEARTBEAT,
				   .dead_ns = SIM_DEAD };

	struct registry_content content = { 0 };

	sim->master_life = ++sim->lives;
	disk_load(&content);
	sim->master = master_create(&sim_master_ops, NULL, &content, &c, sim->now);
	registry_content_fini(&content);
	assert_non_null(sim->master);
}

static inline void sim_kill_master(void)
{
	if (!sim->master)
		return;
	for (int k = 1; k < sim->conns; k++)
		if (sim->conn[k].used && sim->conn[k].end[1].place == SIM_MASTER)
			sim_close_end(k, 1);
	sim->master = master_destroy(sim->master);
	sim->want_flush = false;
	if (sim->batch.count && !disk.full && sim_random(2))
		disk_save(&sim->batch);
	registry_content_fini(&sim->batch);
}

/* Both ends hear of it at once. */
static inline void sim_reset(unsigned a, unsigned b)
{
	for (int k = 1; k < sim->conns; k++) {
		struct sim_conn *c = &sim->conn[k];

		if (!c->used || !((c->end[0].place == a && c->end[1].place == b) ||
				  (c->end[0].place == b && c->end[1].place == a)))
			continue;
		for (unsigned side = 0; side < 2; side++)
			if (c->end[side].open && sim_alive(c->end[side].place, c->end[side].life)) {
				c->end[side].in.dead = true;
				sim_lost(&c->end[side], "reset");
			}
	}
}

/* What a sends does not reach b. */
static inline void sim_cut_one_way(unsigned a, unsigned b, bool on)
{
	sim->cut[a][b] = on;
}

static inline void sim_cut(unsigned a, unsigned b, bool on)
{
	sim_cut_one_way(a, b, on);
	sim_cut_one_way(b, a, on);
}

/* A firewall between two nodes: what is connected is reset, and nothing connects. */
static inline void sim_bar(unsigned a, unsigned b, bool on)
{
	sim->barred[a][b] = sim->barred[b][a] = on;
	if (on)
		sim_reset(a, b);
}

/* The master's disk is lost, and an old copy is put in its place. */
static inline void sim_restore_registry(void)
{
	sim_kill_master();
	disk = sim_backup;
	disk.restored = true;
}

/* The master's disk is lost, and its clock is wrong when it comes back. */
static inline void sim_wipe_registry(void)
{
	sim_kill_master();
	memset(&disk, 0, sizeof(disk));
	sim->wall -= 60 * NS_PER_SEC;
}

/* The handle by which node i holds a name; 0: it does not. */
static inline uint32_t sim_handle(unsigned i, unsigned name)
{
	return sim->node[i].mine[name];
}

/* A new service of node i. No handle that one of the last lives of its id had may come again. */
static inline uint32_t sim_birth(unsigned i)
{
	struct sim_node *n = &sim->node[i];
	uint32_t handle;

	handle = n->self.id << 24 |
		 (HANDLE_FIRST + (uint32_t)((n->member.births_base + n->births++) % HANDLE_RING));
	for (unsigned k = 0; k < sim->born_count; k++)
		if (sim->born[k] == handle)
			fail_msg("seed %u: node%u: handle :%08x has been given before", sim->seed,
				 i, handle);
	assert_true(sim->born_count < array_len(sim->born));
	sim->wants[sim->born_count] = true;
	sim->born[sim->born_count++] = handle;
	return handle;
}

/* A session of somebody who waits for the answer. */
static inline int32_t sim_ask(struct sim_node *n, uint32_t from)
{
	assert_true(++n->sessions < SIM_ASKED);
	n->asked[n->sessions] = true;
	n->asker[n->sessions] = from;
	return n->sessions;
}

static inline void sim_register(unsigned i, unsigned name)
{
	struct sim_node *n = &sim->node[i];
	char text[4];

	if (!n->alive || n->frozen || !n->self.id || n->mine[name])
		return;
	snprintf(text, sizeof(text), "N%u", name);
	n->mine[name] = sim_birth(i);
	member_register(&n->member, n->mine[name], sim_ask(n, n->mine[name]), text, n->mine[name]);
}

static inline void sim_release(unsigned i, unsigned name)
{
	struct sim_node *n = &sim->node[i];
	char text[4];

	if (!n->alive || n->frozen || !n->mine[name])
		return;
	snprintf(text, sizeof(text), "N%u", name);
	member_release(&n->member, n->mine[name], sim_ask(n, n->mine[name]), text, n->mine[name]);
	*sim_wants(n->mine[name]) = false;
	n->mine[name] = 0;
}

/* A service ended: nobody waits for its answers any more. */
static inline void sim_forget(struct sim_node *n, uint32_t handle)
{
	for (int32_t k = 1; k <= n->sessions; k++)
		if (n->asker[k] == handle)
			n->asked[k] = false;
	member_forget(&n->member, handle);
}

/* The service of node i that holds the name hands it to a new one of node k. Returns that one. */
static inline uint32_t sim_transfer(unsigned i, unsigned name, unsigned k)
{
	struct sim_node *n = &sim->node[i];
	char text[4];
	uint32_t heir;
	int32_t session;

	if (!n->alive || n->frozen || !n->mine[name] || !sim->node[k].alive ||
	    !sim->node[k].self.id)
		return 0;
	snprintf(text, sizeof(text), "N%u", name);
	heir = sim_birth(k);
	session = sim_ask(n, n->mine[name]);
	n->gives[session] = true;
	member_transfer(&n->member, n->mine[name], session, text, n->mine[name], heir);
	return heir;
}

static inline void sim_join(unsigned i, unsigned place)
{
	struct sim_node *n = &sim->node[i];
	char key[REMOTE_NAME_SIZE];

	if (!n->alive || n->frozen || !n->self.id || n->joined[place])
		return;
	n->joined[place] = sim_birth(i);
	group_key("G", n->joined[place], key);
	member_register(&n->member, n->joined[place], sim_ask(n, n->joined[place]), key,
			n->joined[place]);
}

/* It says so, or it ends. */
static inline void sim_leave(unsigned i, unsigned place, bool ends)
{
	struct sim_node *n = &sim->node[i];
	char key[REMOTE_NAME_SIZE];

	if (!n->alive || n->frozen || !n->joined[place])
		return;
	group_key("G", n->joined[place], key);
	if (ends) {
		*sim_wants(n->joined[place]) = false;
		sim_forget(n, n->joined[place]);
	} else {
		member_release(&n->member, n->joined[place], sim_ask(n, n->joined[place]), key,
			       n->joined[place]);
	}
	n->joined[place] = 0;
}

/* Does node i know all members of the group, and nobody else? */
static inline bool sim_knows_members(unsigned i)
{
	uint32_t known[SIM_NODES * SIM_JOINED + 1];
	uint64_t version;
	size_t n = directory_members(&sim->node[i].directory, "G", known, array_len(known),
				     &version),
	       found = 0, all = 0;

	for (unsigned k = 0; k < SIM_NODES; k++)
		for (unsigned p = 0; p < SIM_JOINED && sim->node[k].alive; p++) {
			all += sim->node[k].joined[p] != 0;
			for (size_t j = 0; j < n && n < array_len(known); j++)
				found += known[j] == sim->node[k].joined[p];
		}
	return n == all && found == all;
}

static inline uint32_t sim_find(unsigned i, unsigned name)
{
	char text[4];

	snprintf(text, sizeof(text), "N%u", name);
	return directory_find(&sim->node[i].directory, text);
}

static inline void sim_begin(unsigned seed)
{
	static struct sim the_one;

	sim = &the_one;
	memset(sim, 0, offsetof(struct sim, conn)); /* sim_connect clears a connection */
	memset(&disk, 0, sizeof(disk));
	memset(&sim_backup, 0, sizeof(sim_backup));
	sim->seed = seed;
	sim->random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	sim->now = NS_PER_SEC;
	sim->wall = UINT64_C(1800000000) * NS_PER_SEC;
	sim->conns = 1; /* 0 is no connection */
	sim_start_master();
	for (unsigned i = 0; i < SIM_NODES; i++)
		sim_start_node(i, 0);
}

static inline void sim_end_all(void)
{
	for (unsigned i = 0; i < SIM_NODES; i++)
		sim_kill_node(i);
	sim_kill_master();
	for (int k = 1; k < sim->conns; k++)
		for (unsigned side = 0; side < 2 && sim->conn[k].used; side++) {
			stream_fini(&sim->conn[k].end[side].in);
			sim_clear_queue(&sim->conn[k].end[side]);
		}
}

/* ---- what must hold in the end ---- */

static inline bool sim_all_joined(void)
{
	for (unsigned i = 0; i < SIM_NODES; i++)
		if (sim->node[i].alive && sim->node[i].member.state != MEMBER_JOINED)
			return false;
	return true;
}

static inline bool sim_all_linked(void)
{
	for (unsigned i = 0; i < SIM_NODES; i++)
		for (unsigned k = 0; k < SIM_NODES; k++) {
			struct sim_node *a = &sim->node[i], *b = &sim->node[k];

			if (i == k || !a->alive || !b->alive)
				continue;
			if (a->peers[b->self.id].state != PEER_UP ||
			    a->peers[b->self.id].epoch != b->self.epoch ||
			    a->peers[b->self.id].conn != b->peers[a->self.id].conn)
				return false;
		}
	return true;
}

/* Nobody waits for an answer that does not come. */
static inline bool sim_all_answered(void)
{
	for (unsigned i = 0; i < SIM_NODES; i++)
		for (int32_t k = 1; k < SIM_ASKED && sim->node[i].alive; k++)
			if (sim->node[i].asked[k])
				return false;
	return true;
}

/* No link leads to an incarnation that has ended. */
static inline bool sim_none_linked_to_the_dead(void)
{
	for (unsigned i = 0; i < SIM_NODES; i++)
		for (unsigned j = 0; j < sim->node[i].known_count && sim->node[i].alive; j++) {
			unsigned id = sim->node[i].known[j];
			bool lives = sim->node[i].peers[id].state != PEER_UP;

			for (unsigned k = 0; k < SIM_NODES; k++)
				lives |= sim->node[k].alive && sim->node[k].self.id == id;
			if (!lives)
				return false;
		}
	return true;
}

/* For who looks into a failing seed. */
static inline void sim_print(void)
{
	for (unsigned i = 0; i < SIM_NODES; i++) {
		struct sim_node *n = &sim->node[i];

		print_message("node%u %s harbor %u epoch %llu member %d (%s)\n", i,
			      n->alive ? "alive" : "dead", n->self.id,
			      (unsigned long long)n->self.epoch, n->member.state, n->member.why);
		for (unsigned k = SIM_ID_MIN; k < 256 && n->alive; k++)
			if (n->peers[k].ops)
				print_message("  peer %u state %d conn %d epoch %llu (%s)\n", k,
					      n->peers[k].state, n->peers[k].conn,
					      (unsigned long long)n->peers[k].epoch,
					      n->peers[k].why);
	}
}

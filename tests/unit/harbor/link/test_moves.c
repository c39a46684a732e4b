/* SPDX-License-Identifier: MIT */
/* Moves between four nodes in one thread: links and mailboxes are queues, what happens next is
 * chance. Whatever it is, each service hears from each sender 1, 2, 3 ... */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/actor/handle.h"
#include "core/actor/send.h"
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/ds/list.h"
#include "harbor/link/move_ways.h"
#include "harbor/link/moves.h"

#define NODES 4u
#define SENDERS 3u /* of each life of a node */
#define LIVES 8u
#define ALL_SENDERS (SENDERS * LIVES)
#define SERVICES 5u
#define BODIES 4096u

struct queue LIST_FIELDS(struct msg);

/* What has a handle: a service, or the forwarder that it left behind. */
struct body {
	uint32_t handle, forward_to;
	unsigned service;
	bool alive, still;
	struct queue mailbox;
};

/* A service through all its lives. */
struct soul {
	uint32_t lives[MOVE_TABLE_HOPS]; /* the last one first */
	unsigned count;
	unsigned attempt;
	uint32_t name[NODES + 1]; /* who has its name, as the nodes know */
	bool passed;		  /* the name follows the last move: not all may know yet */
	uint32_t next;		  /* born already, and not yet in office */
	uint32_t heard[NODES + 1][ALL_SENDERS];
};

static struct {
	struct moves state[NODES + 1];
	bool up[NODES + 1];
	struct queue wire[NODES + 1][NODES + 1];
	struct body bodies[BODIES];
	unsigned body_count;
	struct soul souls[SERVICES];
	uint32_t sent[NODES + 1][ALL_SENDERS][SERVICES];
	unsigned life[NODES + 1];
	uint32_t births[NODES + 1];
	unsigned self;
	uint32_t seed;
	bool busy, patient;
	unsigned ended;
} W;

static unsigned all_ended; /* forwarders, in all histories */

static unsigned chance(unsigned n)
{
	W.seed = W.seed * 1664525u + 1013904223u;
	return (W.seed >> 8) % n;
}

/* The next lines run on this node. */
static void as(unsigned node)
{
	W.state[W.self] = moves;
	W.self = node;
	moves = W.state[node];
}

static struct body *body_of(uint32_t handle)
{
	for (unsigned i = 0; i < W.body_count; i++)
		if (W.bodies[i].handle == handle)
			return &W.bodies[i];
	return NULL;
}

/* ---- what moves need ---- */

static unsigned own_id(void)
{
	return W.self;
}

static int send_by_link(struct msg *m)
{
	unsigned to = m->dest >> 24;

	assert_int_not_equal(to, W.self);
	if (m->source == 0)
		m->source = W.self << 24;
	assert_true(m->source >> 24 == W.self || m->flags & MSG_RELAYED);
	if (!W.up[to]) {
		assert_int_equal(m->type, PTYPE_HARBOR); /* nothing else goes to a node that left */
		msg_destroy(m);
		return SEND_REFUSED;
	}
	m->flags = 0;
	list_append(&W.wire[W.self][to], m, next);
	return SEND_OK;
}

static int push_here(struct msg *m)
{
	struct body *b = body_of(m->dest);

	assert_int_equal(m->dest >> 24, W.self);
	if (b && b->alive)
		list_append(&b->mailbox, m, next);
	else
		assert_true(moves_find(m));
	return SEND_OK;
}

static bool is_alive(uint32_t handle)
{
	const struct body *b = body_of(handle);

	return b && b->alive;
}

static bool end_forwarder(uint32_t handle)
{
	struct body *b = body_of(handle);

	assert_true(b && b->forward_to && handle >> 24 == W.self);
	if (!list_is_empty(&b->mailbox))
		return false;
	b->alive = false;
	W.ended++;
	all_ended++;
	return true;
}

/* As soon as nobody needs it, or never. */
static uint64_t patience(void)
{
	return W.patient ? NS_PER_SEC * 1000 : 0;
}

static bool is_busy(uint32_t dest)
{
	(void)dest;
	return W.busy && chance(2);
}

static bool is_up(unsigned node)
{
	return node <= NODES && W.up[node];
}

static void transfer(uint32_t from, uint32_t to)
{
	(void)from;
	(void)to;
}

static void purge(unsigned source, uint32_t dest)
{
	(void)source;
	(void)dest;
}

static uint64_t room(void)
{
	return 1 << 20;
}

static void touch(void)
{
}

static const struct moves_ops hands = {
	.self = own_id,
	.send = send_by_link,
	.local = push_here,
	.alive = is_alive,
	.end = end_forwarder,
	.patience = patience,
	.busy = is_busy,
	.up = is_up,
	.transfer = transfer,
	.purge = purge,
	.room = room,
	.touch = touch,
};

/* ---- the world ---- */

static uint32_t birth(unsigned node, unsigned service)
{
	struct body *b = &W.bodies[W.body_count++];

	assert_true(W.body_count < BODIES);
	*b = (struct body){ .handle = node << 24 | (0x1000 + ++W.births[node]),
			    .service = service,
			    .alive = true };
	return b->handle;
}

static void node_begins(unsigned node)
{
	memset(&moves, 0, sizeof(moves));
	moves_init(&hands);
	W.up[node] = true;
}

static void links_of(unsigned node)
{
	for (unsigned i = 1; i <= NODES; i++) {
		if (i == node || !W.up[i])
			continue;
		as(node);
		moves_link_up(i);
		as(i);
		moves_link_up(node);
	}
}

static void begin(uint32_t seed)
{
	memset(&W, 0, sizeof(W));
	W.seed = seed;
	W.busy = seed % 3 == 0;
	W.patient = seed % 2 == 0;
	for (unsigned i = 1; i <= NODES; i++) {
		as(i);
		node_begins(i);
	}
	for (unsigned s = 0; s < SERVICES; s++) {
		W.souls[s].lives[0] = birth(1 + s % NODES, s);
		W.souls[s].count = 1;
		for (unsigned i = 1; i <= NODES; i++)
			W.souls[s].name[i] = W.souls[s].lives[0];
	}
}

static void free_queue(struct queue *q)
{
	struct msg *m;

	while ((m = list_take(q, next)))
		msg_destroy(m);
}

static void end(void)
{
	for (unsigned i = 1; i <= NODES; i++) {
		as(i);
		moves_fini();
		for (unsigned j = 1; j <= NODES; j++)
			free_queue(&W.wire[i][j]);
	}
	for (unsigned i = 0; i < W.body_count; i++)
		free_queue(&W.bodies[i].mailbox);
}

static bool is_first(uint32_t handle)
{
	return body_of(handle) < &W.bodies[SERVICES];
}

/* Who sends to a new handle has it from the service itself, which speaks behind its claims; or from
 * somebody whose node knows as much. */
static bool is_known_here(uint32_t handle)
{
	/* a node that begins anew must have heard what became of its last life */
	if (handle >> 24 == W.self && !is_alive(handle) && !move_table_from(&moves.table, handle))
		return false;
	while (!is_first(handle)) {
		const struct move *r = move_table_to(&moves.table, handle);

		if (!r)
			return false;
		handle = r->from;
	}
	return true;
}

/* A send within a node asks nobody. So there a sender who uses several handles of one service has
 * to see to the order himself: while an old way is in use, and with a forwarder that has lost its
 * name. */
static bool is_senders_business(uint32_t handle)
{
	const struct move *r = move_table_from(&moves.table, handle);

	if (r && r->finishing)
		return true;
	for (r = move_table_to(&moves.table, handle); r; r = move_table_to(&moves.table, r->from))
		if (!move_is_finished(r))
			return true;
	return false;
}

static void send_one(void)
{
	unsigned node = 1 + chance(NODES), s = chance(SERVICES);
	unsigned k = W.life[node] * SENDERS + chance(SENDERS);
	const struct soul *soul = &W.souls[s];
	uint32_t dest;
	struct msg *m;

	if (!W.up[node])
		return;
	as(node);
	dest = chance(2) ? soul->name[node] : soul->lives[chance(soul->count)];
	if (!is_known_here(dest))
		return;
	if (dest != soul->name[node] && dest >> 24 == node && is_senders_business(dest))
		return;
	m = msg_create(sizeof(uint32_t));
	memcpy(msg_payload(m), &(uint32_t){ ++W.sent[node][k][s] }, sizeof(uint32_t));
	m->type = PTYPE_LUA;
	m->source = node << 24 | (k + 1);
	/* by any handle that it ever had: whoever has an old one need not know */
	m->dest = dest;
	if (m->dest >> 24 == node)
		push_here(m);
	else if (moves_concern(m->dest))
		moves_send(m);
	else
		send_by_link(m);
}

static bool receive(unsigned from, unsigned to)
{
	struct msg *m = list_take(&W.wire[from][to], next);

	if (!m)
		return false;
	as(to);
	if (m->source >> 24 != from)
		assert_true(moves_accepts(from, m->dest));
	if (m->type == PTYPE_HARBOR && moves_note(from, m))
		return true;
	assert_int_equal(m->dest >> 24, to);
	push_here(m);
	return true;
}

static void hear(struct body *b, struct msg *m)
{
	struct soul *soul = &W.souls[b->service];
	unsigned node = m->source >> 24, k = (m->source & 0xffffff) - 1;
	uint32_t n;

	assert_int_equal(m->type, PTYPE_LUA);
	memcpy(&n, msg_payload(m), sizeof(n));
	assert_int_equal(n, soul->heard[node][k] + 1);
	soul->heard[node][k] = n;
	msg_destroy(m);
}

static bool work(struct body *b)
{
	struct msg *m;

	if (!b->alive || b->still || !(m = list_take(&b->mailbox, next)))
		return false;
	as(b->handle >> 24);
	if (!b->forward_to) {
		hear(b, m);
		return true;
	}
	m->dest = b->forward_to;
	moves_relay(m);
	return true;
}

/* The name has followed the last move, as far as the service's node knows; and what the service
 * left on the other node earlier is out of use. */
static bool may_come(const struct soul *soul, unsigned node)
{
	if (soul->name[soul->lives[0] >> 24] != soul->lives[0])
		return false;
	as(node);
	for (unsigned i = 1; i < soul->count; i++)
		if (soul->lives[i] >> 24 == node && !moves_finished(soul->lives[i]))
			return false;
	return true;
}

/* The master gives the name to the new life when nothing comes to the old one any more; who hears
 * of it when is chance. Then the old node's own senders follow. */
static void pass_name(struct soul *soul, unsigned node)
{
	uint32_t old = soul->lives[1];

	if (soul->count < 2 || !W.up[node])
		return;
	as(old >> 24);
	if (!soul->passed && (!is_alive(old) || moves_settled(old)))
		soul->passed = true;
	if (!soul->passed)
		return;
	soul->name[node] = soul->lives[0];
	as(node);
	if (old >> 24 == node && is_alive(old))
		moves_finish(old);
}

static void begin_move(struct soul *soul, unsigned s, unsigned node)
{
	if (soul->next || soul->count == MOVE_TABLE_HOPS || !W.up[node] ||
	    soul->lives[0] >> 24 == node || !may_come(soul, node))
		return;
	body_of(soul->lives[0])->still = true;
	soul->next = birth(node, s);
	body_of(soul->next)->still = true; /* it has no state yet */
	as(node);
	moves_adopted(soul->next, soul->lives, soul->count, ++soul->attempt);
}

static void end_move(struct soul *soul, bool well)
{
	struct body *old = body_of(soul->lives[0]), *new = body_of(soul->next);

	if (!soul->next)
		return;
	soul->next = 0;
	old->still = false;
	if (!well) {
		new->alive = false;
		return;
	}
	as(old->handle >> 24);
	moves_left(old->handle, new->handle);
	old->forward_to = new->handle;
	new->still = false;
	memmove(soul->lives + 1, soul->lives, soul->count * sizeof(soul->lives[0]));
	soul->lives[0] = new->handle;
	soul->attempt = 0;
	soul->passed = false;
	soul->count++;
}

static void tick(unsigned node)
{
	if (!W.up[node])
		return;
	as(node);
	/* later than anything is asked again, earlier than anything is given up */
	(void)moves_tick(clock_mono_ns() + 2 * NS_PER_SEC);
}

static bool may_leave(unsigned node)
{
	for (unsigned s = 0; s < SERVICES; s++)
		if (W.souls[s].lives[0] >> 24 == node || W.souls[s].next >> 24 == node ||
		    W.souls[s].name[node] != W.souls[s].lives[0])
			return false;
	as(node);
	return W.life[node] + 1 < LIVES && moves_settled(0);
}

/* What it sent has gone out, for it says goodbye behind it. */
static void leave(unsigned node)
{
	static atomic_uint_least64_t filter[array_len(move_filter)];

	for (unsigned i = 0; i < W.body_count; i++)
		while (W.bodies[i].handle >> 24 == node && work(&W.bodies[i]))
			;
	for (unsigned i = 1; i <= NODES; i++)
		while (i != node && receive(node, i))
			;
	W.up[node] = false;
	W.life[node]++;
	for (unsigned i = 1; i <= NODES; i++) {
		free_queue(&W.wire[i][node]);
		if (!W.up[i])
			continue;
		as(i);
		moves_node_gone(node, true);
	}
	for (unsigned i = 0; i < W.body_count; i++) {
		struct body *b = &W.bodies[i];

		if (b->handle >> 24 == node)
			b->alive = false;
	}
	as(node);
	/* the filter is the process's, and here all nodes are one */
	memcpy(filter, move_filter, sizeof(filter));
	moves_fini();
	memcpy(move_filter, filter, sizeof(filter));
	node_begins(node);
	links_of(node);
}

static void step(void)
{
	struct soul *soul = &W.souls[chance(SERVICES)];
	unsigned node = 1 + chance(NODES);

	switch (chance(44)) {
	case 0:
		begin_move(soul, (unsigned)(soul - W.souls), node);
		break;
	case 1:
		end_move(soul, chance(5) != 0);
		break;
	case 2:
		tick(node);
		break;
	case 3:
		if (chance(8) == 0 && may_leave(node))
			leave(node);
		break;
	case 40 ... 43:
		pass_name(soul, node);
		break;
	case 4 ... 12:
		send_one();
		break;
	case 13 ... 26:
		(void)receive(node, 1 + chance(NODES));
		break;
	default:
		(void)work(&W.bodies[W.body_count - 1 -
				     chance(W.body_count < 24 ? W.body_count : 24)]);
	}
}

/* Until nothing is under way. */
static void settle(void)
{
	bool moved;

	for (unsigned s = 0; s < SERVICES; s++)
		end_move(&W.souls[s], true);
	W.busy = false;
	do {
		moved = false;
		for (unsigned i = 1; i <= NODES; i++)
			for (unsigned j = 1; j <= NODES; j++)
				moved |= receive(i, j);
		for (unsigned i = 0; i < W.body_count; i++)
			moved |= work(&W.bodies[i]);
	} while (moved);
}

static uint32_t now; /* the seed of the history that runs */

/* What nobody needs any more is gone, if there was no patience with it. */
static void look_for_idle_forwarders(uint32_t seed)
{
	for (unsigned i = 1; i <= NODES; i++) {
		as(i);
		/* the next look, if it was not at rest in the last one */
		(void)moves_tick(clock_mono_ns() + 5 * NS_PER_SEC);
	}
	for (unsigned i = 0; i < W.body_count && !W.patient; i++) {
		const struct body *b = &W.bodies[i];

		if (!b->alive || !b->forward_to)
			continue;
		as(b->handle >> 24);
		if (moves_finished(b->handle) && moves_settled(b->handle))
			fail_msg("seed %u: the forwarder %08x is still there", seed, b->handle);
	}
	assert_true(!W.patient || !W.ended);
}

static void one_history(uint32_t seed)
{
	begin(seed);
	for (unsigned i = 0; i < 3000; i++)
		step();
	for (unsigned round = 0; round < 3; round++) {
		settle();
		for (unsigned i = 1; i <= NODES; i++)
			tick(i);
	}
	settle();
	for (unsigned i = 1; i <= NODES; i++) {
		as(i);
		if (!moves_settled(0))
			fail_msg("seed %u: node %u is not settled", seed, i);
	}
	for (unsigned i = 1; i <= NODES; i++)
		for (unsigned k = 0; k < ALL_SENDERS; k++)
			for (unsigned s = 0; s < SERVICES; s++)
				if (W.souls[s].heard[i][k] != W.sent[i][k][s])
					fail_msg("seed %u: %u of %u arrived", seed,
						 W.souls[s].heard[i][k], W.sent[i][k][s]);
	look_for_idle_forwarders(seed);
	end();
}

/* In the environment, as test_sim has it: SIM_SEED=N, that history alone, or the first of SIM_SEEDS
 * many. */
static void every_sender_is_heard_in_order(void **state)
{
	const char *one = getenv("SIM_SEED"), *many = getenv("SIM_SEEDS");
	uint32_t first = one ? (uint32_t)atoi(one) : 1;
	uint32_t count = many ? (uint32_t)atoi(many) : one ? 1 : 400;

	(void)state;
	for (uint32_t seed = first; seed < first + count; seed++) {
		now = seed;
		one_history(seed);
		now = 0;
	}
	assert_true(count < 10 || all_ended > count / 4);
}

/* A failure jumps out of the history. */
static int tell_seed(void **state)
{
	(void)state;
	if (now)
		print_message("# the history that failed: SIM_SEED=%u\n", now);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(every_sender_is_heard_in_order, tell_seed),
	};

	clock_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

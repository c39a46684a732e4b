/* SPDX-License-Identifier: MIT */
/* Any notes of any nodes about moves, between messages, nodes that come and go, and time. What is
 * sent must be of this node or of one that may be relayed, nothing goes round for ever, and all
 * that is held is freed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/actor/send.h"
#include "core/base/clock.h"
#include "harbor/link/move_ways.h"
#include "harbor/link/moves.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define SELF 1u

static uint64_t now_ns;
static uint8_t up, alive;
static unsigned sent;

static unsigned own_id(void)
{
	return SELF;
}

static int send_away(struct msg *m)
{
	if (m->dest >> 24 == SELF || (m->source >> 24 != SELF && !(m->flags & MSG_RELAYED)))
		abort();
	sent++;
	msg_destroy(m);
	return SEND_OK;
}

static int keep_here(struct msg *m)
{
	if (m->dest >> 24 != SELF)
		abort();
	sent++;
	msg_destroy(m);
	return SEND_OK;
}

static bool is_alive(uint32_t handle)
{
	return alive >> (handle & 7) & 1;
}

static bool end_forwarder(uint32_t handle)
{
	if (handle >> 24 != SELF)
		abort();
	return !is_alive(handle);
}

static uint64_t patience(void)
{
	return (uint64_t)alive << 26;
}

static bool is_busy(uint32_t dest)
{
	return dest & 1;
}

static bool is_up(unsigned node)
{
	return node < 8 && up >> node & 1;
}

static void transfer(uint32_t from, uint32_t to)
{
	if (from == to)
		abort();
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
	.send = send_away,
	.local = keep_here,
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

/* Few nodes and handles, so that they meet. */
static uint32_t handle(uint8_t b)
{
	return (uint32_t)(1 + (b >> 4 & 3)) << 24 | (b & 7);
}

static void note(const uint8_t *p)
{
	struct move_note n = { (enum move_note_kind)(p[1] % _NOTE_KIND_MAX), p[2], p[3],
			       handle(p[4]), handle(p[5]) };
	unsigned node = 2 + p[6] % 3;
	struct msg *m = move_note_create(p[6] & 0x80 ? handle(p[5]) : SELF << 24, node, &n);

	if (!moves_note(node, m))
		msg_destroy(m);
}

/* Whatever it says, or does not. */
static void raw_note(const uint8_t *p)
{
	struct msg *m = move_note_create(SELF << 24, 2, &(struct move_note){ NOTE_GO });

	((uint8_t *)msg_payload(m))[p[1] % MOVE_NOTE_SIZE] = p[2];
	m->size = p[3] & 1 ? MOVE_NOTE_SIZE : p[3] % MOVE_NOTE_SIZE;
	if (!moves_note(2, m))
		msg_destroy(m);
}

static void message(const uint8_t *p)
{
	struct msg *m = msg_create(4);

	m->type = PTYPE_LUA;
	m->dest = handle(p[1]);
	m->source = SELF << 24 | (0x100u + p[2]);
	if (p[3] & 1) {
		m->source = handle(p[2]) | 0x100u;
		(void)moves_relay(m);
	} else if (m->dest >> 24 != SELF || is_alive(m->dest)) {
		(void)moves_send(m);
	} else if (!moves_find(m)) {
		msg_destroy(m);
	}
}

static void one(const uint8_t *p)
{
	uint32_t lives[2] = { handle(p[2]), handle(p[3]) };

	switch (p[0] % 9) {
	case 0:
		raw_note(p);
		break;
	case 1:
		message(p);
		break;
	case 2:
		moves_adopted(SELF << 24 | (p[1] & 7), lives, 1 + (p[4] & 1), p[5]);
		break;
	case 3:
		moves_left(SELF << 24 | (p[1] & 7), handle(p[2]));
		if (p[3] & 1)
			moves_finish(SELF << 24 | (p[4] & 7));
		break;
	case 4:
		now_ns += (uint64_t)p[1] * 100 * NS_PER_MS;
		(void)moves_tick(clock_mono_ns() + now_ns);
		break;
	case 5:
		moves_node_gone(2 + p[1] % 3, p[2] & 1);
		break;
	case 6:
		moves_link_up(2 + p[1] % 3);
		up = p[2];
		alive = p[3];
		break;
	default:
		note(p);
	}
	(void)moves_settled(0);
	(void)moves_accepts(2 + p[1] % 3, handle(p[2]));
	(void)moves_knows(handle(p[1]), p[2] & 7);
	(void)moves_finished(handle(p[1]));
	(void)moves_now(handle(p[1]));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	moves_init(&hands);
	now_ns = 0;
	up = 0xff;
	alive = 0x55;
	for (; n >= 7; p += 7, n -= 7) {
		unsigned before = sent;

		one(p);
		/* a step sends what was held at most, and a word to each node for each move */
		if (sent - before > 100000)
			abort();
	}
	moves_fini();
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* Ways: see move_ways.h. */
#include "harbor/link/move_ways.h"

#include "core/actor/handle.h"
#include "core/actor/send.h"
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/base/must.h"

#define HELD_FULL "too many messages wait for a service that moves"

struct moves moves;

/* This thread holds the lock: what it causes runs in here, too. */
static _Thread_local bool inside;

bool move_enter(void)
{
	if (inside)
		return false;
	lock_take(&moves.lock);
	inside = true;
	return true;
}

void move_leave(bool entered)
{
	if (!entered)
		return;
	inside = false;
	lock_release(&moves.lock);
}

void move_look_at(uint64_t ns)
{
	if (!moves.next_ns || ns < moves.next_ns)
		moves.next_ns = ns;
	moves.ops->touch();
}

void move_tell(unsigned node, const struct move_note *n)
{
	if (moves.ops->up(node))
		(void)moves.ops->send(move_note_create((uint32_t)node << 24, moves.ops->self(), n));
}

static bool is_pass(const struct msg *m, struct move_note *ret)
{
	return unlikely(m->type == PTYPE_HARBOR) && move_note_read(m, ret) &&
	       ret->kind == NOTE_PASS;
}

/* m->dest is final, or a forwarder. */
static int deliver(struct msg *m)
{
	const struct move *r = move_table_from(&moves.table, m->dest);
	struct move_note n;

	if (!move_is_ours(m->dest))
		return moves.ops->send(m);
	if ((!r || r->way != WAY_OWN) && is_pass(m, &n)) {
		msg_destroy(m);
		move_passed(&n);
		return SEND_OK;
	}
	return moves.ops->local(m);
}

/* The first of the moves that led to this handle which still has its old way: whoever sends to a
 * handle of the chain behind it goes that way, so that all his messages have the same. */
static struct move *first_unfinished(uint32_t to)
{
	struct move *first = NULL, *r = move_table_to(&moves.table, to);

	for (unsigned i = 0; r && i < MOVE_TABLE_HOPS; i++) {
		if (!move_is_finished(r))
			first = r;
		r = move_table_to(&moves.table, r->from);
	}
	return first;
}

/* Writes m's next receiver into m->dest. Returns the move that holds it, or NULL: send it. */
static struct move *route(struct msg *m)
{
	struct move *r = m->flags & MSG_RELAYED ? NULL : first_unfinished(m->dest);

	if (!r)
		r = move_table_from(&moves.table, m->dest);
	for (unsigned i = 0; r && i < MOVE_TABLE_HOPS; i++) {
		m->dest = r->from;
		if (r->way == WAY_HELD || (r->finishing && !r->finished))
			return r;
		if (!move_is_finished(r))
			return NULL;
		m->dest = r->to;
		r = move_table_from(&moves.table, m->dest);
	}
	return NULL;
}

static int hold(struct move *r, struct msg *m)
{
	if (r->held_count >= MOVE_HOLD_MAX ||
	    (r->held_count && r->held_bytes + m->size > moves.ops->room())) {
		service_reject(m, HELD_FULL);
		return SEND_REFUSED;
	}
	list_append(&r->held, m, next);
	r->held_count++;
	r->held_bytes += m->size;
	return SEND_OK;
}

void move_wait_late(struct msg *m)
{
	if (moves.late_count >= MOVE_LATE_MAX) {
		msg_destroy(m);
		return;
	}
	list_append(&moves.late, m, next);
	moves.late_count++;
	move_look_at(clock_mono_ns() + MOVE_BUSY_NS);
}

int move_send_on(struct msg *m)
{
	struct move *r = route(m);
	struct move_note n;

	if (r)
		return hold(r, m);
	if (is_pass(m, &n) && !move_is_ours(m->dest) && moves.ops->busy(m->dest)) {
		move_wait_late(m);
		return SEND_OK;
	}
	return deliver(m);
}

bool move_is_settled(const struct move *r)
{
	for (unsigned i = 1; i < 256; i++)
		if (i != moves.ops->self() && moves.ops->up(i) && !move_has_bit(r->done, i))
			return false;
	return true;
}

/* They are made again for who holds later. */
static void forget_numbers(struct move *r)
{
	if (r->numbers && r->finished && move_is_settled(r))
		mem_free(steal(r->numbers));
}

/* Where what goes r's new way arrives. */
static uint32_t new_end(const struct move *r)
{
	uint32_t to = r->to;

	for (unsigned i = 0; i < MOVE_TABLE_HOPS; i++) {
		r = move_table_from(&moves.table, to);
		if (!r || r->way != WAY_NEW)
			break;
		to = r->to;
	}
	return to;
}

void move_take_new_way(struct move *r)
{
	struct msg *m = list_take_all(&r->held), *next;

	if (r->way == WAY_HELD) /* else the old node has not begun to forget them */
		moves.ops->transfer(r->from, new_end(r));
	if (r->way == WAY_OWN) {
		r->finished = true;
		move_look_at(r->used_ns + moves.ops->patience());
	} else {
		r->way = WAY_NEW;
	}
	move_table_settle(&moves.table, r);
	forget_numbers(r);
	r->held_count = 0;
	r->held_bytes = 0;
	for (; m; m = next) {
		next = m->next;
		(void)move_send_on(m);
	}
}

void move_go(uint32_t from, unsigned number)
{
	struct move *r = move_table_from(&moves.table, from);

	if (!r || r->number != number)
		return;
	if (r->way == WAY_HELD || (r->way == WAY_OWN && r->finishing && !r->finished))
		move_take_new_way(r);
}

void move_done(unsigned node, uint32_t from, unsigned number)
{
	struct move *r = move_table_from(&moves.table, from);
	uint32_t to = from;

	if (!r || r->way != WAY_OWN || !r->numbers || r->numbers[node & 255] != number)
		return;
	move_set_bit(r->done, node, true);
	forget_numbers(r);
	for (unsigned i = 0; i < MOVE_TABLE_HOPS && (r = move_table_from(&moves.table, to)); i++) {
		to = r->to;
		moves.ops->purge(node, to);
	}
}

void move_passed(const struct move_note *n)
{
	struct move_note go = { NOTE_GO, 0, n->number, n->from, 0 },
			 done = { NOTE_DONE, n->node, n->number, n->from, 0 };

	if (n->node == moves.ops->self())
		move_go(n->from, n->number);
	else
		move_tell(n->node, &go);
	if (move_is_ours(n->from))
		move_done(n->node, n->from, n->number);
	else
		move_tell(move_node(n->from), &done);
}

/* SPDX-License-Identifier: MIT */
/* The conversation about moves: see moves.h. Where messages go meanwhile is in move_ways.c. */
#include "harbor/link/moves.h"

#include <string.h>

#include "core/actor/handle.h"
#include "core/actor/move.h"
#include "core/actor/send.h"
#include "core/base/clock.h"
#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/ds/list.h"
#include "harbor/link/move_ways.h"

#define NOTE_AGAIN_NS (1000 * NS_PER_MS)

int moves_send(struct msg *m)
{
	bool entered = move_enter();
	int r = move_send_on(m);

	move_leave(entered);
	return r;
}

/* ---- asking senders to go the new way; under the lock ---- */

static void ask(struct move *r, unsigned node)
{
	move_set_bit(r->asked, node, true);
	move_tell(node, &(struct move_note){ NOTE_SWITCH, 0, 0, r->from, r->to });
}

/* What a node still sends to the old handle goes on, and it is asked to stop that. */
static int relay(struct move *r, struct msg *m)
{
	unsigned node = move_node(m->source);

	if (r)
		r->used_ns = clock_mono_ns();
	if (r && node != moves.ops->self() && node != 0 && !move_has_bit(r->asked, node))
		ask(r, node);
	m->flags |= MSG_RELAYED;
	return move_send_on(m);
}

int moves_relay(struct msg *m)
{
	bool entered = move_enter();
	struct move *back = move_table_to(&moves.table, m->dest);
	int r;

	while (back && back->way != WAY_OWN)
		back = back->same_to;
	r = relay(back, m);
	move_leave(entered);
	return r;
}

/* In this life of the node the old handle never was. */
bool moves_find(struct msg *m)
{
	bool entered, found;
	struct move *r;

	if (!moves_concern(m->dest) || msg_is_answer(m)) /* as in link_send */
		return false;
	entered = move_enter();
	r = move_table_from(&moves.table, m->dest);
	found = r != NULL;
	if (r) {
		m->dest = r->to;
		(void)relay(r, m);
	}
	move_leave(entered);
	return found;
}

static bool accepts(unsigned node, uint32_t dest, unsigned hops)
{
	for (const struct move *r = move_table_to(&moves.table, dest); r; r = r->same_to)
		if (move_node(r->from) == node || (hops && accepts(node, r->from, hops - 1)))
			return true;
	return false;
}

bool moves_accepts(unsigned node, uint32_t dest)
{
	bool entered = move_enter(), well;

	well = accepts(node, dest, MOVE_TABLE_HOPS);
	move_leave(entered);
	return well;
}

bool moves_knows(uint32_t old, unsigned node)
{
	bool entered, well = false;

	if (!moves_concern(old))
		return false;
	entered = move_enter();
	for (unsigned i = 0; i < MOVE_TABLE_HOPS && !well; i++) {
		const struct move *r = move_table_from(&moves.table, old);

		if (!r)
			break;
		old = r->to;
		well = move_node(old) == node;
	}
	move_leave(entered);
	return well;
}

/* ---- claims; under the lock ---- */

static enum way first_way(uint32_t from)
{
	if (move_is_ours(from))
		return moves.ops->alive(from) ? WAY_OLD : WAY_NEW;
	return moves.ops->up(move_node(from)) ? WAY_OLD : WAY_NEW;
}

/* `from` went on as `to`, says the node where it is now, or was. */
static struct move *claim(uint32_t from, uint32_t to, unsigned attempt)
{
	struct move *r = move_table_from(&moves.table, from);

	if (move_table_passes(&moves.table, to, from)) /* nobody comes back to an old handle */
		return NULL;
	if (!r) {
		r = move_table_add(&moves.table, from, to, first_way(from));
		if (r)
			r->attempt = attempt;
	} else if (attempt > r->attempt) {
		r->attempt = attempt;
		if (r->to != to)
			move_table_lead(&moves.table, r, to);
	}
	return r;
}

/* The last move goes first: who hears of an earlier one then knows that it leads to us. */
static void tell_claims(unsigned node, uint32_t to)
{
	const struct move *r = move_table_to(&moves.table, to);

	for (unsigned i = 0; r && i < MOVE_TABLE_HOPS; i++) {
		move_tell(node, &(struct move_note){ NOTE_CLAIM, 0, r->attempt, r->from, r->to });
		r = move_table_to(&moves.table, r->from);
	}
}

void moves_adopted(uint32_t service, const uint32_t *old, unsigned n, unsigned attempt)
{
	bool entered = move_enter();

	for (unsigned i = 0; i < n; i++)
		(void)claim(old[i], i ? old[i - 1] : service, i ? MOVE_FINAL : attempt);
	for (unsigned node = 1; node < 256; node++)
		if (node != moves.ops->self())
			tell_claims(node, service);
	move_leave(entered);
}

/* ---- the end of forwarders; under the lock ---- */

/* Nobody needs it for the order of his messages: he has found the new way, or that is none. */
static bool is_spare(const struct move *r)
{
	return r->way == WAY_OWN && (r->finished || !moves.ops->up(move_node(r->to))) &&
	       move_is_settled(r);
}

/* The table leads on from its handle, as it does from one that this node knows by hearsay. */
static bool end_forwarder(struct move *r)
{
	if (!moves.ops->end(r->from))
		return false;
	if (!r->finished)
		move_take_new_way(r); /* what waits for it, too */
	r->way = WAY_NEW;
	moves.forwarders--;
	mem_free(steal(r->numbers));
	move_table_settle(&moves.table, r);
	return true;
}

static void end_oldest(void)
{
	for (struct move *r = moves.table.all.first; r; r = r->next)
		if (is_spare(r) && end_forwarder(r))
			return;
}

/* One that is spare. Looks of many forwarders go together. */
static void end_unused(struct move *r, uint64_t now)
{
	uint64_t due = r->used_ns + moves.ops->patience();

	if (now < due)
		move_look_at(due + NOTE_AGAIN_NS - due % NOTE_AGAIN_NS);
	else if (!end_forwarder(r))
		move_look_at(now + NOTE_AGAIN_NS);
}

void moves_left(uint32_t old, uint32_t to)
{
	bool entered = move_enter();
	struct move *r = claim(old, to, MOVE_FINAL);

	if (r) {
		moves.forwarders += r->way != WAY_OWN;
		r->way = WAY_OWN;
		r->asked_ns = r->used_ns = clock_mono_ns();
		if (moves.forwarders > MOVES_FORWARDERS_MAX)
			end_oldest();
		for (unsigned node = 1; node < 256; node++)
			if (node != moves.ops->self() && moves.ops->up(node))
				ask(r, node);
		move_look_at(r->asked_ns + NOTE_AGAIN_NS);
	}
	move_leave(entered);
}

/* Not 0, and most likely none that an earlier life of this node has used lately. */
static unsigned next_number(void)
{
	static unsigned last;

	if (!last)
		last = (unsigned)(clock_mono_ns() >> 10);
	last = (last + 1) & 0xffff ? (last + 1) & 0xffff : 1;
	return last;
}

void moves_finish(uint32_t old)
{
	bool entered = move_enter();
	struct move *r = move_table_from(&moves.table, old);
	unsigned self = moves.ops->self();

	if (r && r->way == WAY_OWN && !r->finishing) {
		r->finishing = true;
		r->number = next_number();
		r->held_ns = clock_mono_ns();
		move_look_at(r->held_ns + MOVES_HELD_NS);
		(void)moves.ops->local(move_note_create(
			old, self, &(struct move_note){ NOTE_PASS, self, r->number, old, 0 }));
	}
	move_leave(entered);
}

bool moves_finished(uint32_t old)
{
	bool entered = move_enter(), well;
	const struct move *r = move_table_from(&moves.table, old);

	well = !r || move_is_finished(r);
	move_leave(entered);
	return well;
}

uint32_t moves_now(uint32_t old)
{
	bool entered = move_enter();
	uint32_t now = move_table_last(&moves.table, old);

	move_leave(entered);
	return now;
}

bool moves_settled(uint32_t old)
{
	bool entered = move_enter(), well = true;

	for (const struct move *r = moves.table.all.first; r && well; r = r->next) {
		if (r->way == WAY_OWN && (!old || r->from == old))
			well = move_is_settled(r) && (old || !r->finishing || r->finished);
		else if (!old && r->way == WAY_HELD)
			well = list_is_empty(&r->held);
	}
	move_leave(entered);
	return well;
}

void moves_draining(bool on)
{
	bool entered = move_enter();

	for (unsigned node = 1; node < 256; node++)
		if (node != moves.ops->self())
			move_tell(node, &(struct move_note){ NOTE_DRAIN, on, 0, 0, 0 });
	move_leave(entered);
}

unsigned moves_forwarders(void)
{
	bool entered = move_enter();
	unsigned n = moves.forwarders;

	move_leave(entered);
	return n;
}

unsigned moves_count(void)
{
	bool entered = move_enter();
	unsigned n = moves.table.count;

	move_leave(entered);
	return n;
}

/* ---- notes that come in; the loop, under the lock ---- */

/* r is held: says so behind what was sent. */
static void tell_held(const struct move *r)
{
	struct msg *held = move_note_create(r->from & ~HANDLE_INDEX_MAX, moves.ops->self(),
					    &(struct move_note){ NOTE_HELD, 0, r->number, r->from,
								 0 });

	if (moves.ops->busy(r->from))
		move_wait_late(held);
	else
		(void)moves.ops->send(held);
}

/* `from` is a service that this node gave away: it asks us to send to `to`. */
static void on_switch(uint32_t from, uint32_t to)
{
	struct move *r = claim(from, to, MOVE_FINAL);

	if (!r)
		return;
	if (r->way == WAY_OLD) {
		r->way = WAY_HELD;
		r->number = next_number();
		r->held_ns = clock_mono_ns();
		move_look_at(r->held_ns + MOVES_HELD_NS);
	}
	tell_held(r);
}

void moves_overtaken(uint32_t handle)
{
	bool entered = move_enter();
	struct move *r = move_table_from(&moves.table, handle);

	if (r && r->way == WAY_HELD) {
		r->number = next_number();
		tell_held(r);
	}
	move_leave(entered);
}

/* The node sends nothing to our old service any more: this goes behind what it has sent. */
static void on_held(unsigned node, uint32_t from, unsigned number)
{
	struct move *r = move_table_from(&moves.table, from);
	struct msg *m;

	if (!r || !move_is_ours(from))
		return;
	m = move_note_create(from, node, &(struct move_note){ NOTE_PASS, node, number, from, 0 });
	if (r->way == WAY_OWN) {
		if (!r->numbers)
			r->numbers = mem_zalloc(256 * sizeof(*r->numbers));
		r->numbers[node & 255] = (uint16_t)number;
		(void)moves.ops->local(m);
		return;
	}
	m->dest = r->to;
	m->flags |= MSG_RELAYED;
	(void)move_send_on(m);
}

static void on_note(unsigned node, const struct move_note *n)
{
	switch (n->kind) {
	case NOTE_CLAIM:
		if (move_node(move_table_last(&moves.table, n->to)) == node)
			(void)claim(n->from, n->to, n->number);
		break;
	case NOTE_SWITCH:
		if (move_node(n->from) == node && move_node(n->to) != 0)
			on_switch(n->from, n->to);
		break;
	case NOTE_HELD:
		on_held(node, n->from, n->number);
		break;
	case NOTE_GO:
		if (moves_knows(n->from, node))
			move_go(n->from, n->number);
		break;
	case NOTE_DONE:
		if (moves_knows(n->from, node))
			move_done(n->node, n->from, n->number);
		break;
	case NOTE_DRAIN:
		move_set_bit(moves.draining, node, n->node);
		break;
	case NOTE_PASS:
	case _NOTE_KIND_MAX:
		break; /* is for a service */
	}
}

bool moves_note(unsigned node, struct msg *m)
{
	const struct move *r;
	bool entered, taken = false;
	struct move_note n;

	if (!move_note_read(m, &n))
		return false;
	entered = move_enter();
	r = move_table_from(&moves.table, m->dest);
	if (n.kind == NOTE_PASS && (!r || r->way != WAY_OWN)) {
		move_passed(&n);
		taken = true;
	} else if (n.kind != NOTE_PASS && !(m->dest & HANDLE_INDEX_MAX)) {
		on_note(node, &n);
		taken = true;
	}
	move_leave(entered);
	if (taken)
		msg_destroy(m);
	return taken;
}

bool moves_is_draining(unsigned node)
{
	bool entered = move_enter(), on = move_has_bit(moves.draining, node);

	move_leave(entered);
	return on;
}

void moves_drainers(uint64_t ret_bits[4])
{
	bool entered = move_enter();

	memcpy(ret_bits, moves.draining, sizeof(moves.draining));
	move_set_bit(ret_bits, moves.ops->self(), move_is_draining());
	move_leave(entered);
}

/* ---- nodes and time; the loop ---- */

void moves_link_up(unsigned node)
{
	bool entered = move_enter();

	move_tell(node, &(struct move_note){ NOTE_DRAIN, move_is_draining(), 0, 0, 0 });
	for (struct move *r = moves.table.all.first; r; r = r->next) {
		if (move_is_ours(r->to) && moves.ops->alive(r->to) &&
		    !move_table_from(&moves.table, r->to))
			tell_claims(node, r->to);
		if (r->way == WAY_OWN && !move_has_bit(r->done, node))
			ask(r, node);
	}
	move_leave(entered);
}

void moves_node_gone(unsigned node, bool dead)
{
	bool entered = move_enter();

	move_set_bit(moves.draining, node, false);
	for (struct move *r = moves.table.all.first, *next; r; r = next) {
		next = r->next;
		move_set_bit(r->asked, node, false);
		move_set_bit(r->done, node, false);
		if (r->way == WAY_OWN)
			continue;
		if (move_node(r->from) == node && r->way != WAY_NEW)
			move_take_new_way(r);
		if (dead && move_node(r->to) == node && !move_table_from(&moves.table, r->to)) {
			move_take_new_way(r); /* to be refused */
			move_table_remove(&moves.table, r);
		}
	}
	move_leave(entered);
}

static void try_late(void)
{
	struct msg *m = list_take_all(&moves.late), *next;
	struct move_note n;

	moves.late_count = 0;
	for (; m; m = next) {
		next = m->next;
		if (!move_note_read(m, &n) || n.kind == NOTE_PASS) {
			(void)move_send_on(m);
		} else if (moves.ops->busy(n.from)) {
			move_wait_late(m);
		} else {
			(void)moves.ops->send(m);
		}
	}
}

static void look_after(struct move *r, uint64_t now)
{
	if (r->way == WAY_HELD || (r->finishing && !r->finished)) {
		if (now >= r->held_ns + MOVES_HELD_NS)
			move_take_new_way(r);
		else
			move_look_at(r->held_ns + MOVES_HELD_NS);
	}
	if (r->way != WAY_OWN)
		return;
	if (move_is_settled(r)) {
		if (is_spare(r))
			end_unused(r, now);
		return;
	}
	if (now >= r->asked_ns + NOTE_AGAIN_NS) {
		r->asked_ns = now;
		for (unsigned i = 1; i < 256; i++)
			if (i != moves.ops->self() && moves.ops->up(i) && !move_has_bit(r->done, i))
				ask(r, i);
	}
	move_look_at(r->asked_ns + NOTE_AGAIN_NS);
}

uint64_t moves_tick(uint64_t now)
{
	bool entered = move_enter();
	uint64_t next;

	if (moves.next_ns && now >= moves.next_ns) {
		moves.next_ns = 0;
		try_late();
		for (struct move *r = moves.table.all.first; r; r = r->next)
			look_after(r, now);
	}
	next = moves.next_ns ? moves.next_ns : UINT64_MAX;
	move_leave(entered);
	return next;
}

/* ---- life ---- */

void moves_init(const struct moves_ops *ops)
{
	must(ops);
	moves.ops = ops;
	lock_init(&moves.lock, LOCK_moves);
}

static void free_list(struct msg *m)
{
	while (m) {
		struct msg *next = m->next;

		msg_destroy(m);
		m = next;
	}
}

void moves_fini(void)
{
	for (struct move *r = moves.table.all.first; r; r = r->next)
		free_list(list_take_all(&r->held));
	free_list(list_take_all(&moves.late));
	move_table_fini(&moves.table);
	lock_fini(&moves.lock);
	memset(&moves, 0, sizeof(moves));
}

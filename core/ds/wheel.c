/* SPDX-License-Identifier: MIT */
/* Hierarchical timer wheel: see wheel.h.
 *
 * Level l has 64 slots of 64^l ticks. An entry whose tick differs from `now` first in digit l (base
 * 64, most significant difference) sits in level l, slot = that digit. So a level-0 slot holds one
 * tick exactly, and a slot of a higher level is moved down when `now` reaches its first tick. Ticks
 * beyond the top level sit in its last reachable slot and are placed again from there.
 */
#include "core/ds/wheel.h"

#include <stddef.h>

#include "core/ds/list.h"

#include "core/base/must.h"

#define DIGIT(tick, level) ((unsigned)((tick) >> ((level)*WHEEL_SLOT_BITS)) & (WHEEL_SLOTS - 1))
#define TOP_BITS (WHEEL_LEVELS * WHEEL_SLOT_BITS)

static void ring_init(struct wheel_entry *head)
{
	head->next = head->prev = head;
}

static void ring_append(struct wheel_entry *head, struct wheel_entry *e)
{
	e->prev = head->prev;
	e->next = head;
	head->prev->next = e;
	head->prev = e;
}

void wheel_init(struct wheel *w, uint64_t now)
{
	w->now = now;
	w->count = 0;
	for (unsigned l = 0; l < WHEEL_LEVELS; l++) {
		w->occupied[l] = 0;
		for (unsigned i = 0; i < WHEEL_SLOTS; i++)
			ring_init(&w->slots[l][i]);
	}
}

/* Level and slot for a tick that is not before w->now. */
static void place(const struct wheel *w, uint64_t tick, unsigned *ret_level, unsigned *ret_slot)
{
	uint64_t far = ((uint64_t)1 << TOP_BITS) - 1;
	uint64_t diff;
	unsigned level;

	if ((tick ^ w->now) > far)
		tick = w->now | far; /* the last tick of this revolution; placed again then */
	diff = tick ^ w->now;
	level = diff ? (63u - (unsigned)__builtin_clzll(diff)) / WHEEL_SLOT_BITS : 0;
	*ret_level = level;
	*ret_slot = DIGIT(tick, level);
}

static void insert(struct wheel *w, struct wheel_entry *e)
{
	unsigned level, slot;

	place(w, e->tick < w->now ? w->now : e->tick, &level, &slot);
	ring_append(&w->slots[level][slot], e);
	w->occupied[level] |= (uint64_t)1 << slot;
}

void wheel_arm(struct wheel *w, struct wheel_entry *e, uint64_t tick)
{
	must(!wheel_entry_armed(e));
	e->tick = tick;
	insert(w, e);
	w->count++;
}

bool wheel_disarm(struct wheel *w, struct wheel_entry *e)
{
	struct wheel_entry *next;

	/* prev first, and alone: the next of an entry that is out belongs to whoever fires it. */
	if (!wheel_entry_armed(e))
		return false;
	next = e->next;
	e->prev->next = next;
	next->prev = e->prev;
	/* Was it the last of its slot? Then next is the slot's own head. */
	if (next->next == next) {
		ptrdiff_t at = next - &w->slots[0][0];

		w->occupied[(size_t)at / WHEEL_SLOTS] &= ~((uint64_t)1
							   << ((size_t)at % WHEEL_SLOTS));
	}
	must(w->count > 0);
	e->next = e->prev = NULL;
	w->count--;
	return true;
}

/* The next tick at which a slot comes up (expires or is moved down), and its level. */
static uint64_t next_event(const struct wheel *w, unsigned *ret_level)
{
	for (unsigned l = 0; l < WHEEL_LEVELS; l++) {
		unsigned digit = DIGIT(w->now, l);
		uint64_t ahead = w->occupied[l] & (~(uint64_t)0 << digit);

		if (!ahead)
			continue;
		unsigned slot = (unsigned)__builtin_ctzll(ahead);
		uint64_t base = w->now >> ((l + 1) * WHEEL_SLOT_BITS)
						  << ((l + 1) * WHEEL_SLOT_BITS);
		uint64_t tick = base | (uint64_t)slot << (l * WHEEL_SLOT_BITS);

		*ret_level = l;
		return tick < w->now ? w->now : tick;
	}
	return UINT64_MAX;
}

/* The first slot ahead on the lowest level holds the earliest entry; above level 0, anywhere in
 * it. */
uint64_t wheel_next(const struct wheel *w)
{
	unsigned level = 0, looked = 0;
	uint64_t start = next_event(w, &level);
	uint64_t first = UINT64_MAX;

	if (start == UINT64_MAX || level == 0)
		return start;
	const struct wheel_entry *head = &w->slots[level][DIGIT(start, level)];

	for (const struct wheel_entry *e = head->next; e != head; e = e->next) {
		if (++looked > WHEEL_LOOK_MAX)
			return start;
		if (e->tick < first)
			first = e->tick;
	}
	return first;
}

struct wheel_entry *wheel_advance(struct wheel *w, uint64_t now)
{
	LIST_OF(struct wheel_entry) expired = { 0 };

	for (;;) {
		unsigned level = 0;
		uint64_t tick = next_event(w, &level);

		if (tick > now)
			break;
		w->now = tick;
		struct wheel_entry *head = &w->slots[level][DIGIT(tick, level)];
		struct wheel_entry *e = head->next;

		/* Empty the slot, then expire what is due and move the rest down, in order. */
		head->prev->next = NULL;
		ring_init(head);
		w->occupied[level] &= ~((uint64_t)1 << DIGIT(tick, level));
		while (e) {
			struct wheel_entry *next = e->next;

			e->next = e->prev = NULL;
			if (e->tick <= tick) {
				list_append(&expired, e, next);
				w->count--;
			} else {
				insert(w, e);
			}
			e = next;
		}
		if (level == 0 && tick < now)
			w->now = tick + 1;
		else if (level == 0)
			break;
	}
	if (now > w->now)
		w->now = now;
	return expired.first;
}

bool wheel_any_of(const struct wheel *w, unsigned slot,
		  bool (*f)(const struct wheel_entry *e, void *ud), void *ud)
{
	const struct wheel_entry *head = &w->slots[0][0] + slot;

	must(slot < WHEEL_LEVELS * WHEEL_SLOTS);
	for (const struct wheel_entry *e = head->next; e != head; e = e->next)
		if (f(e, ud))
			return true;
	return false;
}

bool wheel_any(const struct wheel *w, bool (*f)(const struct wheel_entry *e, void *ud), void *ud)
{
	for (unsigned slot = 0; slot < WHEEL_LEVELS * WHEEL_SLOTS; slot++)
		if (wheel_any_of(w, slot, f, ud))
			return true;
	return false;
}

/* Highest level first: of two entries of one tick the one that was armed earlier is there. */
struct wheel_entry *wheel_take(struct wheel *w, bool (*which)(const struct wheel_entry *e),
			       struct wheel *room)
{
	wheel_init(room, w->now);
	for (unsigned l = WHEEL_LEVELS; l-- > 0;)
		for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++) {
			struct wheel_entry *head = &w->slots[l][slot], *next;

			for (struct wheel_entry *e = head->next; e != head; e = next) {
				next = e->next;
				if (!which(e))
					continue;
				(void)wheel_disarm(w, e);
				wheel_arm(room, e, e->tick);
			}
		}
	return wheel_advance(room, UINT64_MAX - 1);
}

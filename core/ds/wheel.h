/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Hierarchical timer wheel: pure, no clock, no lock; the caller passes `now` in ticks.
 *
 * WHEEL_LEVELS levels of 64 slots. An entry sits in the level where its distance still fits, and
 * moves down when that level's slot comes up. One bitmap word a level finds the next
 * non-empty slot at once, so advancing over an empty hour costs nothing and the next
 * expiry is known. Arm and disarm are O(1).
 *
 * Threads: none; core/sched/timer.c guards its wheel with a lock.
 */
#include <stdbool.h>
#include <stdint.h>

#define WHEEL_SLOT_BITS 6
#define WHEEL_SLOTS (1u << WHEEL_SLOT_BITS)
#define WHEEL_LEVELS 8
#define WHEEL_LOOK_MAX 64 /* entries that wheel_next looks at */

struct wheel_entry {
	struct wheel_entry *next, *prev; /* prev == NULL: not armed */
	uint64_t tick;			 /* expires when now >= tick */
};

struct wheel {
	uint64_t now;
	uint64_t occupied[WHEEL_LEVELS];
	struct wheel_entry slots[WHEEL_LEVELS][WHEEL_SLOTS]; /* list heads */
	uint64_t count;
};

void wheel_init(struct wheel *w, uint64_t now);
/* Arms an entry that is not armed. A tick in the past expires at the next advance.
 * Entries of one tick expire in the order in which they were armed. */
void wheel_arm(struct wheel *w, struct wheel_entry *e, uint64_t tick);
/* true: it was armed and is out. */
bool wheel_disarm(struct wheel *w, struct wheel_entry *e);
static inline bool wheel_entry_armed(const struct wheel_entry *e)
{
	return e->prev != (struct wheel_entry *)0;
}
/* Moves to `now` and returns all entries with tick <= now as a list by ->next, in order of
 * expiry, none of them armed any more. NULL: none. */
struct wheel_entry *wheel_advance(struct wheel *w, uint64_t now);
/* Takes out the entries of which `which` says so, and returns them as a list by ->next, in the
 * order in which they would have expired. NULL: none. room: an unused wheel, to be freed
 * afterwards. */
struct wheel_entry *wheel_take(struct wheel *w, bool (*which)(const struct wheel_entry *e),
			       struct wheel *room);
/* Whether f says so of any entry of this slot, of level * WHEEL_SLOTS + slot. */
bool wheel_any_of(const struct wheel *w, unsigned slot,
		  bool (*f)(const struct wheel_entry *e, void *ud), void *ud);
/* Whether f says so of any entry. Looks at all of them. */
bool wheel_any(const struct wheel *w, bool (*f)(const struct wheel_entry *e, void *ud), void *ud);
/* The tick of the earliest entry (one in the past counts as now). UINT64_MAX: empty. When more than
 * WHEEL_LOOK_MAX entries share its slot above level 0: the start of that slot, never later. */
uint64_t wheel_next(const struct wheel *w);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Run queues: which service is run next.
 *
 * A worker has one slot (the service it woke last: a call and its answer stay on one core) and a
 * ring of 256. The ring has one producer (its worker) and many consumers (its worker and thieves),
 * who claim entries by a CAS on head. Entries are type-stable services, so a thief that read an
 * entry and then loses the CAS has read nothing that matters. What overflows, and what threads that
 * are no workers make runnable, goes to one injection list, which any worker takes from.
 *
 * Ordering  S1 ring: store(tail) release <-> load(tail) acquire: the entry is there.
 *           S2 ring: CAS(head) acq_rel: an entry is claimed once, and its slot is free again.
 *           S3 slot: exchange acq_rel in both directions: the owner of a service hands everything
 *              on.
 */
#include "core/sched/workers.h"

/* To the injection list, and the oldest from there, or NULL. Any thread. */
void queue_inject(struct service *s);
struct service *queue_take_injected(void);
/* Whether anything waits in the injection list or in a ring; the slots are their workers' own. Any
 * thread. */
bool queue_any(void);
/* Takes half of what is in another worker's ring into w's, and returns the first of it; NULL:
 * nothing anywhere. w's own thread. */
struct service *queue_steal_half(struct worker *w);
/* A service that waits in the slot of another worker whose turn has lasted for LONG_TURN_NS, or
 * NULL. w's own thread. */
struct service *queue_steal_slot(struct worker *w, uint64_t now);

/* Own worker only. */
static inline void queue_push(struct worker *w, struct service *s)
{
	/* relaxed: only we write tail; acquire on head: the entry we overwrite was claimed (S2) */
	unsigned tail = atomic_load_explicit(&w->tail, memory_order_relaxed);
	unsigned head = atomic_load_explicit(&w->head, memory_order_acquire);

	if (unlikely(tail - head == QUEUE_RING)) {
		queue_inject(s);
		return;
	}
	atomic_store_explicit(&w->ring[tail % QUEUE_RING], s, memory_order_relaxed);
	atomic_store_explicit(&w->tail, tail + 1, memory_order_release); /* S1 */
}

/* Any worker. */
static inline struct service *queue_take(struct worker *w)
{
	unsigned head = atomic_load_explicit(&w->head, memory_order_acquire);

	for (;;) {
		unsigned tail = atomic_load_explicit(&w->tail, memory_order_acquire); /* S1 */

		if (tail == head)
			return NULL;
		struct service *s = atomic_load_explicit(&w->ring[head % QUEUE_RING],
							 memory_order_relaxed);

		if (atomic_compare_exchange_weak_explicit(&w->head, &head, head + 1,
							  memory_order_acq_rel,
							  memory_order_acquire)) /* S2 */
			return s;
	}
}

static inline bool queue_is_empty(struct worker *w)
{
	return atomic_load_explicit(&w->tail, memory_order_acquire) ==
	       atomic_load_explicit(&w->head, memory_order_acquire);
}

static inline struct service *queue_take_slot(struct worker *w)
{
	/* relaxed: saves the exchange when there is nothing */
	if (!atomic_load_explicit(&w->slot, memory_order_relaxed))
		return NULL;
	return atomic_exchange_explicit(&w->slot, NULL, memory_order_acq_rel); /* S3 */
}

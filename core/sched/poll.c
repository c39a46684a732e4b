/* SPDX-License-Identifier: MIT */
/* The poll right: see poll.h. */
#include "core/sched/poll.h"

#include "core/base/must.h"
#include "core/sched/park.h"
#include "core/sched/poller.h"
#include "core/sched/queue.h"
#include "core/sched/timer.h"

/* A busy worker looks at I/O when nobody did for so long. */
#define POLL_EVERY_NS (100 * NS_PER_US)

bool poll_take_right(void)
{
	/* relaxed first: most tries fail; acquire <-> release below: the loop's state moves with
	 * it */
	return !atomic_load_explicit(&sched.poll_right, memory_order_relaxed) &&
	       !atomic_exchange_explicit(&sched.poll_right, true, memory_order_acquire);
}

static void give_poll_right(void)
{
	atomic_store_explicit(&sched.poll_right, false, memory_order_release);
}

/* A look between turns: I/O that nobody waits for, timers that are due. */
void poll_glance(uint64_t now)
{
	if (timer_next() <= now)
		timer_run(now);
	/* relaxed: a rate limit */
	if (now - atomic_load_explicit(&sched.last_poll, memory_order_relaxed) >= POLL_EVERY_NS &&
	    poll_take_right()) {
		atomic_store_explicit(&sched.last_poll, now, memory_order_relaxed);
		sched_poll(0);
		give_poll_right();
	}
}

/* Looks for a while without sleeping; counts as awake, for it needs a processor. true: there is
 * something to do. */
static bool spin(struct worker *w, uint64_t began)
{
	while (park_may_spin() && clock_cycles() - began < sched.spin_cycles) {
		sched_poll(0);
		if (atomic_load_explicit(&w->slot, memory_order_relaxed) || queue_any() ||
		    atomic_load_explicit(&sched.stopping, memory_order_relaxed) ||
		    timer_next() <= clock_mono_ns())
			return true;
	}
	return false;
}

static void sleep_in_poll(void)
{
	uint64_t next = timer_next();

	atomic_store_explicit(&sched.poll_until, next, memory_order_seq_cst); /* S6 */
	next = timer_next();
	if (!queue_any() && !atomic_load_explicit(&sched.stopping, memory_order_seq_cst)) {
		uint64_t now = clock_mono_ns();

		sched_poll(next == UINT64_MAX ? next : next > now ? next - now : 0);
	}
	/* relaxed: late wakers only interrupt once too often */
	atomic_store_explicit(&sched.poll_until, 0, memory_order_relaxed);
}

/* Whether to spin is what the last time tells: what was waited for came soon, or it did not. */
void poll_wait(struct worker *w)
{
	uint64_t began = clock_cycles(), now;

	must_slow(w == worker_self &&
		  atomic_load_explicit(&sched.poll_right, memory_order_relaxed));
	if (!w->spins || !spin(w, began)) {
		park_fall_asleep(w);
		sleep_in_poll();
		park_wake_up(w);
	}
	w->spins = clock_cycles() - began < 3 * sched.spin_cycles;
	now = clock_mono_ns();

	atomic_store_explicit(&sched.last_poll, now, memory_order_relaxed);
	give_poll_right();
	if (timer_next() <= now)
		timer_run(now);
}

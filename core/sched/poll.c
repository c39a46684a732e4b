/* SPDX-License-Identifier: MIT */
/* The poll rights: see poll.h. */
#include "core/sched/poll.h"

#include "core/base/must.h"
#include "core/sched/park.h"
#include "core/sched/poller.h"
#include "core/sched/queue.h"
#include "core/sched/timer.h"

/* A busy worker looks at I/O when nobody did for so long. */
#define POLL_EVERY_NS (100 * NS_PER_US)

static bool take_right(unsigned loop)
{
	atomic_bool *right = &sched.loops[loop].right;

	/* relaxed first: most tries fail; acquire <-> release below: the loop's state moves with
	 * it */
	return !atomic_load_explicit(right, memory_order_relaxed) &&
	       !atomic_exchange_explicit(right, true, memory_order_acquire);
}

static void give_right(unsigned loop)
{
	atomic_store_explicit(&sched.loops[loop].right, false, memory_order_release);
}

static unsigned next_loop(unsigned loop)
{
	return loop + 1 < sched.n_loops ? loop + 1 : 0;
}

bool poll_take_right(struct worker *w)
{
	w->loop = w->home;
	do {
		if (take_right(w->loop))
			return true;
		w->loop = next_loop(w->loop);
	} while (w->loop != w->home);
	return false;
}

/* Returns when somebody last looked there. Who holds the right looks now. */
static uint64_t glance_at(unsigned loop, uint64_t now)
{
	atomic_uint_least64_t *last = &sched.loops[loop].last;
	uint64_t seen = atomic_load_explicit(last, memory_order_relaxed);

	if (now - seen < POLL_EVERY_NS)
		return seen;
	if (take_right(loop)) {
		atomic_store_explicit(last, now, memory_order_relaxed);
		sched_poll(loop, 0);
		give_right(loop);
	}
	return now;
}

/* The next look is due when the loop that was looked at first is due again. */
static noinline void glance_at_all(uint64_t now)
{
	unsigned home = worker_self ? worker_self->home : 0, loop = home;
	uint64_t oldest = now;

	do {
		uint64_t seen = glance_at(loop, now);

		if (seen < oldest)
			oldest = seen;
		loop = next_loop(loop);
	} while (loop != home);
	atomic_store_explicit(&sched.last_glance, oldest, memory_order_relaxed);
}

/* A look between turns: I/O that nobody waits for, timers that are due. */
void poll_glance(uint64_t now)
{
	if (timer_next() <= now)
		timer_run(now);
	/* relaxed: a rate limit, as is that of each loop */
	if (unlikely(now - atomic_load_explicit(&sched.last_glance, memory_order_relaxed) >=
		     POLL_EVERY_NS))
		glance_at_all(now);
}

/* Looks for a while without sleeping; counts as awake, for it needs a processor. true: there is
 * something to do. */
static bool spin(struct worker *w, uint64_t began)
{
	while (park_may_spin() && clock_cycles() - began < sched.spin_cycles) {
		sched_poll(w->loop, 0);
		if (atomic_load_explicit(&w->slot, memory_order_relaxed) || queue_any() ||
		    atomic_load_explicit(&sched.stopping, memory_order_relaxed) ||
		    timer_next() <= clock_mono_ns())
			return true;
	}
	return false;
}

/* One sleeper is enough for the timers: the others are not woken for them. Returns true when this
 * is the one, until stop_keeping. */
static bool start_keeping(unsigned loop)
{
	unsigned nobody = 0;

	return atomic_compare_exchange_strong_explicit(&sched.keeper, &nobody, 1 + loop,
						       memory_order_seq_cst,
						       memory_order_relaxed); /* S9 */
}

static void stop_keeping(void)
{
	/* relaxed: late wakers only interrupt once too often */
	atomic_store_explicit(&sched.keeps_until, 0, memory_order_relaxed);
	atomic_store_explicit(&sched.keeper, 0, memory_order_seq_cst); /* S9 */
}

static void sleep_in_poll(unsigned loop)
{
	bool keeps = start_keeping(loop);
	uint64_t next = UINT64_MAX;

	if (keeps) {
		atomic_store_explicit(&sched.keeps_until, timer_next(),
				      memory_order_seq_cst); /* S6 */
		next = timer_next();
	}
	atomic_store_explicit(&sched.loops[loop].sleeps, true, memory_order_seq_cst); /* S4 */
	if (!queue_any() && !atomic_load_explicit(&sched.stopping, memory_order_seq_cst)) {
		uint64_t now = clock_mono_ns();

		sched_poll(loop, next == UINT64_MAX ? next : next > now ? next - now : 0);
	}
	/* relaxed: as above */
	atomic_store_explicit(&sched.loops[loop].sleeps, false, memory_order_relaxed);
	if (keeps)
		stop_keeping();
}

/* Whether to spin is what the last time tells: what was waited for came soon, or it did not. */
void poll_wait(struct worker *w)
{
	uint64_t began = clock_cycles(), now;
	unsigned loop = w->loop;

	must_slow(w == worker_self &&
		  atomic_load_explicit(&sched.loops[loop].right, memory_order_relaxed));
	if (!w->spins || !spin(w, began)) {
		park_fall_asleep(w);
		sleep_in_poll(loop);
		park_wake_up(w);
		w->got_up = sched.n_loops > 1;
	}
	w->spins = clock_cycles() - began < 3 * sched.spin_cycles;
	now = clock_mono_ns();

	atomic_store_explicit(&sched.loops[loop].last, now, memory_order_relaxed);
	give_right(loop);
	if (timer_next() <= now)
		timer_run(now);
}

/* SPDX-License-Identifier: MIT */
/* Sleeping and waking: see park.h. */
#include "core/sched/park.h"

#include "core/base/futex.h"
#include "core/base/must.h"
#include "core/sched/poller.h"
#include "core/sched/queue.h"

/* More workers awake than processors for so long: one steps down. */
#define SURPLUS_NS (200 * NS_PER_US)

void park_get_up(struct worker *w)
{
	/* release: the waker's queueing comes before the sleeper's search */
	atomic_store_explicit(&w->wake, 1, memory_order_release);
	futex_wake(&w->wake);
}

/* How many workers are awake beyond those for which there are processors; negative: there is
 * room. */
int park_surplus(void)
{
	return (int)(workers_count() - atomic_load_explicit(&sched.asleep, memory_order_seq_cst)) -
	       (int)atomic_load_explicit(&sched.awake_max, memory_order_relaxed);
}

/* Wakes one sleeper unless somebody is looking for work already (who will look again, S4), or no
 * processor is free for it (then those that are awake look again, S4). */
void park_wake_one(void)
{
	unsigned none = 0;

	atomic_thread_fence(memory_order_seq_cst); /* S5 */
	if (atomic_load_explicit(&sched.asleep, memory_order_seq_cst) == 0 ||
	    atomic_load_explicit(&sched.searching, memory_order_seq_cst) != 0 ||
	    (workers_are_many() && park_surplus() >= 0))
		return;
	/* acq_rel: one waker at a time; the woken worker gives the count back */
	if (!atomic_compare_exchange_strong_explicit(&sched.searching, &none, 1,
						     memory_order_acq_rel, memory_order_relaxed))
		return;
	lock_take(&sched.park_lock);
	struct worker *w = sched.parked;

	if (w)
		sched.parked = w->park_next;
	lock_release(&sched.park_lock);
	if (w) {
		w->searching = true; /* the futex word orders it */
		park_get_up(w);
		return;
	}
	/* Only pollers sleep: each looks for work when it returns, whatever the count says. */
	atomic_fetch_sub_explicit(&sched.searching, 1, memory_order_seq_cst);
	sched_interrupt_one();
}

void sched_trim(void)
{
	struct worker *w;

	atomic_fetch_add_explicit(&sched.trims, 1, memory_order_relaxed);
	lock_take(&sched.park_lock);
	w = sched.parked;
	sched.parked = NULL;
	lock_release(&sched.park_lock);
	while (w) {
		struct worker *next = w->park_next; /* before it gets up, and parks again */

		park_get_up(w);
		w = next;
	}
	sched_interrupt_all();
}

void sched_deadline_moved(uint64_t deadline_ns)
{
	if (deadline_ns < atomic_load_explicit(&sched.keeps_until, memory_order_seq_cst)) /* S6 */
		sched_interrupt_keeper();
}

void sched_long_call(void)
{
	/* relaxed: a hint, wake_one looks properly */
	if (atomic_load_explicit(&sched.asleep, memory_order_relaxed) && workers_miss_loop())
		park_wake_one();
}

/* Whether there is a processor for somebody awake who only looks around. */
bool park_may_spin(void)
{
	return !workers_are_many() || park_surplus() <= 0;
}

/* Gives the count back. Who does so looks at all queues again afterwards (S4). */
void park_stop_searching(struct worker *w)
{
	if (w->searching) {
		w->searching = false;
		atomic_fetch_sub_explicit(&sched.searching, 1, memory_order_seq_cst);
	}
}

void park_fall_asleep(struct worker *w)
{
	park_stop_searching(w);
	w->surplus_since_ns = 0; /* who sleeps is not one too many */
	atomic_store_explicit(&w->asleep, true, memory_order_relaxed);	   /* a statistic */
	atomic_fetch_add_explicit(&sched.asleep, 1, memory_order_seq_cst); /* S4 */
}

void park_wake_up(struct worker *w)
{
	atomic_fetch_sub_explicit(&sched.asleep, 1, memory_order_seq_cst);
	atomic_store_explicit(&w->asleep, false, memory_order_relaxed);
}

static bool is_wanted(void)
{
	return queue_any() || workers_miss_loop();
}

bool park_is_room(void)
{
	return park_surplus() < 0; /* S7 */
}

/* Sleeps until it is chosen, or not at all if it should stay. */
static void park(struct worker *w, bool (*stays)(void))
{
	lock_take(&sched.park_lock);
	atomic_store_explicit(&w->wake, 0, memory_order_relaxed); /* the lock orders it */
	w->park_next = sched.parked;
	sched.parked = w;
	lock_release(&sched.park_lock);

	/* Once on the list we can be chosen: look again, and take ourselves off if there is
	 * work. */
	atomic_thread_fence(memory_order_seq_cst); /* S4 */
	if (stays() || atomic_load_explicit(&sched.stopping, memory_order_seq_cst)) {
		bool found = false;

		lock_take(&sched.park_lock);
		for (struct worker **p = &sched.parked; *p; p = &(*p)->park_next)
			if (*p == w) {
				*p = w->park_next;
				found = true;
				break;
			}
		lock_release(&sched.park_lock);
		if (found)
			return;
	}
	while (!atomic_load_explicit(&w->wake, memory_order_acquire))
		(void)futex_wait(&w->wake, 0, UINT64_MAX);
}

/* As spin(), for who has not got a poll right: for work that others have too much of. One worker
 * at a time does so; it counts as searching, so nobody is woken meanwhile. true: there may be
 * something. */
static bool search(struct worker *w, uint64_t began)
{
	unsigned none = 0;
	bool found = false;

	if (!w->searches ||
	    !atomic_compare_exchange_strong_explicit(&sched.searching, &none, 1,
						     memory_order_acq_rel, memory_order_relaxed))
		return false;
	do {
		cpu_relax();
		found = queue_any() ||
			atomic_load_explicit(&sched.stopping, memory_order_relaxed) ||
			workers_miss_loop();
	} while (!found && park_may_spin() && clock_cycles() - began < sched.spin_cycles);
	/* The worker gives the count back when it has found something, or before it sleeps: then it
	 * looks again, S4. */
	w->searching = found;
	if (!found)
		atomic_fetch_sub_explicit(&sched.searching, 1, memory_order_seq_cst);
	return found;
}

void park_wait(struct worker *w)
{
	uint64_t began = clock_cycles();

	must_slow(w == worker_self);
	if (!search(w, began)) {
		park_fall_asleep(w);
		park(w, is_wanted);
		park_wake_up(w);
	}
	w->searches = clock_cycles() - began < 3 * sched.spin_cycles;
}

/* A worker that was woken when another had already found the work sleeps again at once: that is no
 * reason to hand work on, which costs more than a turn. */
bool park_is_surplus_for_long(struct worker *w, uint64_t now)
{
	if (park_surplus() <= 0) {
		w->surplus_since_ns = 0;
		return false;
	}
	if (!w->surplus_since_ns)
		w->surplus_since_ns = now;
	return now - w->surplus_since_ns > SURPLUS_NS;
}

/* Others were in long turns and are back, so there are more workers than processors: hands its work
 * on and sleeps. */
void park_step_down(struct worker *w)
{
	struct service *s;

	must_slow(w == worker_self);
	while ((s = queue_take_slot(w)) || (s = queue_take(w)))
		queue_inject(s);
	park_fall_asleep(w);
	park(w, park_is_room);
	park_wake_up(w);
}

void sched_wake_overseer(void)
{
	if (likely(!atomic_load_explicit(&sched.overseer_rests, memory_order_seq_cst))) /* S8 */
		return;
	if (atomic_exchange_explicit(&sched.overseer_rests, 0, memory_order_seq_cst))
		futex_wake(&sched.overseer_rests);
}

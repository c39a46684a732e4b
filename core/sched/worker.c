/* SPDX-License-Identifier: MIT */
/* A worker: see worker.h. */
#include "core/sched/worker.h"

#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "core/base/guard.h"
#include "core/base/mem.h"
#include "core/sched/park.h"
#include "core/sched/poll.h"
#include "core/sched/queue.h"
#include "core/actor/turn.h"
#include "core/base/must.h"

/* After so many turns from the slot in a row the ring gets one. */
#define SLOT_TURNS 16u
/* Every so many turns the injection list comes first; to look costs a read of a line that rarely
 * changes. */
#define INJECT_TURNS 4u

void sched_ready(struct service *s)
{
	struct worker *w = worker_self;

	if (unlikely(!w)) {
		queue_inject(s);
		park_wake_one();
		return;
	}
	s = atomic_exchange_explicit(&w->slot, s, memory_order_acq_rel); /* S3 */
	if (s) {
		queue_push(w, s);
		park_wake_one();
	}
}

static void run_hooks(struct worker *w)
{
	while (w->hooks) {
		struct turn_hook *h = w->hooks;

		w->hooks = h->next;
		h->next = NULL;
		h->run(h);
	}
}

bool sched_at_turn_end(struct turn_hook *h)
{
	struct worker *w = worker_self;

	must_slow(h->run);
	if (!w)
		return false;
	h->next = w->hooks;
	w->hooks = h;
	return true;
}

bool sched_on_worker(void)
{
	return worker_self != NULL;
}

/* Nothing to run: wait in the poller or on the futex. */
static void idle(struct worker *w)
{
	/* relaxed: who is late trims the next time */
	unsigned trims = atomic_load_explicit(&sched.trims, memory_order_relaxed);

	if (unlikely(w->trims != trims)) {
		w->trims = trims;
		mem_trim_thread();
	}
	park_stop_searching(w);
	if (!queue_any()) {
		if (poll_take_right(w))
			poll_wait(w);
		else
			park_wait(w);
	}
	run_hooks(w);
	sched_wake_overseer();
}

static struct service *find_work(struct worker *w, uint64_t now)
{
	struct service *s;

	if (w->turns++ % INJECT_TURNS == 0 && (s = queue_take_injected()))
		return s;
	if (w->slot_turns < SLOT_TURNS && (s = queue_take_slot(w))) {
		w->slot_turns++;
		return s;
	}
	w->slot_turns = 0;
	if ((s = queue_take(w)) || (s = queue_take_slot(w)) || (s = queue_take_injected()))
		return s;
	if (workers_count() > 1 && ((s = queue_steal_half(w)) || (s = queue_steal_slot(w, now)))) {
		/* relaxed: we are the only writer of this statistic */
		atomic_store_explicit(&w->steals,
				      atomic_load_explicit(&w->steals, memory_order_relaxed) + 1,
				      memory_order_relaxed);
		return s;
	}
	return NULL;
}

void *worker_main(void *arg)
{
	struct worker *w = arg;
	uint64_t now = clock_mono_ns();
	char name[16];

	worker_self = w;
	guard_thread_begin();
	snprintf(name, sizeof(name), "worker%u", w->id);
	(void)pthread_setname_np(pthread_self(), name);
	/* The kernel may delay a sleep by its slack: 50 us by default, half of our timer's tick. */
	(void)prctl(PR_SET_TIMERSLACK, 1UL);

	while (!atomic_load_explicit(&sched.stopping, memory_order_acquire)) {
		struct service *s = find_work(w, now);

		if (!s) {
			idle(w);
			now = clock_mono_ns();
			continue;
		}
		if (w->searching || w->got_up) {
			park_stop_searching(w);
			w->got_up = false;
			/* There may be more than we can take, and whoever woke us may have woken
			 * nobody else since (S5): pass the search on. */
			if (queue_any())
				park_wake_one();
		}
		/* relaxed: for the overseer */
		atomic_store_explicit(&w->turn.handle, service_handle(s), memory_order_relaxed);
		atomic_store_explicit(&w->turn.began_ns, now, memory_order_relaxed);
		if (service_run(s, &w->turn, &now)) {
			queue_push(w, s);
			if (!queue_is_empty(w) &&
			    atomic_load_explicit(&w->slot, memory_order_relaxed))
				park_wake_one();
		}
		atomic_store_explicit(&w->turn.began_ns, 0, memory_order_relaxed);
		atomic_store_explicit(&w->turn.handle, 0, memory_order_relaxed);
		run_hooks(w);
		poll_glance(now);
		run_hooks(w);
		if (workers_are_many() && park_is_surplus_for_long(w, now))
			park_step_down(w);
	}
	guard_thread_end();
	worker_self = NULL;
	return NULL;
}

void worker_on_interrupt(int sig, siginfo_t *info, void *context)
{
	struct worker *w = worker_self;
	struct service *s = service_current();
	unsigned handle = s ? service_handle(s) : 0, calls;
	int saved = errno;

	(void)sig;
	(void)info;
	calls = w ? atomic_exchange_explicit(&w->calls, 0, memory_order_relaxed) : 0;
	for (unsigned i = 0; calls; i++, calls >>= 1)
		if ((calls & 1) && sched.called[i])
			sched.called[i](s, context);
	/* relaxed: same thread as the turn; the handle says whether the request is still meant, and
	 * goes, for the signal has other reasons too */
	if (w && s && sched.interrupt &&
	    atomic_compare_exchange_strong_explicit(&w->interrupt_handle, &handle, 0,
						    memory_order_relaxed, memory_order_relaxed))
		sched.interrupt(s);
	errno = saved;
}

void sched_set_interrupt(void (*f)(struct service *s))
{
	sched.interrupt = f;
}

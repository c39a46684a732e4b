/* SPDX-License-Identifier: MIT */
/* Start and stop of the workers, and what the overseer sees of them: see sched.h. */
#include "core/sched/sched.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/join.h"
#include "core/base/cpus.h"
#include "core/base/fault.h"
#include "core/base/futex.h"
#include "core/base/must.h"
#include "core/sched/park.h"
#include "core/sched/poll.h"
#include "core/sched/poller.h"
#include "core/sched/queue.h"
#include "core/sched/timer.h"
#include "core/sched/worker.h"

/* To fall asleep and be woken costs about as much CPU as looking around for so long, on a virtual
 * machine more; who calls over a socket waits that much less. */
#define SPIN_NS (50 * NS_PER_US)

/* Who is not there yet finds what is asked of it when it is signalled the next time. */
static void signal_worker(struct worker *w)
{
	if (atomic_load_explicit(&w->there, memory_order_acquire))
		(void)pthread_kill(w->thread, SIGURG);
}

void sched_interrupt_worker(unsigned worker, uint32_t handle)
{
	if (worker >= workers_count())
		return;
	atomic_store_explicit(&sched.workers[worker].interrupt_handle, handle,
			      memory_order_relaxed);
	signal_worker(&sched.workers[worker]);
}

void sched_set_called(enum worker_call call, void (*f)(struct service *s, const void *context))
{
	must(call < WORKER_CALLS);
	sched.called[call] = f;
}

void sched_call_worker(unsigned worker, enum worker_call call)
{
	if (worker >= workers_count())
		return;
	atomic_fetch_or_explicit(&sched.workers[worker].calls, 1u << call, memory_order_relaxed);
	signal_worker(&sched.workers[worker]);
}

static int start_worker(unsigned i)
{
	struct worker *w = &sched.workers[i];
	int r;

	/* Before there is a thread: who falls asleep looks for work where that one has it (S4). */
	atomic_store_explicit(&sched.n, i + 1, memory_order_release);
	r = fault(thread) ? EAGAIN : pthread_create(&w->thread, NULL, worker_main, w);
	if (r) {
		atomic_store_explicit(&sched.n, i, memory_order_release);
		return -r;
	}
	atomic_store_explicit(&w->there, true, memory_order_release);
	return 0;
}

static int start_workers(unsigned n)
{
	int r = 0;

	for (unsigned i = workers_count(); i < n && !r; i++)
		r = start_worker(i);
	return r;
}

/* All that may be needed, so that none has to be moved when there are more. */
static bool make_room(unsigned room)
{
	sched.workers = aligned_alloc(CACHE_LINE, room * sizeof(*sched.workers));
	if (!sched.workers)
		return false;
	memset(sched.workers, 0, room * sizeof(*sched.workers));
	sched.room = room;
	for (unsigned i = 0; i < room; i++) {
		sched.workers[i].id = i;
		sched.workers[i].home = i % sched.n_loops;
		sched.workers[i].random = 0x9e3779b97f4a7c15u * (i + 1);
	}
	return true;
}

static unsigned at_most_all(unsigned n)
{
	return n < SCHED_WORKERS_MAX ? n : SCHED_WORKERS_MAX;
}

int sched_start(unsigned n)
{
	struct sigaction sa = { .sa_sigaction = worker_on_interrupt,
				.sa_flags = SA_RESTART | SA_SIGINFO };
	unsigned room = n, cpus = cpus_usable(), quota;
	int r;

	must(!sched.room);
	if (!n) {
		n = at_most_all(cpus);
		cpus_count(&room, &quota);
		room = at_most_all(room < n ? n : room);
	}
	if (n > SCHED_WORKERS_MAX || sched_loops() > n)
		return -EINVAL;
	sigaction(SIGURG, &sa, NULL);
	sched.n_loops = sched_loops();
	if (!make_room(room))
		return -ENOMEM;
	sched.spin_cycles = clock_cycles_in(SPIN_NS);
	atomic_store_explicit(&sched.cpus, cpus, memory_order_relaxed);
	atomic_store_explicit(&sched.stopping, false, memory_order_relaxed);
	atomic_store_explicit(&sched.asleep, 0, memory_order_relaxed);
	atomic_store_explicit(&sched.awake_max, cpus, memory_order_relaxed);
	atomic_store_explicit(&sched.searching, 0, memory_order_relaxed);
	sched.parked = NULL;
	r = start_workers(n);
	if (r < 0)
		(void)sched_stop(UINT64_MAX);
	return r;
}

int sched_follow(unsigned cpus)
{
	int r;

	must(cpus && sched.room && !worker_self);
	atomic_store_explicit(&sched.cpus, cpus, memory_order_relaxed);
	r = start_workers(cpus < sched.room ? cpus : sched.room);
	park_wake_one(); /* what had no processor before */
	return r;
}

unsigned sched_processors(void)
{
	return atomic_load_explicit(&sched.cpus, memory_order_relaxed);
}

bool sched_stop(uint64_t timeout_ns)
{
	bool all = true;
	unsigned n;
	uint64_t limit = timeout_ns > 3600 * NS_PER_SEC ? 3600 * NS_PER_SEC
							: timeout_ns + NS_PER_SEC;
	uint64_t until = clock_mono_ns() + limit;

	must(!worker_self);
	atomic_store_explicit(&sched.stopping, true, memory_order_seq_cst);
	n = workers_count();
	for (unsigned i = 0; i < n; i++)
		park_get_up(&sched.workers[i]);
	sched_interrupt_all();
	for (unsigned i = 0; i < n; i++)
		if (!join_until(sched.workers[i].thread, until))
			all = false;
	if (!all)
		return false;
	free(sched.workers);
	sched.workers = NULL;
	sched.room = 0;
	atomic_store_explicit(&sched.n, 0, memory_order_relaxed); /* nobody is left to read it */
	(void)list_take_all(&sched.injected);
	atomic_store_explicit(&sched.inject_length, 0, memory_order_relaxed);
	atomic_store_explicit(&sched.poll_wake, 0, memory_order_relaxed);
	return true;
}

int sched_self(void)
{
	return worker_self ? (int)worker_self->id : -1;
}

const char *sched_message(uint64_t *ret_size)
{
	*ret_size = worker_self->turn.size;
	return worker_self->turn.first;
}

unsigned sched_workers(void)
{
	return workers_count();
}

void sched_view(unsigned worker, struct worker_view *ret_view)
{
	struct worker *w = &sched.workers[worker];

	must(worker < sched.room); /* one that could not be started was counted for a moment */
	*ret_view = (struct worker_view){
		.progress = atomic_load_explicit(&w->turn.progress, memory_order_relaxed),
		.turn_began_ns = atomic_load_explicit(&w->turn.began_ns, memory_order_relaxed),
		.handle = atomic_load_explicit(&w->turn.handle, memory_order_relaxed),
		.source = atomic_load_explicit(&w->turn.source, memory_order_relaxed),
		.session = atomic_load_explicit(&w->turn.session, memory_order_relaxed),
		.type = atomic_load_explicit(&w->turn.type, memory_order_relaxed),
		.sleeping = atomic_load_explicit(&w->asleep, memory_order_relaxed),
		.steals = atomic_load_explicit(&w->steals, memory_order_relaxed),
	};
}

unsigned sched_queued(void)
{
	/* relaxed, all of these: a statistic */
	unsigned n = atomic_load_explicit(&sched.inject_length, memory_order_relaxed);

	for (unsigned i = 0, workers = workers_count(); i < workers; i++) {
		struct worker *w = &sched.workers[i];
		unsigned head = atomic_load_explicit(&w->head, memory_order_relaxed);
		unsigned length = atomic_load_explicit(&w->tail, memory_order_relaxed) - head;

		n += length <= QUEUE_RING ? length : 0; /* head was read before */
		n += atomic_load_explicit(&w->slot, memory_order_relaxed) != NULL;
	}
	return n;
}

/* A loop that nobody waits in, and nobody looked at for long. */
static bool is_loop_neglected(uint64_t now)
{
	for (unsigned i = 0; i < sched.n_loops; i++) {
		struct poll_loop *l = &sched.loops[i];

		if (now - atomic_load_explicit(&l->last, memory_order_relaxed) > LONG_TURN_NS &&
		    !atomic_load_explicit(&l->right, memory_order_relaxed))
			return true;
	}
	return false;
}

static unsigned count_sleeping_pollers(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < sched.n_loops; i++)
		n += atomic_load_explicit(&sched.loops[i].sleeps, memory_order_relaxed);
	return n;
}

/* Somebody is awake, but what wants somebody to wait for it may have nobody. */
static void look_after_loops(uint64_t now)
{
	unsigned pollers = count_sleeping_pollers();

	if (is_loop_neglected(now)) {
		/* A parked worker takes its poll right; if there is none, we look. */
		if (atomic_load_explicit(&sched.asleep, memory_order_seq_cst) > pollers &&
		    (!workers_are_many() || park_is_room()))
			park_wake_one();
		else
			poll_glance(now);
	}
	/* Who kept the time is in a long turn: another sleeper does when it falls asleep again. */
	if (pollers && !atomic_load_explicit(&sched.keeper, memory_order_relaxed) &&
	    timer_next() != UINT64_MAX)
		sched_interrupt_one();
}

enum sched_sight sched_oversee(uint64_t now)
{
	bool all_asleep = true, held_back = false;
	unsigned in_long_turns = 0;

	for (unsigned i = 0, workers = workers_count(); i < workers; i++) {
		struct worker *w = &sched.workers[i];
		uint64_t began = atomic_load_explicit(&w->turn.began_ns, memory_order_relaxed);

		if (!atomic_load_explicit(&w->asleep, memory_order_relaxed))
			all_asleep = false;
		if (!began || now <= began + LONG_TURN_NS)
			continue;
		in_long_turns++;
		if (atomic_load_explicit(&w->slot, memory_order_relaxed) || !queue_is_empty(w))
			held_back = true;
	}
	atomic_store_explicit(&sched.awake_max,
			      atomic_load_explicit(&sched.cpus, memory_order_relaxed) +
				      in_long_turns,
			      memory_order_relaxed);
	if (all_asleep) {
		/* Somebody must wait for I/O. A worker that found all poll rights taken parks, and
		 * we may have been the taker, for one glance: then all sleep, and nobody does so
		 * there. */
		if (!workers_miss_loop() && !queue_any())
			return SIGHT_IDLE;
		park_wake_one();
		return SIGHT_RUNNING;
	}
	/* When there was no processor for a sleeper nobody was woken; a turn that became long
	 * leaves one. */
	if (held_back || (workers_are_many() && queue_any()))
		park_wake_one();
	look_after_loops(now);
	return in_long_turns ? SIGHT_LONG : SIGHT_RUNNING;
}

void sched_rest_overseer(bool (*stays)(void), uint64_t timeout_ns)
{
	atomic_store_explicit(&sched.overseer_rests, 1, memory_order_seq_cst); /* S8 */
	if (sched_oversee(clock_mono_ns()) == SIGHT_IDLE && !stays())
		(void)futex_wait(&sched.overseer_rests, 1, timeout_ns);
	atomic_store_explicit(&sched.overseer_rests, 0, memory_order_seq_cst);
}

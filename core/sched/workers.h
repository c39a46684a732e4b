/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The workers: their state, as every file of this room needs it. Whoever writes a field, and who
 * may read it, stands at the field; the orderings S1 to S9 are told where they are used: S1 to S3
 * in queue.h, S4, S5, S7 and S8 in park.h, S6 and S9
 * in poll.h.
 */
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/actor/turn.h"
#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/base/lock.h"
#include "core/ds/list.h"
#include "core/sched/calls.h"

struct poller_ops;
struct turn_hook;

#define QUEUE_RING 256u
/* Loops that idle workers can wait in. */
#define POLL_LOOPS_MAX 64u
/* Work that waits behind a turn this long is offered to a sleeper. */
#define LONG_TURN_NS NS_PER_MS

struct worker {
	/* set before start, then constant */
	unsigned id;
	unsigned home;	  /* the loop that it waits in if it can choose */
	pthread_t thread; /* may be read once it is there */

	atomic_bool there; /* acquire and release: the thread has been made */

	/* [self] */
	struct turn_hook *hooks;
	unsigned turns, slot_turns;
	unsigned trims; /* of sched.trims, those that were obeyed */
	bool searching;
	bool got_up; /* from one of several loops, and has not looked for others' work yet */
	bool spins, searches; /* looks around before it sleeps in the poller, or parks */
	unsigned loop;	      /* whose poll right it has */
	uint64_t random, surplus_since_ns; /* random: random.h */
	struct worker *park_next;	   /* under park_lock */

	/* [self] writes, thieves claim */
	alignas(CACHE_LINE) _Atomic(struct service *) slot;
	atomic_uint head, tail;
	_Atomic(struct service *) ring[QUEUE_RING];

	/* [any] */
	alignas(CACHE_LINE) atomic_uint wake; /* futex: 1 = get up */
	atomic_bool asleep;
	/* [self] writes, the overseer reads; relaxed */
	struct turn turn;
	atomic_uint_least64_t steals; /* times that it took work from another */
	atomic_uint interrupt_handle;
	/* [any] bits of enum worker_call, those that have not begun; relaxed: the signal orders
	 * them */
	atomic_uint calls;
};

/* A loop of the poller, and who waits there. */
struct poll_loop {
	alignas(CACHE_LINE) atomic_bool right; /* somebody is this loop */
	atomic_bool sleeps;	    /* and sleeps there, or is on the way to it or back */
	atomic_uint_least64_t last; /* when somebody looked; relaxed, a rate limit */
};

extern struct sched {
	struct worker *workers;
	unsigned room;	      /* constant after start: so many there may be */
	unsigned n_loops;     /* as well */
	atomic_uint n;	      /* the starter writes it; they become more, not fewer */
	atomic_uint cpus;     /* relaxed, the starter's: so many find a processor */
	uint64_t spin_cycles; /* constant after start */
	atomic_bool stopping;
	const struct poller_ops *poller;
	void *poller_ud;
	void (*interrupt)(struct service *s);
	void (*called[WORKER_CALLS])(struct service *s, const void *context);

	struct lock inject_lock;
	LIST_OF(struct service) injected;
	alignas(CACHE_LINE) atomic_uint inject_length;

	struct lock park_lock;
	struct worker *parked;

	atomic_uint trims; /* calls of sched_trim */

	/* workers that may be awake: the processors, and those in long turns; relaxed, the
	 * overseer's */
	atomic_uint awake_max;

	alignas(CACHE_LINE) atomic_uint asleep; /* workers parked or in a waiting poll */
	atomic_uint searching;			/* workers awake and looking for work */
	struct poll_loop loops[POLL_LOOPS_MAX];
	/* 0, or 1 + the loop of the one sleeper that gets up when a timer is due */
	alignas(CACHE_LINE) atomic_uint keeper;
	atomic_uint_least64_t last_glance; /* relaxed, a rate limit */
	atomic_uint_least64_t keeps_until; /* his deadline; 0 = nobody sleeps so */
	atomic_uint poll_wake;		   /* futex of the built-in sleep */
	/* futex: 1 = the overseer sleeps until a worker leaves idleness */
	atomic_uint overseer_rests;
} sched;

/* The worker that this thread is, or NULL. */
extern _Thread_local struct worker *worker_self;

/* Acquire: who is counted can be looked at. It pairs with the release in start_worker. */
static inline unsigned workers_count(void)
{
	return atomic_load_explicit(&sched.n, memory_order_acquire);
}

/* Whether some of them have to sleep, so that the others find a processor. */
static inline bool workers_are_many(void)
{
	return workers_count() > atomic_load_explicit(&sched.cpus, memory_order_relaxed);
}

/* Whether a loop has nobody who waits there. */
static inline bool workers_miss_loop(void)
{
	for (unsigned i = 0; i < sched.n_loops; i++)
		if (!atomic_load_explicit(&sched.loops[i].right, memory_order_seq_cst))
			return true;
	return false;
}

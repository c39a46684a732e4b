/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The workers: their state, as every file of this room needs it. Whoever writes a field, and who
 * may read it, stands at the field; the orderings S1 to S8 are told where they are used: S1 to S3
 * in queue.h, S4, S5, S7 and S8 in park.h,
 * S6 in poll.h.
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

struct poller_ops;
struct turn_hook;

#define QUEUE_RING 256u
/* Work that waits behind a turn this long is offered to a sleeper. */
#define LONG_TURN_NS NS_PER_MS

struct worker {
	/* set before start, then constant */
	unsigned id;
	pthread_t thread;

	/* [self] */
	struct turn_hook *hooks;
	unsigned turns, slot_turns;
	unsigned trims; /* of sched.trims, those that were obeyed */
	bool searching;
	bool spins, searches; /* looks around before it sleeps in the poller, or parks */
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
	atomic_uint interrupt_handle;
};

extern struct sched {
	struct worker *workers;
	unsigned n;
	unsigned cpus;	      /* constant after start */
	unsigned started;     /* threads to join: the starter only */
	uint64_t spin_cycles; /* constant after start */
	atomic_bool stopping;
	const struct poller_ops *poller;
	void *poller_ud;
	void (*interrupt)(struct service *s);

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
	alignas(CACHE_LINE) atomic_bool poll_right;
	atomic_uint_least64_t poll_until; /* 0 = no poll sleeps; else its deadline */
	atomic_uint_least64_t last_poll;
	atomic_uint poll_wake; /* futex of the built-in sleep */
	/* futex: 1 = the overseer sleeps until a worker leaves idleness */
	atomic_uint overseer_rests;
} sched;

/* The worker that this thread is, or NULL. */
extern _Thread_local struct worker *worker_self;

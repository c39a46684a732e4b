/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Scheduler: workers, their run queues, and how they sleep.
 *
 * Each worker has a slot for the service it just woke and a ring of 256 runnable services; what
 * overflows, and what threads that are no workers make runnable, goes to one injection list.
 * Idle workers steal half of another ring. An idle worker does not sleep on a condition: the first
 * takes the *poll right* of a loop and waits for I/O and timers itself, so that an event is handled
 * by the thread that will run the service; those for whom there is no loop left park on a futex.
 *
 * A sleeping worker is woken only when there is more work than running workers, and a processor
 * for it. Busy workers look at I/O and timers between turns; when all of them are stuck in long
 * callbacks the overseer thread (monitor.h) does it for them.
 *
 * The parts: workers.h their state, queue.h what runs next, park.h sleeping and waking, poll.h the
 * poll right and poller.h what it waits with, worker.h the thread itself. This header starts and
 * stops them, and shows them to whoever looks after them.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/base/base.h"
#include "core/sched/calls.h"

/* n workers, 1 .. SCHED_WORKERS_MAX; 0: as many as processors that the process may use. 0 or
 * -errno. */
#define SCHED_WORKERS_MAX 256
int sched_start(unsigned n);
/* From now on the process may use so many processors, at least 1: as many workers at most are
 * awake, but for those in long turns. If the number of workers was not given there will be as many,
 * and not fewer again, up to the processors that the process could have had when it started. 0, or
 * -errno if a worker could not be started: the rest is done. Who called sched_start. */
int sched_follow(unsigned cpus);
/* Returns what was told last. Any thread. */
unsigned sched_processors(void);
/* Lets every worker finish its current turn and joins them; false: one did not within timeout_ns.
 * Not from a worker. */
bool sched_stop(uint64_t timeout_ns);
/* How many there are; they may become more. Any thread. */
unsigned sched_workers(void);
/* The number of the worker that this thread is, or -1. */
int sched_self(void);

/* ---- what the overseer and the watchdog read; relaxed snapshots ---- */
struct worker_view {
	uint64_t progress;	/* changes with every message */
	uint64_t turn_began_ns; /* 0 = not in a turn */
	uint32_t handle;	/* service in turn, 0 = none */
	uint32_t source;	/* sender of the message in work */
	int32_t session;
	int type;
	bool sleeping;
	uint64_t steals; /* times that it took work from another */
};
void sched_view(unsigned worker, struct worker_view *ret_view);
/* Services that wait for a worker, about. Any thread. */
unsigned sched_queued(void);

/* The message that this worker is at: its size, and where its first bytes are, at most TURN_FIRST
 * (core/actor/turn.h). On a worker, in its signal handlers. */
const char *sched_message(uint64_t *ret_size);

/* Runs f on the worker's own thread by a signal, while it is inside a callback of `handle`: f may
 * do only what is async-signal-safe (lua_sethook is). Any thread. */
void sched_interrupt_worker(unsigned worker, uint32_t handle);

/* Has the function of sched_set_called run on the worker's own thread by a signal. Any thread,
 * while the workers are there; also in a signal handler. */
void sched_call_worker(unsigned worker, enum worker_call call);
/* f is told the service in turn, NULL if there is none, and the context of the signal (the third
 * argument of its handler), and may do only what is async-signal-safe.
 * Before the workers are there. */
void sched_set_called(enum worker_call call, void (*f)(struct service *s, const void *context));

enum sched_sight {
	SIGHT_IDLE, /* every worker waits */
	SIGHT_RUNNING,
	SIGHT_LONG, /* a turn lasts long: look again soon */
};
/* Looks at I/O and timers now if nobody does; wakes a sleeper if work waits behind a long turn.
 * The overseer only. */
enum sched_sight sched_oversee(uint64_t now_ns);
/* The overseer sleeps until a worker leaves idleness, at most timeout_ns (UINT64_MAX: for ever);
 * not at all if something runs, or if stays(), which is asked last, says so. The overseer only. */
void sched_rest_overseer(bool (*stays)(void), uint64_t timeout_ns);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The poller: what waits for I/O in the place of an idle worker's sleep. It has one loop or
 * several, each of which one thread at a time turns, so several idle workers can wait for I/O.
 */
#include <stdbool.h>
#include <stdint.h>

/* What net/ plugs in. Without one, the poll right is a plain timed sleep. */
struct poller_ops {
	unsigned loops; /* how many there are, 1 to POLL_LOOPS_MAX and not more than workers */
	/* Handles ready I/O of a loop; waits at most timeout_ns for some (0: not at all,
	 * UINT64_MAX: for ever). Only the holder of that loop's poll right. */
	void (*poll)(void *ud, unsigned loop, uint64_t timeout_ns);
	/* Makes a waiting poll of that loop return soon, or the next one not wait. Returns false
	 * when none waited. Any thread; never blocks. */
	bool (*interrupt)(void *ud, unsigned loop);
};

/* Before sched_start. */
void sched_set_poller(const struct poller_ops *ops, void *ud);
/* How many loops the poller that is set has. */
unsigned sched_loops(void);

/* The poller's function. */
void sched_poll(unsigned loop, uint64_t timeout_ns);

/* ---- any thread ---- */

/* One of those that sleep in a loop gets up, if there are any: none more while one is on its way,
 * who passes the search on. */
void sched_interrupt_one(void);
/* Each of them, and who is on the way there does not sleep. */
void sched_interrupt_all(void);
/* The one that sleeps until the next timer. */
void sched_interrupt_keeper(void);

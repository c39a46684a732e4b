/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The poller: what waits for I/O in the place of an idle worker's sleep.
 */
#include <stdint.h>

/* What net/ plugs in. Without one, the poll right is a plain timed sleep. */
struct poller_ops {
	/* Handles ready I/O; waits at most timeout_ns for some (0: not at all, UINT64_MAX: for
	 * ever). Only the holder of the poll right. */
	void (*poll)(void *ud, uint64_t timeout_ns);
	/* Makes a waiting poll return soon. Any thread; never blocks. */
	void (*interrupt)(void *ud);
};

/* Before sched_start. */
void sched_set_poller(const struct poller_ops *ops, void *ud);

/* The two functions of the poller that is set. */
void sched_poll(uint64_t timeout_ns);
void sched_interrupt_poll(void);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The poll right: one thread at a time looks at I/O, an idle worker by waiting there, a busy one by
 * a glance between turns. So an event is handled by the thread that will run the service.
 *
 * Ordering  S6 deadlines: the poller stores poll_until (seq_cst), then reads timer_next() again;
 *              who arms a timer publishes it (seq_cst), then reads poll_until (seq_cst). One of
 *              them sees the other.
 */
#include "core/sched/workers.h"

/* true: the caller has the poll right and calls poll_wait. */
bool poll_take_right(void);
/* Waits for I/O, timers or work, as the holder of the poll right, and gives it back. w's own
 * thread. */
void poll_wait(struct worker *w);
/* A look between turns: runs the timers that are due, and handles I/O if nobody did lately. Any
 * thread. */
void poll_glance(uint64_t now);

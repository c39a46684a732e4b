/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The poll rights, one for each loop of the poller: one thread at a time looks at the I/O of a
 * loop, an idle worker by waiting there, a busy one by a glance between turns. So an event is
 * handled by the thread that will run the service.
 *
 * Ordering  S6 deadlines: the keeper, the one sleeper that gets up for timers, stores keeps_until
 *              (seq_cst), then reads timer_next() again; who arms a timer publishes it (seq_cst),
 *              then reads keeps_until (seq_cst). One of them sees the other. Who reads the deadline
 *              of a keeper that has just got up may interrupt nobody or the next one: that one
 *              stored its own later, so it has read what was published.
 *           S9 keepers: who gets up gives the keeping back (seq_cst) before the right (release),
 *              and who takes a right (acquire) then tries to keep (seq_cst). So if sleepers have
 *              all rights, one of them keeps; while one right is free, who had it is awake and
 *              looks at the timers between turns, and the overseer at whether that takes long.
 */
#include "core/sched/workers.h"

/* true: the caller, w's own thread, has the poll right of w->loop and calls poll_wait. */
bool poll_take_right(struct worker *w);
/* Waits for I/O, timers or work, as the holder of the poll right of w->loop, and gives it back. w's
 * own thread. */
void poll_wait(struct worker *w);
/* A look between turns: runs the timers that are due, and handles I/O if nobody did lately. Any
 * thread. */
void poll_glance(uint64_t now);

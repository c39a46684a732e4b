/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Sleeping and waking: how a worker without work looks around for a while and then parks on its
 * futex, and when another is woken.
 *
 * A sleeping worker is woken only when there is more work than running workers, and a processor for
 * it: workers beyond the processors that the process may use sleep until as many others are in
 * turns that last long, because they block or because they compute.
 *
 * Ordering  S4 sleeping: a worker counts itself asleep (seq_cst), then looks at all queues again; a
 *              waker queues first (S5), then reads `asleep` (seq_cst). One of them sees the other.
 *           S5 the seq_cst fence in park_wake_one() after the queueing.
 *           S7 surplus: a worker that steps down hands its work on, counts itself asleep (seq_cst),
 *              then reads `asleep` again (seq_cst); another that falls asleep counts itself, then
 *              looks at all queues (S4). One of them sees the other.
 *           S8 the overseer's rest: the overseer sets `overseer_rests` (seq_cst), then looks at the
 *              workers once more; a worker counts itself awake (seq_cst), then reads
 *              `overseer_rests` (seq_cst). One of them sees the other.
 */
#include <stdbool.h>
#include <stdint.h>

struct worker;

/* ---- any thread ---- */

/* Something was queued: wakes one sleeper, unless somebody is looking for work already or there is
 * no processor for it. */
void park_wake_one(void);
/* Ends the worker's sleep if it is parked. */
void park_get_up(struct worker *w);
/* How many workers are awake beyond those for which there are processors; negative: there is
 * room. */
int park_surplus(void);
bool park_is_room(void);
/* Whether there is a processor for somebody awake who only looks around. */
bool park_may_spin(void);
/* The next timer moved before what the sleeping poller waits for (timer.h). */
void sched_deadline_moved(uint64_t deadline_ns);
/* The caller is about to spend long (100 us and more) in a system call: if nobody waits for I/O, a
 * parked worker gets up to do so. */
void sched_long_call(void);
/* Every worker gives back the memory that it keeps at hand before it sleeps the next time; those
 * that sleep get up for it. */
void sched_trim(void);
/* A worker leaves idleness, or the overseer is to look up for another reason. One load unless the
 * overseer sleeps. */
void sched_wake_overseer(void);

/* ---- the worker's own thread ---- */

/* Between these two it counts as asleep. Whoever falls asleep looks at all queues afterwards
 * (S4). */
void park_fall_asleep(struct worker *w);
void park_wake_up(struct worker *w);
/* It is no longer one that looks for work. Who gives the count back looks at all queues again
 * afterwards (S4). */
void park_stop_searching(struct worker *w);
/* Nothing to run, and others have the poll rights: looks around, then sleeps until it is chosen. */
void park_wait(struct worker *w);
/* Whether more workers than there are processors have been awake for some time. */
bool park_is_surplus_for_long(struct worker *w, uint64_t now);
/* Others were in long turns and are back: hands its work on, and sleeps until there is room. */
void park_step_down(struct worker *w);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Timers: the node's wheel, its lock, and who runs it.
 *
 * A tick is TIMER_TICK_NS; a deadline is rounded up to the next tick, so a timer is never early.
 * There is no timer thread: of the workers that hold poll rights one sleeps until timer_next(), and
 * busy workers call timer_run() between turns when it is due (poll.c).
 */
#include <stdbool.h>
#include <stdint.h>
#include "core/ds/wheel.h"

#define TIMER_TICK_NS UINT64_C(65536)
/* Under a stream of expiries they are gathered for so long (timer.c, moderation). */
#define TIMER_GAP_NS UINT64_C(500000)

struct timer {
	struct wheel_entry entry;
	/* Runs on the thread that called timer_run, without the lock; may arm timers. */
	void (*fire)(struct timer *t);
};

/* on_earlier is told the new deadline whenever a timer becomes the earliest: whoever sleeps until
 * timer_next() may have to get up. It runs on the thread that arms, without the lock; NULL: nobody
 * sleeps. Before any thread. */
int timer_init(void (*on_earlier)(uint64_t deadline_ns));
void timer_fini(void);

/* Arms t (not armed) for a monotonic deadline. t stays the caller's; it must live until fired or
 * disarmed. Any thread. */
void timer_arm(struct timer *t, uint64_t deadline_ns);
/* true: it was armed and will not fire. false: it fired or is about to. Any thread. */
bool timer_disarm(struct timer *t);

/* Monotonic ns at which to call timer_run next, UINT64_MAX for never. Any thread. */
uint64_t timer_next(void);
/* Fires what is due. Any thread, one at a time does the work (the others return 0). */
unsigned timer_run(uint64_t now_ns);
/* Whether f says so of any armed timer. Looks at all of them under the lock, so not for what is
 * often asked. Any thread. */
bool timer_any(bool (*f)(const struct timer *t, void *ud), void *ud);
/* Shows f the timers, for people: the lock is not held for all of them, so one that moves meanwhile
 * is seen twice or not at all. f runs under it and returns whether it has seen enough. Any
 * thread. */
void timer_look(bool (*f)(const struct timer *t, void *ud), void *ud);
/* A jump of programs' time. Timers of which `which` says so become due sooner by so much; those
 * that are due then fire next, in the order of their times, no more than TIMER_JUMP_BATCH in one
 * tick.
 * move(by_ns) runs under the lock before that: who has seen its effect and arms a timer comes after
 * the jump. Any thread. */
#define TIMER_JUMP_BATCH 4096u
struct timer_jump {
	bool (*which)(const struct timer *t);
	void (*move)(uint64_t by_ns);
	uint64_t by_ns;
	uint64_t moved, due; /* returned: how many became due sooner, and how many of them are */
};
void timer_jump(struct timer_jump *j);
/* Timers armed. */
uint64_t timer_count(void);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Timers whose function runs on the loop, so that it needs no lock against what the loop does. */
#include <stdint.h>

struct net_timer;

/* Returns a timer that is not set; when its deadline comes it calls f(ud) once. Any thread. */
struct net_timer *net_timer_create(void (*f)(void *ud), void *ud);
/* [loop] Sets the deadline, in monotonic ns, or moves it. */
void net_timer_set(struct net_timer *t, uint64_t deadline_ns);
/* [loop] f is not called any more until the timer is set again. */
void net_timer_clear(struct net_timer *t);
/* [loop] The same for ever; t, which may be NULL, is freed. Also after the loop has ended. */
void net_timer_destroy(struct net_timer *t);

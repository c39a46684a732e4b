/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Time, on two clocks that are never mixed: the monotonic one decides when things happen, the wall
 * clock is for people. Everything that decides asks here; who reads a clock by himself writes a
 * date. A function of the C library that waits until a time of the wall clock (sem_timedwait,
 * pthread_timedjoin_np) is never called: the clock may be set back meanwhile. Any thread, no locks.
 */
#include <stdint.h>

#include "core/base/units.h"

/* Fixes the start time of the process; call once, before any other thread. */
void clock_init(void);

/* CLOCK_MONOTONIC, nanoseconds. */
uint64_t clock_mono_ns(void);
/* A reading of CLOCK_MONOTONIC that somebody else made not long ago: of the overseer, who looks at
 * the clock every few ms while anything runs. It costs a load. */
uint64_t clock_recent_ns(void);
/* Makes a reading the recent one. */
void clock_set_recent(uint64_t mono_ns);
/* A counter of the CPU where it has one that is cheap to read (a third of the above), for short
 * times on one
 * thread: cores may differ a little. */
static inline uint64_t clock_cycles(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#else
	return clock_mono_ns();
#endif
}
/* CLOCK_BOOTTIME, nanoseconds: monotonic, and goes on while the machine sleeps. For leases that
 * somebody else counts as well. */
uint64_t clock_boot_ns(void);
/* How many cycles are so many nanoseconds, about. */
uint64_t clock_cycles_in(uint64_t ns);
/* How many nanoseconds are so many cycles, about. */
uint64_t clock_ns_of(uint64_t cycles);
/* CLOCK_REALTIME, nanoseconds since 1970. For people, never for decisions. */
uint64_t clock_wall_ns(void);
/* Process start, whole seconds since 1970 (skynet.starttime). */
uint32_t clock_start_seconds(void);
/* Centiseconds since clock_start_seconds() (skynet.now): begins at the sub-second part of the
 * wall clock at start, then follows the monotonic clock, and jumps with clock_move. For programs:
 * nothing of the node decides by it. */
uint64_t clock_now_cs(void);
/* The same for a monotonic reading that the caller has already. */
uint64_t clock_cs_at(uint64_t mono_ns);
/* How long the process has run, nanoseconds; no jump is in it. */
uint64_t clock_uptime_ns(void);

/* Time for tests: programs' time jumps ahead, the monotonic clock does not. core/sched/timeout.h is
 * who calls it, for timers must jump as well. */
#define CLOCK_MOVED_MAX_NS (UINT64_C(100) * 365 * 86400 * NS_PER_SEC)
void clock_move(uint64_t by_ns);
/* The sum of all jumps. */
uint64_t clock_moved_ns(void);

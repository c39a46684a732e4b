/* SPDX-License-Identifier: MIT */
/* Time: see clock.h. How fast the counter of the CPU runs is measured once, at the start,
 *       against the
 * monotonic clock. */
#include "core/base/clock.h"

#include <stdatomic.h>
#include <time.h>

static uint64_t start_mono_ns;
static uint32_t start_seconds;
static uint64_t cycles_per_us = NS_PER_US;
static uint32_t start_cs; /* sub-second part of the wall clock at start */

static uint64_t read_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

#define CALIBRATION_NS (100 * NS_PER_US)

static void calibrate(void)
{
	uint64_t began_ns = clock_mono_ns(), began = clock_cycles(), ns;

	do
		ns = clock_mono_ns() - began_ns;
	while (ns < CALIBRATION_NS);
	cycles_per_us = (clock_cycles() - began) * NS_PER_US / ns;
}

void clock_init(void)
{
	uint64_t wall = clock_wall_ns();

	calibrate();
	start_mono_ns = clock_mono_ns();
	start_seconds = (uint32_t)(wall / NS_PER_SEC);
	start_cs = (uint32_t)(wall % NS_PER_SEC / NS_PER_CS);
}

uint64_t clock_mono_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

static atomic_uint_least64_t recent_ns; /* a lone value, relaxed everywhere */

uint64_t clock_recent_ns(void)
{
	return atomic_load_explicit(&recent_ns, memory_order_relaxed);
}

void clock_set_recent(uint64_t mono_ns)
{
	atomic_store_explicit(&recent_ns, mono_ns, memory_order_relaxed);
}

uint64_t clock_boot_ns(void)
{
	return read_ns(CLOCK_BOOTTIME);
}

uint64_t clock_cycles_in(uint64_t ns)
{
	return ns / NS_PER_US * cycles_per_us;
}

uint64_t clock_ns_of(uint64_t cycles)
{
	return cycles / cycles_per_us * NS_PER_US +
	       cycles % cycles_per_us * NS_PER_US / cycles_per_us;
}

uint64_t clock_wall_ns(void)
{
	return read_ns(CLOCK_REALTIME);
}

uint32_t clock_start_seconds(void)
{
	return start_seconds;
}

/* A lone value, relaxed everywhere: who takes the lock of the timers after he has read it comes
 * after the jump (core/sched/timer.c). */
static atomic_uint_least64_t moved_ns;

void clock_move(uint64_t by_ns)
{
	atomic_fetch_add_explicit(&moved_ns, by_ns, memory_order_relaxed);
}

uint64_t clock_moved_ns(void)
{
	return atomic_load_explicit(&moved_ns, memory_order_relaxed);
}

uint64_t clock_uptime_ns(void)
{
	return clock_mono_ns() - start_mono_ns;
}

uint64_t clock_cs_at(uint64_t mono_ns)
{
	return (mono_ns - start_mono_ns + clock_moved_ns()) / NS_PER_CS + start_cs;
}

uint64_t clock_now_cs(void)
{
	return clock_cs_at(clock_mono_ns());
}

/* SPDX-License-Identifier: MIT */
/* Time: see clock.h. */
#include "core/clock.h"

#include <time.h>

static uint64_t start_mono_ns;
static uint32_t start_seconds;
static uint32_t start_cs; /* sub-second part of the wall clock at start */

static uint64_t read_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

void clock_init(void)
{
	uint64_t wall = clock_wall_ns();

	start_mono_ns = clock_mono_ns();
	start_seconds = (uint32_t)(wall / NS_PER_SEC);
	start_cs = (uint32_t)(wall % NS_PER_SEC / NS_PER_CS);
}

uint64_t clock_mono_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

uint64_t clock_wall_ns(void)
{
	return read_ns(CLOCK_REALTIME);
}

uint32_t clock_start_seconds(void)
{
	return start_seconds;
}

uint64_t clock_cs_at(uint64_t mono_ns)
{
	return (mono_ns - start_mono_ns) / NS_PER_CS + start_cs;
}

uint64_t clock_now_cs(void)
{
	return clock_cs_at(clock_mono_ns());
}

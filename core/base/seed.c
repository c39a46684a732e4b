/* SPDX-License-Identifier: MIT */
#include "core/base/seed.h"

#include <sys/random.h>

#include "core/base/clock.h"

uint64_t seed_number(void)
{
	uint64_t n = 0;

	/* before the kernel has entropy: the start time tells processes apart */
	if (getrandom(&n, sizeof(n), 0) != sizeof(n) || !n)
		n = clock_wall_ns() | 1;
	return n;
}

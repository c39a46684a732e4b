/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Back-off: the pauses between tries that fail become longer, and differ between those who try.
 */
#include <stdint.h>

/* Returns how long to wait before the next try: at least half of the pause, and of the other half
 * what `random` says. The pause doubles from min_ns to max_ns; *pause_ns is 0 before the first. */
static inline uint64_t backoff_next(uint64_t *pause_ns, uint64_t min_ns, uint64_t max_ns,
				    uint64_t random)
{
	*pause_ns = *pause_ns ? *pause_ns * 2 : min_ns;
	if (*pause_ns > max_ns)
		*pause_ns = max_ns;
	return *pause_ns / 2 + random % (*pause_ns / 2);
}

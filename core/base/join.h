/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Waiting for the end of a thread for a bounded time of the monotonic clock: pthread_timedjoin_np
 * waits for a time of the wall clock, which may be set back by a day meanwhile.
 */
#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#include "core/base/clock.h"

#define JOIN_LOOK (NS_PER_MS / 4)

/* Returns whether the thread has ended, and was joined, by that time (clock_mono_ns). */
static inline bool join_until(pthread_t thread, uint64_t until_ns)
{
	while (pthread_tryjoin_np(thread, NULL) != 0) {
		if (clock_mono_ns() >= until_ns)
			return false;
		nanosleep(&(struct timespec){ .tv_nsec = JOIN_LOOK }, NULL);
	}
	return true;
}

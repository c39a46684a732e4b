/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Sleeping on a word of this process: futex(2). Who waits looks at its condition again: wake-ups
 * may come for nothing. Any thread.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "core/base/base.h"
#include "core/base/clock.h"

/* Sleeps while *word is `expected`, at most timeout_ns (UINT64_MAX: for ever). false: that time
 * went by. */
static inline bool futex_wait(atomic_uint *word, unsigned expected, uint64_t timeout_ns)
{
	struct timespec ts = { .tv_sec = (time_t)(timeout_ns / NS_PER_SEC),
			       .tv_nsec = (long)(timeout_ns % NS_PER_SEC) };

	return syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected,
		       timeout_ns == UINT64_MAX ? NULL : &ts, NULL, 0) == 0 ||
	       errno != ETIMEDOUT;
}

/* Everybody who sleeps on it. */
static inline void futex_wake(atomic_uint *word)
{
	(void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

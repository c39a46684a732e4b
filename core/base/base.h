/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The few words every file uses: ownership helpers, container_of, branch hints.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CACHE_LINE 64

#define array_len(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define printf_like(fmt, args) __attribute__((format(printf, fmt, args)))
#define noinline __attribute__((noinline))
/* Who throws the result away decides so in so many words: a cast to void does not silence the
 * compiler. */
#define must_use __attribute__((warn_unused_result))

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Runs f(&variable) when the variable leaves its scope. */
#define cleanup(f) __attribute__((cleanup(f)))

/* Gives the pointer away: evaluates to its value and leaves NULL behind. */
#define steal(p)                             \
	__extension__({                      \
		__typeof__(p) stolen_ = (p); \
		(p) = NULL;                  \
		stolen_;                     \
	})

#if defined(__x86_64__)
#define cpu_relax() __builtin_ia32_pause()
#else
#define cpu_relax() ((void)0)
#endif

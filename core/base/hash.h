/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * FNV-1a: a hash of few instructions for short keys that no enemy chooses. What it returns is the
 * same on every machine and in every version, so it may be kept and sent.
 */
#include <stddef.h>
#include <stdint.h>

#define HASH32_START UINT32_C(2166136261)
#define HASH64_START UINT64_C(14695981039346656037)

/* The hash of what `h` is the hash of, and n bytes more. */
static inline uint32_t hash32(uint32_t h, const void *data, size_t n)
{
	for (const unsigned char *p = data, *end = p + n; p < end; p++)
		h = (h ^ *p) * UINT32_C(16777619);
	return h;
}

static inline uint64_t hash64(uint64_t h, const void *data, size_t n)
{
	for (const unsigned char *p = data, *end = p + n; p < end; p++)
		h = (h ^ *p) * UINT64_C(1099511628211);
	return h;
}

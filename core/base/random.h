/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Numbers that only have to differ: xorshift, for jitter and for where to begin a search. Nothing
 * that an enemy must not guess.
 */
#include <stdint.h>

/* The next number, never 0. *state begins with anything but 0 and belongs to the caller. */
static inline uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

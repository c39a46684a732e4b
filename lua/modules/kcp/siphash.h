/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * SipHash-2-4 (Aumasson and Bernstein): a hash of short texts with a secret key. Who does not know
 * the key can neither tell its results from chance nor make texts that share one, so it serves for
 * tables whose keys strangers choose and as a proof of what we have said before.
 *
 * Pure. Threads: any.
 */
#include <stddef.h>
#include <stdint.h>

#include "core/base/little.h"

#define SIPHASH_KEY 16u

static inline uint64_t siphash_turn(uint64_t v, unsigned bits)
{
	return v << bits | v >> (64 - bits);
}

static inline void siphash_rounds(uint64_t v[4], unsigned n)
{
	while (n--) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = siphash_turn(v[1], 13) ^ v[0];
		v[3] = siphash_turn(v[3], 16) ^ v[2];
		v[0] = siphash_turn(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = siphash_turn(v[1], 17) ^ v[2];
		v[3] = siphash_turn(v[3], 21) ^ v[0];
		v[2] = siphash_turn(v[2], 32);
	}
}

static inline uint64_t siphash(const uint8_t key[SIPHASH_KEY], const void *data, size_t n)
{
	const uint8_t *p = data;
	uint64_t k0 = little_get64(key), k1 = little_get64(key + 8), last = (uint64_t)n << 56, word;
	uint64_t v[4] = { k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
			  k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573) };

	for (; n >= 8; p += 8, n -= 8) {
		word = little_get64(p);
		v[3] ^= word;
		siphash_rounds(v, 2);
		v[0] ^= word;
	}
	for (size_t i = 0; i < n; i++)
		last |= (uint64_t)p[i] << (8 * i);
	v[3] ^= last;
	siphash_rounds(v, 2);
	v[0] ^= last;
	v[2] ^= 0xff;
	siphash_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* SPDX-License-Identifier: MIT */
/* The private functions of skynet's login. */
#include "lua/modules/crypt/mix.h"

uint64_t mix_hash(const uint8_t *text, size_t n)
{
	uint32_t d = 5381, j = 1315423911;

	for (size_t i = 0; i < n; i++) {
		d = d * 33 + text[i];
		j ^= (j << 5) + text[i] + (j >> 2);
	}
	return (uint64_t)j << 32 | d;
}

/* ---- the 64 steps of MD5 (RFC 1321, 3.4) ---- */

static const uint32_t sines[64] = {
	0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613,
	0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193,
	0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d,
	0x02441453, 0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed,
	0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122,
	0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa,
	0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 0xf4292244,
	0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
	0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb,
	0xeb86d391
};

static const uint8_t shifts[4][4] = {
	{ 7, 12, 17, 22 }, { 5, 9, 14, 20 }, { 4, 11, 16, 23 }, { 6, 10, 15, 21 }
};

static inline uint32_t choose(unsigned round, uint32_t b, uint32_t c, uint32_t d)
{
	switch (round) {
	case 0:
		return d ^ (b & (c ^ d));
	case 1:
		return c ^ (d & (b ^ c));
	case 2:
		return b ^ c ^ d;
	default:
		return c ^ (b | ~d);
	}
}

/* 16 steps; unrolled, the constants become part of the code. The block repeats its first four
 * words, so a word's number counts modulo 4. */
static inline void steps(unsigned round, uint32_t s[4], const uint32_t words[4])
{
	static const unsigned first[4] = { 0, 1, 5, 0 }, stride[4] = { 1, 5, 3, 7 };

#pragma GCC unroll 16
	for (unsigned i = 0; i < 16; i++) {
		uint32_t word = words[(first[round] + stride[round] * i) & 3];
		uint32_t sum = s[0] + choose(round, s[1], s[2], s[3]) + sines[16 * round + i] +
			       word;
		unsigned by = shifts[round][i & 3];

		s[0] = s[3];
		s[3] = s[2];
		s[2] = s[1];
		s[1] += sum << by | sum >> (32 - by);
	}
}

uint64_t mix_hmac(uint64_t x, uint64_t y)
{
	const uint32_t words[4] = { (uint32_t)(x >> 32), (uint32_t)x, (uint32_t)(y >> 32),
				    (uint32_t)y };
	uint32_t s[4] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 };

	steps(0, s, words);
	steps(1, s, words);
	steps(2, s, words);
	steps(3, s, words);
	return (uint64_t)(s[0] ^ s[1]) << 32 | (s[2] ^ s[3]);
}

/* ---- powers modulo 2^64 - 59 ---- */

__extension__ typedef unsigned __int128 u128;

/* 2^64 is 59 modulo the prime: what is above 64 bits comes back 59 times. Twice, for the first time
 * leaves up to 6 bits above. */
static inline uint64_t multiply(uint64_t a, uint64_t b)
{
	u128 product = (u128)a * b;
	u128 once = (u128)(uint64_t)(product >> 64) * 59 + (uint64_t)product;
	uint64_t high = (uint64_t)(once >> 64) * 59, sum = (uint64_t)once + high;

	/* When that overflows, sum is small: it cannot overflow again. */
	sum += sum < high ? 59 : 0;
	return sum >= MIX_PRIME ? sum - MIX_PRIME : sum;
}

uint64_t mix_power(uint64_t base, uint64_t exponent)
{
	uint64_t r = 1;

	base = base >= MIX_PRIME ? base - MIX_PRIME : base;
	for (unsigned i = 0; i < 64; i++) {
		uint64_t bit = exponent >> i & 1, product = multiply(r, base);

		r ^= (r ^ product) & (0 - bit);
		base = multiply(base, base);
	}
	return r;
}

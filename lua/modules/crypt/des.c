/* SPDX-License-Identifier: MIT */
/* DES, FIPS 46-3.
 *
 * The tables are those of the standard, which counts bits from 1 at the most significant end. Out
 * of them come, when the library is loaded, the tables that the rounds use: each S-box with the
 * permutation P behind it, and the initial and final permutation a byte at a time.
 *
 * A round takes eight groups of 6 bits out of the half block R, each with its two neighbour bits
 * (the expansion E). With R rotated right by three, groups 1, 3, 5, 7 are the low 6 bits of its
 * bytes; with R rotated left by one, groups 2, 4, 6, 8 are. So the key of a round is kept as two
 * words with the groups at the same places.
 */
#include "lua/modules/crypt/des.h"

#include <endian.h>
#include <string.h>

static const uint8_t boxes[8][64] = {
	{ 14, 4,  13, 1, 2,  15, 11, 8, 3, 10, 6, 12, 5,  9,  0,  7,  0,  15, 7,  4,  14, 2,
	  13, 1,  10, 6, 12, 11, 9,  5, 3, 8,  4, 1,  14, 8,  13, 6,  2,  11, 15, 12, 9,  7,
	  3,  10, 5,  0, 15, 12, 8,  2, 4, 9,  1, 7,  5,  11, 3,  14, 10, 0,  6,  13 },
	{ 15, 1,  8,  14, 6,  11, 3,  4, 9,  7,	 2, 13, 12, 0,	5,  10, 3,  13, 4,  7, 15, 2,
	  8,  14, 12, 0,  1,  10, 6,  9, 11, 5,	 0, 14, 7,  11, 10, 4,	13, 1,	5,  8, 12, 6,
	  9,  3,  2,  15, 13, 8,  10, 1, 3,  15, 4, 2,	11, 6,	7,  12, 0,  5,	14, 9 },
	{ 10, 0,  9,  14, 6, 3,	 15, 5,	 1,  13, 12, 7, 11, 4,	2,  8,	13, 7, 0,  9, 3, 4,
	  6,  10, 2,  8,  5, 14, 12, 11, 15, 1,	 13, 6, 4,  9,	8,  15, 3,  0, 11, 1, 2, 12,
	  5,  10, 14, 7,  1, 10, 13, 0,	 6,  9,	 8,  7, 4,  15, 14, 3,	11, 5, 2,  12 },
	{ 7, 13, 14, 3, 0, 6,  9, 10, 1,  2, 8,	 5, 11, 12, 4,	15, 13, 8,  11, 5, 6, 15,
	  0, 3,	 4,  7, 2, 12, 1, 10, 14, 9, 10, 6, 9,	0,  12, 11, 7,	13, 15, 1, 3, 14,
	  5, 2,	 8,  4, 3, 15, 0, 6,  10, 1, 13, 8, 9,	4,  5,	11, 12, 7,  2,	14 },
	{ 2,  12, 4, 1,	 7,  10, 11, 6, 8, 5,  3, 15, 13, 0,  14, 9,  14, 11, 2,  12, 4,  7,
	  13, 1,  5, 0,	 15, 10, 3,  9, 8, 6,  4, 2,  1,  11, 10, 13, 7,  8,  15, 9,  12, 5,
	  6,  3,  0, 14, 11, 8,	 12, 7, 1, 14, 2, 13, 6,  15, 0,  9,  10, 4,  5,  3 },
	{ 12, 1,  10, 15, 9,  2,  6, 8,	 0, 13, 3,  4,	14, 7,	5, 11, 10, 15, 4, 2, 7, 12,
	  9,  5,  6,  1,  13, 14, 0, 11, 3, 8,	9,  14, 15, 5,	2, 8,  12, 3,  7, 0, 4, 10,
	  1,  13, 11, 6,  4,  3,  2, 12, 9, 5,	15, 10, 11, 14, 1, 7,  6,  0,  8, 13 },
	{ 4, 11, 2,  14, 15, 0,	 8,  13, 3, 12, 9,  7, 5,  10, 6,  1,  13, 0,  11, 7,  4, 9,
	  1, 10, 14, 3,	 5,  12, 2,  15, 8, 6,	1,  4, 11, 13, 12, 3,  7,  14, 10, 15, 6, 8,
	  0, 5,	 9,  2,	 6,  11, 13, 8,	 1, 4,	10, 7, 9,  5,  0,  15, 14, 2,  3,  12 },
	{ 13, 2, 8,  4, 6, 15, 11, 1,  10, 9,  3, 14, 5,  0,  12, 7,  1,  15, 13, 8, 10, 3,
	  7,  4, 12, 5, 6, 11, 0,  14, 9,  2,  7, 11, 4,  1,  9,  12, 14, 2,  0,  6, 10, 13,
	  15, 3, 5,  8, 2, 1,  14, 7,  4,  10, 8, 13, 15, 12, 9,  0,  3,  5,  6,  11 },
};

static const uint8_t round_order[32] = { 16, 7, 20, 21, 29, 12, 28, 17, 1,  15, 23,
					 26, 5, 18, 31, 10, 2,	8,  24, 14, 32, 27,
					 3,  9, 19, 13, 30, 6,	22, 11, 4,  25 };

static const uint8_t key_order[56] = { 57, 49, 41, 33, 25, 17, 9,  1,  58, 50, 42, 34, 26, 18,
				       10, 2,  59, 51, 43, 35, 27, 19, 11, 3,  60, 52, 44, 36,
				       63, 55, 47, 39, 31, 23, 15, 7,  62, 54, 46, 38, 30, 22,
				       14, 6,  61, 53, 45, 37, 29, 21, 13, 5,  28, 20, 12, 4 };

static const uint8_t key_choice[48] = { 14, 17, 11, 24, 1,  5,	3,  28, 15, 6,	21, 10,
					23, 19, 12, 4,	26, 8,	16, 7,	27, 20, 13, 2,
					41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48,
					44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32 };

static uint32_t rounds[8][64];	 /* an S-box, then the permutation P */
static uint64_t initial[8][256]; /* what a byte of the block becomes by the initial permutation */
static uint64_t final[8][256];	 /* and by its inverse */

/* The bit of `order` for bit i, both from the left and from 0. */
static uint64_t permute(uint64_t v, unsigned size, const uint8_t *order, unsigned n)
{
	uint64_t r = 0;

	for (unsigned i = 0; i < n; i++)
		r = r << 1 | (v >> (size - order[i]) & 1);
	return r;
}

static void make_rounds(void)
{
	for (unsigned box = 0; box < 8; box++)
		for (unsigned six = 0; six < 64; six++) {
			unsigned row = (six >> 4 & 2) | (six & 1), column = six >> 1 & 15;
			uint32_t v = (uint32_t)boxes[box][16 * row + column] << (28 - 4 * box);

			rounds[box][six] = (uint32_t)permute(v, 32, round_order, 32);
		}
}

/* Bit number i of the block, from the left, comes by the initial permutation from here: rows of the
 * 8 by 8 matrix backwards, its even columns first. */
static unsigned initial_source(unsigned i)
{
	static const uint8_t columns[8] = { 1, 3, 5, 7, 0, 2, 4, 6 };

	return (7 - i % 8) * 8 + columns[i / 8];
}

static void make_permutations(void)
{
	for (unsigned i = 0; i < 64; i++) {
		unsigned s = initial_source(i);

		for (unsigned b = 0; b < 256; b++) {
			initial[s / 8][b] |= (uint64_t)(b >> (7 - s % 8) & 1) << (63 - i);
			final[i / 8][b] |= (uint64_t)(b >> (7 - i % 8) & 1) << (63 - s);
		}
	}
}

__attribute__((constructor)) static void make_tables(void)
{
	make_rounds();
	make_permutations();
}

static uint64_t load(const uint8_t *from)
{
	uint64_t v;

	memcpy(&v, from, sizeof(v));
	return be64toh(v);
}

static void store(uint64_t v, uint8_t *to)
{
	v = htobe64(v);
	memcpy(to, &v, sizeof(v));
}

static uint64_t by_bytes(const uint64_t table[8][256], uint64_t v)
{
	uint64_t r = 0;

	for (unsigned i = 0; i < 8; i++)
		r |= table[i][v >> (56 - 8 * i) & 255];
	return r;
}

static uint32_t rotate28(uint32_t v, unsigned by)
{
	return (v << by | v >> (28 - by)) & 0xfffffff;
}

void des_begin(struct des *ret, const uint8_t key[DES_BLOCK])
{
	static const uint16_t by_one = 0x8103; /* rounds 1, 2, 9 and 16; the others rotate by 2 */
	uint64_t v = permute(load(key), 64, key_order, 56);
	uint32_t c = (uint32_t)(v >> 28), d = (uint32_t)(v & 0xfffffff);

	for (unsigned i = 0; i < 16; i++) {
		unsigned by = by_one >> i & 1 ? 1 : 2;
		uint64_t k;

		c = rotate28(c, by);
		d = rotate28(d, by);
		k = permute((uint64_t)c << 28 | d, 56, key_choice, 48);
		ret->keys[i][0] = (uint32_t)((k >> 42 & 63) << 24 | (k >> 30 & 63) << 16 |
					     (k >> 18 & 63) << 8 | (k >> 6 & 63));
		ret->keys[i][1] = (uint32_t)((k >> 36 & 63) << 24 | (k >> 24 & 63) << 16 |
					     (k >> 12 & 63) << 8 | (k & 63));
	}
}

static inline uint32_t round_of(uint32_t half, const uint32_t key[2])
{
	uint32_t odd = ((half >> 3 | half << 29) ^ key[0]),
		 even = ((half << 1 | half >> 31) ^ key[1]);

	return rounds[0][odd >> 24 & 63] | rounds[2][odd >> 16 & 63] | rounds[4][odd >> 8 & 63] |
	       rounds[6][odd & 63] | rounds[1][even >> 24 & 63] | rounds[3][even >> 16 & 63] |
	       rounds[5][even >> 8 & 63] | rounds[7][even & 63];
}

void des_block(const struct des *d, const uint8_t from[DES_BLOCK], uint8_t to[DES_BLOCK],
	       bool encrypts)
{
	uint64_t v = by_bytes(initial, load(from));
	uint32_t l = (uint32_t)(v >> 32), r = (uint32_t)v;

	for (unsigned i = 0; i < 16; i += 2) {
		l ^= round_of(r, d->keys[encrypts ? i : 15 - i]);
		r ^= round_of(l, d->keys[encrypts ? i + 1 : 14 - i]);
	}
	store(by_bytes(final, (uint64_t)r << 32 | l), to);
}

void des_encode(const struct des *d, enum des_padding padding, const uint8_t *from, size_t n,
		uint8_t *to)
{
	size_t whole = n / DES_BLOCK * DES_BLOCK, rest = n - whole, pad = DES_BLOCK - rest;
	uint8_t last[DES_BLOCK];

	for (size_t at = 0; at < whole; at += DES_BLOCK)
		des_block(d, from + at, to + at, true);
	memcpy(last, from + whole, rest);
	memset(last + rest, padding == DES_PKCS7 ? (int)pad : 0, pad);
	if (padding == DES_ISO7816_4)
		last[rest] = 0x80;
	des_block(d, last, to + whole, true);
}

static size_t zeros_at_end(const uint8_t last[DES_BLOCK])
{
	size_t n = 0;

	while (n < DES_BLOCK && last[DES_BLOCK - 1 - n] == 0)
		n++;
	return n;
}

/* How many bytes of a text's last block are padding, 0: it has none. */
static size_t padding_of(enum des_padding padding, const uint8_t last[DES_BLOCK])
{
	size_t n;

	if (padding == DES_ISO7816_4) {
		n = zeros_at_end(last) + 1;
		return n <= DES_BLOCK && last[DES_BLOCK - n] == 0x80 ? n : 0;
	}
	n = last[DES_BLOCK - 1];
	if (n == 0 || n > DES_BLOCK)
		return 0;
	for (size_t i = DES_BLOCK - n; i < DES_BLOCK; i++)
		if (last[i] != n)
			return 0;
	return n;
}

int64_t des_decode(const struct des *d, enum des_padding padding, const uint8_t *from, size_t n,
		   uint8_t *to)
{
	size_t pad;

	for (size_t at = 0; at < n; at += DES_BLOCK)
		des_block(d, from + at, to + at, false);
	pad = padding_of(padding, to + n - DES_BLOCK);
	return pad ? (int64_t)(n - pad) : -1;
}

/* SPDX-License-Identifier: MIT */
/* Bytes as text and back.
 *
 * Digits are computed, 16 at a time. Base64 goes through tables, which are made when the library
 * is loaded: of pairs of characters, 12 bits at a time, and of what each character is worth.
 */
#include "lua/modules/crypt/codec.h"

#include <string.h>

#define NONE 0xffu     /* a character that is not of the alphabet */
#define PADDING 0xfeu  /* '=' */
#define BAD (1u << 31) /* in values[]: not four characters of the alphabet */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static char pairs[4096][2];	/* the two characters of 12 bits */
static uint8_t worth[256];	/* of a base64 character, or NONE, or PADDING */
static uint32_t values[4][256]; /* the same, shifted to where each of four characters counts */

__attribute__((constructor)) static void make_tables(void)
{
	memset(worth, NONE, sizeof(worth));
	worth['='] = PADDING;
	for (unsigned i = 0; i < 64; i++)
		worth[(unsigned char)alphabet[i]] = (uint8_t)i;
	for (unsigned i = 0; i < 4096; i++) {
		pairs[i][0] = alphabet[i >> 6];
		pairs[i][1] = alphabet[i & 63];
	}
	for (unsigned c = 0; c < 256; c++)
		for (unsigned k = 0; k < 4; k++)
			values[k][c] = worth[c] < 64 ? (uint32_t)worth[c] << (18 - 6 * k) : BAD;
}

/* ---- hexadecimal digits, 16 at a time ---- */

#define LANES 16u

typedef uint8_t lanes __attribute__((vector_size(LANES)));

static inline lanes load(const void *from)
{
	lanes v;

	memcpy(&v, from, sizeof(v));
	return v;
}

/* The digits of values below 16. */
static inline lanes to_digits(lanes v)
{
	return v + '0' + ((lanes)(v > 9) & ('a' - '0' - 10));
}

/* LANES bytes as twice as many digits. */
static inline void write_digits(lanes v, char *to)
{
	lanes high = to_digits(v >> 4), low = to_digits(v & 15);
	lanes a = __builtin_shufflevector(high, low, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6,
					  22, 7, 23);
	lanes b = __builtin_shufflevector(high, low, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29,
					  14, 30, 15, 31);

	memcpy(to, &a, LANES);
	memcpy(to + LANES, &b, LANES);
}

/* What digits are worth: a letter has bit 6. `bad` gets a bit where there is none: it must have the
 * same digit again. */
static inline lanes worth_of(lanes text, lanes *bad)
{
	lanes v = (text & 15) + (text >> 6 & 1) * 9;

	*bad |= (v & 0xf0) | (to_digits(v & 15) ^ text);
	return v;
}

/* The reverse of write_digits. */
static inline lanes read_digits(const char *from, lanes *bad)
{
	lanes a = worth_of(load(from), bad), b = worth_of(load(from + LANES), bad);
	lanes high = __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24,
					     26, 28, 30);
	lanes low = __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27,
					    29, 31);

	return high << 4 | low;
}

void hex_encode(const uint8_t *from, size_t n, char *to)
{
	uint8_t last[LANES] = { 0 };
	char text[2 * LANES];

	for (; n >= LANES; n -= LANES, from += LANES, to += 2 * LANES)
		write_digits(load(from), to);
	memcpy(last, from, n);
	write_digits(load(last), text);
	memcpy(to, text, 2 * n);
}

bool hex_decode(const char *from, size_t n, uint8_t *to)
{
	lanes v, bad = { 0 };
	char last[2 * LANES];
	uint64_t bits[2];

	for (; n >= LANES; n -= LANES, from += 2 * LANES, to += LANES) {
		v = read_digits(from, &bad);
		memcpy(to, &v, LANES);
	}
	memset(last, '0', sizeof(last));
	memcpy(last, from, 2 * n);
	v = read_digits(last, &bad);
	memcpy(to, &v, n);
	memcpy(bits, &bad, sizeof(bits));
	return (bits[0] | bits[1]) == 0;
}

/* ---- base64 ---- */

void base64_encode(const uint8_t *from, size_t n, char *to)
{
	uint32_t v;

	for (; n >= 3; n -= 3, from += 3, to += 4) {
		v = (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2];
		memcpy(to, pairs[v >> 12], 2);
		memcpy(to + 2, pairs[v & 4095], 2);
	}
	if (n == 0)
		return;
	v = (uint32_t)from[0] << 16 | (n == 2 ? (uint32_t)from[1] << 8 : 0);
	memcpy(to, pairs[v >> 12], 2);
	to[2] = n == 2 ? alphabet[v >> 6 & 63] : '=';
	to[3] = '=';
}

/* Where reading stands. */
struct reader {
	const unsigned char *at, *end;
	uint8_t *to;
};

/* Groups of four characters of the alphabet, as far as there is nothing else. */
static void read_plain(struct reader *r)
{
	while (r->end - r->at >= 4) {
		uint32_t v = values[0][r->at[0]] | values[1][r->at[1]] | values[2][r->at[2]] |
			     values[3][r->at[3]];

		if (v & BAD)
			return;
		r->to[0] = (uint8_t)(v >> 16);
		r->to[1] = (uint8_t)(v >> 8);
		r->to[2] = (uint8_t)v;
		r->to += 3;
		r->at += 4;
	}
}

/* The next character that counts; at the end: padding, as if it were there. */
static unsigned next_worth(struct reader *r)
{
	while (r->at < r->end) {
		unsigned w = worth[*r->at++];

		if (w != NONE)
			return w;
	}
	return PADDING;
}

/* One group, whatever is between its characters; returns false for one that cannot be. */
static bool read_group(struct reader *r)
{
	uint32_t v = 0;
	unsigned bytes = 3;

	for (unsigned i = 0; i < 4; i++) {
		unsigned w = next_worth(r);

		if (w == PADDING && i < 2)
			return false;
		if (w == PADDING)
			bytes--;
		else if (bytes < 3)
			return false;
		v = v << 6 | (w == PADDING ? 0 : w);
	}
	if (v & (0xffffffu >> (8 * bytes)) & 0xffffffu)
		return false;
	for (unsigned i = 0; i < bytes; i++)
		*r->to++ = (uint8_t)(v >> (16 - 8 * i));
	return true;
}

int64_t base64_decode(const char *from, size_t n, uint8_t *to)
{
	struct reader r = { .at = (const unsigned char *)from, .to = to };

	r.end = r.at + n;
	for (;;) {
		read_plain(&r);
		if (r.at == r.end)
			return r.to - to;
		if (!read_group(&r))
			return -1;
	}
}

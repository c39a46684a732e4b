/* SPDX-License-Identifier: MIT */
/* Bytes as text and back.
 *
 * All of it goes through tables: of pairs of digits, of pairs of base64 characters (12 bits at a
 * time), and of what each character is worth. The large ones are made when the library is loaded.
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

static void make_base64_tables(void)
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

static char digits[256][2]; /* the two digits of a byte */
static uint8_t digit[256];  /* what a digit is worth, or NONE */

static void make_hex_tables(void)
{
	static const char hex[] = "0123456789abcdef";

	memset(digit, NONE, sizeof(digit));
	for (unsigned i = 0; i < 16; i++)
		digit[(unsigned char)hex[i]] = (uint8_t)i;
	for (unsigned i = 0; i < 256; i++) {
		digits[i][0] = hex[i >> 4];
		digits[i][1] = hex[i & 15];
	}
}

__attribute__((constructor)) static void make_tables(void)
{
	make_base64_tables();
	make_hex_tables();
}

void hex_encode(const uint8_t *from, size_t n, char *to)
{
	for (size_t i = 0; i < n; i++)
		memcpy(to + 2 * i, digits[from[i]], 2);
}

bool hex_decode(const char *from, size_t n, uint8_t *to)
{
	unsigned bad = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned hi = digit[(unsigned char)from[2 * i]];
		unsigned lo = digit[(unsigned char)from[2 * i + 1]];

		bad |= hi | lo;
		to[i] = (uint8_t)(hi << 4 | lo);
	}
	return bad < 16;
}

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

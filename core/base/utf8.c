/* SPDX-License-Identifier: MIT */
#include "core/base/utf8.h"

#include <string.h>

/* Sets what may follow the first byte of a character; false: it is none. */
static bool begin_character(struct utf8_text *t, uint8_t c)
{
	static const struct {
		uint8_t first, last, left, low, high;
	} forms[] = { { 0xc2, 0xdf, 1, 0x80, 0xbf }, { 0xe0, 0xe0, 2, 0xa0, 0xbf },
		      { 0xe1, 0xec, 2, 0x80, 0xbf }, { 0xed, 0xed, 2, 0x80, 0x9f },
		      { 0xee, 0xef, 2, 0x80, 0xbf }, { 0xf0, 0xf0, 3, 0x90, 0xbf },
		      { 0xf1, 0xf3, 3, 0x80, 0xbf }, { 0xf4, 0xf4, 3, 0x80, 0x8f } };

	for (size_t f = 0; f < sizeof(forms) / sizeof(*forms); f++) {
		if (c < forms[f].first || c > forms[f].last)
			continue;
		*t = (struct utf8_text){ forms[f].left, forms[f].low, forms[f].high };
		return true;
	}
	return false;
}

/* Bytes at p that are ASCII, in words of eight. */
static size_t ascii_words(const uint8_t *p, size_t n)
{
	uint64_t word;
	size_t i = 0;

	for (; i + 8 <= n; i += 8) {
		memcpy(&word, p + i, 8);
		if (word & 0x8080808080808080u)
			break;
	}
	return i;
}

bool utf8_feed(struct utf8_text *t, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!t->left) {
			i += ascii_words(p + i, n - i);
			if (i < n && p[i] >= 0x80 && !begin_character(t, p[i]))
				return false;
			continue;
		}
		if (p[i] < t->low || p[i] > t->high)
			return false;
		*t = (struct utf8_text){ (uint8_t)(t->left - 1), 0x80, 0xbf };
	}
	return true;
}

bool utf8_is_valid(const uint8_t *p, size_t n)
{
	struct utf8_text t = { 0 };

	return utf8_feed(&t, p, n) && !t.left;
}

size_t utf8_character(const uint8_t *p, size_t n, uint32_t *ret_code)
{
	struct utf8_text t = { 0 };
	size_t size;

	if (n == 0)
		return 0;
	if (p[0] < 0x80) {
		*ret_code = p[0];
		return 1;
	}
	if (!begin_character(&t, p[0]) || t.left >= n)
		return 0;
	size = t.left + 1u;
	if (!utf8_feed(&t, p + 1, size - 1))
		return 0;
	*ret_code = p[0] & (0x7fu >> size);
	for (size_t i = 1; i < size; i++)
		*ret_code = *ret_code << 6 | (p[i] & 0x3fu);
	return size;
}

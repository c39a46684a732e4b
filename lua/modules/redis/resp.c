/* SPDX-License-Identifier: MIT */
#include "lua/modules/redis/resp.h"

#include <string.h>

#include "core/base/base.h"

#define NUMBER_LINE 32u /* bytes that a line with a number may have */
#define STRING_MAX (INT64_C(1) << 40)
#define SLOTS 16384u

/* A decimal number that is the whole text. */
static bool parse_number(const char *p, size_t n, int64_t *ret)
{
	bool negative = n && p[0] == '-';
	uint64_t v = 0, limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
	size_t i = negative || (n && p[0] == '+') ? 1 : 0;

	if (i == n)
		return false;
	for (; i < n; i++) {
		unsigned digit = (unsigned char)p[i] - '0';

		if (digit > 9 || v > (limit - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*ret = negative ? (int64_t)(0 - v) : (int64_t)v;
	return true;
}

static enum resp_state bad(const char **why, const char *text)
{
	*why = text;
	return RESP_BAD;
}

/* A string of bytes, whose first line says how many. */
static enum resp_state string_item(const char *p, size_t n, struct resp_item *i, const char **why)
{
	size_t head = i->whole;

	if (i->number == -1) {
		i->kind = RESP_NULL;
		return RESP_WHOLE;
	}
	if (i->number < 0 || i->number > STRING_MAX)
		return bad(why, "a string of an impossible length");
	i->kind = RESP_STRING;
	i->text = p + head;
	i->size = (size_t)i->number;
	i->whole = head + i->size + 2;
	if (n < i->whole)
		return RESP_MORE;
	if (p[i->whole - 2] != '\r' || p[i->whole - 1] != '\n')
		return bad(why, "a string without an end of line behind it");
	return RESP_WHOLE;
}

static enum resp_state number_item(const char *p, size_t n, struct resp_item *i, const char **why)
{
	if (!parse_number(i->text, i->size, &i->number))
		return bad(why, "no number where one belongs");
	if (p[0] == '$')
		return string_item(p, n, i, why);
	i->kind = p[0] == ':' ? RESP_NUMBER : RESP_ARRAY;
	if (i->kind == RESP_ARRAY && i->number == -1)
		i->kind = RESP_NULL;
	else if (i->kind == RESP_ARRAY && i->number < 0)
		return bad(why, "an array of an impossible length");
	return RESP_WHOLE;
}

enum resp_state resp_item(const char *p, size_t n, size_t looked, struct resp_item *ret,
			  const char **why)
{
	bool text = n && (p[0] == '+' || p[0] == '-');
	const char *end;
	size_t max;

	ret->whole = 3;
	ret->lined = false;
	if (n == 0)
		return RESP_MORE;
	if (!text && p[0] != ':' && p[0] != '$' && p[0] != '*')
		return bad(why, "a byte that no reply begins with");
	end = looked < n ? memchr(p + looked, '\n', n - looked) : NULL;
	max = text ? RESP_LINE : NUMBER_LINE;
	if ((end ? (size_t)(end - p) : n) > max)
		return bad(why, "a line that is too long");
	ret->whole = n + 1;
	if (!end)
		return RESP_MORE;
	if (end - p < 2 || end[-1] != '\r')
		return bad(why, "a line that does not end with CR LF");
	ret->lined = true;
	ret->text = p + 1;
	ret->size = (size_t)(end - p) - 2;
	ret->whole = (size_t)(end - p) + 1;
	if (!text)
		return number_item(p, n, ret, why);
	ret->kind = p[0] == '+' ? RESP_STATUS : RESP_ERROR;
	return RESP_WHOLE;
}

/* An item is whole. Returns whether the reply is. */
static bool item_done(struct resp_scan *s)
{
	while (s->depth > 0 && --s->left[s->depth - 1] == 0)
		s->depth--;
	return s->depth == 0;
}

static enum resp_state scan_bad(struct resp_scan *s, const char *why)
{
	s->why = why;
	return RESP_BAD;
}

enum resp_state resp_scan(struct resp_scan *s, const char *p, size_t n, size_t max)
{
	for (;;) {
		struct resp_item i;
		enum resp_state state;

		state = resp_item(p + s->at, n - s->at, s->looked, &i, &s->why);
		if (state == RESP_BAD)
			return RESP_BAD;
		if (i.whole > max - s->at)
			return scan_bad(s, "more bytes than a reply may have");
		if (state == RESP_MORE) {
			s->need = s->at + i.whole;
			/* the line of a string is read again when its bytes are there */
			s->looked = i.lined ? 0 : n - s->at;
			return RESP_MORE;
		}
		s->at += i.whole;
		s->looked = 0;
		if (i.kind == RESP_ARRAY && i.number > 0) {
			if (s->depth == RESP_DEPTH)
				return scan_bad(s, "arrays that are nested too deeply");
			s->left[s->depth++] = i.number;
		} else if (item_done(s)) {
			return RESP_WHOLE;
		}
	}
}

uint16_t resp_crc16(const char *p, size_t n)
{
	unsigned crc = 0;

	for (size_t i = 0; i < n; i++) {
		/* the polynomial x^16 + x^12 + x^5 + 1, eight bits at once */
		unsigned t = ((crc >> 8) ^ (unsigned char)p[i]) & 0xff;

		t ^= t >> 4;
		crc = ((crc << 8) ^ (t << 12) ^ (t << 5) ^ t) & 0xffff;
	}
	return (uint16_t)crc;
}

unsigned resp_slot(const char *key, size_t n)
{
	const char *open = memchr(key, '{', n);
	const char *close = open ? memchr(open, '}', n - (size_t)(open - key)) : NULL;

	if (close && close > open + 1)
		return resp_crc16(open + 1, (size_t)(close - open) - 1) % SLOTS;
	return resp_crc16(key, n) % SLOTS;
}

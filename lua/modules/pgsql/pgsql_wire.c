/* SPDX-License-Identifier: MIT */
#include "lua/modules/pgsql/pgsql_wire.h"

#include <string.h>
#include <strings.h>

int64_t pgsql_body(const uint8_t head[PGSQL_HEAD])
{
	uint32_t size = (uint32_t)head[1] << 24 | (uint32_t)head[2] << 16 | (uint32_t)head[3] << 8 |
			head[4];

	/* the size counts its own four bytes */
	return size < 4 || size > INT32_MAX ? -1 : (int64_t)size - 4;
}

uint64_t pgsql_uint(struct db_reader *r, unsigned n)
{
	const uint8_t *p = db_skip(r, n);
	uint64_t v = 0;

	for (unsigned i = 0; p && i < n; i++)
		v = v << 8 | p[i];
	return v;
}

const char *pgsql_zero(struct db_reader *r, size_t *ret_size)
{
	size_t left = (size_t)(r->end - r->at);
	const uint8_t *p = r->at, *end = r->bad || !left ? NULL : memchr(p, '\0', left);

	*ret_size = 0;
	if (!end) {
		r->bad = true;
		return NULL;
	}
	*ret_size = (size_t)(end - p);
	r->at = end + 1;
	return (const char *)p;
}

const char *pgsql_text(struct db_reader *r, size_t *ret_size)
{
	uint64_t n = pgsql_uint(r, 4);

	*ret_size = 0;
	if (r->bad || n == UINT32_MAX)
		return NULL;
	*ret_size = (size_t)n;
	return (const char *)db_skip(r, (size_t)n);
}

/* ---- bytes ---- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int64_t hex_bytes(const char *p, size_t n, uint8_t *to)
{
	if (n % 2 != 0)
		return -1;
	for (size_t i = 0; i < n; i += 2) {
		int high = hex_digit(p[i]), low = hex_digit(p[i + 1]);

		if (high < 0 || low < 0)
			return -1;
		to[i / 2] = (uint8_t)(high << 4 | low);
	}
	return (int64_t)(n / 2);
}

/* The byte behind a backslash, of which n bytes are there; returns how many of them it takes, 0:
 * that is none. */
static size_t escaped(const char *p, size_t n, uint8_t *to)
{
	unsigned v = 0;

	if (n >= 1 && p[0] == '\\') {
		*to = '\\';
		return 1;
	}
	if (n < 3)
		return 0;
	for (size_t i = 0; i < 3; i++) {
		if (p[i] < '0' || p[i] > '7')
			return 0;
		v = v << 3 | (unsigned)(p[i] - '0');
	}
	*to = (uint8_t)v;
	return v < 256 ? 3 : 0;
}

int64_t pgsql_bytes(const char *p, size_t n, uint8_t *to)
{
	int64_t size = 0;

	if (n >= 2 && p[0] == '\\' && p[1] == 'x')
		return hex_bytes(p + 2, n - 2, to);
	for (size_t i = 0; i < n; i++) {
		size_t taken = 0;

		if (p[i] != '\\')
			to[size] = (uint8_t)p[i];
		else if ((taken = escaped(p + i + 1, n - i - 1, to + size)) == 0)
			return -1;
		i += taken;
		size++;
	}
	return size;
}

/* ---- arrays ---- */

void pgsql_array_begin(struct pgsql_array *a, const char *p, size_t n)
{
	const char *begin = n && p[0] == '[' ? memchr(p, '=', n) : NULL;

	*a = (struct pgsql_array){ .at = begin ? begin + 1 : p, .end = p + n };
}

static enum pgsql_token quoted(struct pgsql_array *a)
{
	const char *p = a->at + 1;

	while (p < a->end && *p != '"')
		p += *p == '\\' ? 2 : 1;
	if (p >= a->end)
		return PGSQL_BAD;
	a->text = a->at + 1;
	a->size = (size_t)(p - a->text);
	a->at = p + 1;
	a->after = true;
	return PGSQL_QUOTED;
}

static enum pgsql_token plain(struct pgsql_array *a)
{
	const char *p = a->at;

	while (p < a->end && *p != ',' && *p != '}') {
		if (*p == '{' || *p == '"' || *p == '\\')
			return PGSQL_BAD;
		p++;
	}
	a->text = a->at;
	a->size = (size_t)(p - a->at);
	a->at = p;
	a->after = true;
	if (a->size == 0 || p == a->end)
		return PGSQL_BAD;
	return a->size == 4 && strncasecmp(a->text, "null", 4) == 0 ? PGSQL_NULL : PGSQL_PLAIN;
}

static enum pgsql_token opened(struct pgsql_array *a)
{
	if (a->depth == PGSQL_DEPTH)
		return PGSQL_BAD;
	a->depth++;
	a->at++;
	return PGSQL_OPEN;
}

static enum pgsql_token closed(struct pgsql_array *a)
{
	a->at++;
	a->after = true;
	a->over = --a->depth == 0;
	return PGSQL_CLOSE;
}

enum pgsql_token pgsql_array_next(struct pgsql_array *a)
{
	bool comma;

	if (a->over)
		return a->at == a->end ? PGSQL_END : PGSQL_BAD;
	if (a->at == a->end)
		return PGSQL_BAD;
	if (a->depth == 0)
		return *a->at == '{' ? opened(a) : PGSQL_BAD;
	comma = a->after && *a->at == ',';
	if (a->after && !comma)
		return *a->at == '}' ? closed(a) : PGSQL_BAD;
	if (comma)
		a->at++;
	a->after = false;
	if (a->at == a->end)
		return PGSQL_BAD;
	if (*a->at == '{')
		return opened(a);
	if (*a->at == '"')
		return quoted(a);
	/* an empty array ends where its first member would be */
	return *a->at == '}' && !comma ? closed(a) : plain(a);
}

size_t pgsql_unquote(const char *p, size_t n, char *to)
{
	size_t size = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\\' && i + 1 < n)
			i++;
		to[size++] = p[i];
	}
	return size;
}

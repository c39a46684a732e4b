/* SPDX-License-Identifier: MIT */
#include "lua/modules/bson/bson_wire.h"

#include <string.h>

#include "core/base/little.h"

#define UNKNOWN SIZE_MAX   /* a type that is none */
#define BAD (SIZE_MAX - 1) /* a value that is none */

/* The bytes of a text with its size in front and a zero byte behind. */
static size_t string_size(const uint8_t *p, size_t left)
{
	uint32_t n;

	if (left < 5)
		return BAD;
	n = little_get32(p);
	if (n < 1 || n > INT32_MAX || n > left - 4 || p[4 + n - 1] != 0)
		return BAD;
	return 4 + (size_t)n;
}

static size_t document_size(const uint8_t *p, size_t left)
{
	uint32_t n;

	if (left < BSON_MIN_SIZE)
		return BAD;
	n = little_get32(p);
	if (n < BSON_MIN_SIZE || n > INT32_MAX || n > left || p[n - 1] != 0)
		return BAD;
	return n;
}

/* In subtype 2 the bytes have their size in front of them once more. */
static size_t binary_size(const uint8_t *p, size_t left)
{
	uint32_t n;

	if (left < 5)
		return BAD;
	n = little_get32(p);
	if (n > INT32_MAX || n > left - 5)
		return BAD;
	if (p[4] == 2 && (n < 4 || little_get32(p + 5) != n - 4))
		return BAD;
	return 5 + (size_t)n;
}

static size_t cstring_size(const uint8_t *p, size_t left)
{
	const uint8_t *zero = left ? memchr(p, 0, left) : NULL;

	return zero ? (size_t)(zero - p) + 1 : BAD;
}

static size_t regex_size(const uint8_t *p, size_t left)
{
	size_t pattern = cstring_size(p, left), options;

	if (pattern == BAD)
		return BAD;
	options = cstring_size(p + pattern, left - pattern);
	return options == BAD ? BAD : pattern + options;
}

static size_t pointer_size(const uint8_t *p, size_t left)
{
	size_t name = string_size(p, left);

	return name == BAD || left - name < BSON_OBJECTID ? BAD : name + BSON_OBJECTID;
}

/* The size of it all, a text, a document. */
static size_t scope_size(const uint8_t *p, size_t left)
{
	size_t all, code, scope;

	if (left < 4)
		return BAD;
	all = little_get32(p);
	if (all < 4 || all > left)
		return BAD;
	code = string_size(p + 4, all - 4);
	if (code == BAD)
		return BAD;
	scope = document_size(p + 4 + code, all - 4 - code);
	return scope == BAD || 4 + code + scope != all ? BAD : all;
}

static size_t value_size(uint8_t type, const uint8_t *p, size_t left)
{
	switch ((enum bson_type)type) {
	case BSON_STRING:
	case BSON_CODE:
	case BSON_SYMBOL:
		return string_size(p, left);
	case BSON_DOCUMENT:
	case BSON_ARRAY:
		return document_size(p, left);
	case BSON_BINARY:
		return binary_size(p, left);
	case BSON_REGEX:
		return regex_size(p, left);
	case BSON_DBPOINTER:
		return pointer_size(p, left);
	case BSON_CODE_SCOPE:
		return scope_size(p, left);
	case BSON_OID:
		return BSON_OBJECTID;
	case BSON_BOOLEAN:
		return left && p[0] > 1 ? BAD : 1;
	case BSON_DOUBLE:
	case BSON_DATE:
	case BSON_TIMESTAMP:
	case BSON_INT64:
		return 8;
	case BSON_INT32:
		return 4;
	case BSON_DECIMAL128:
		return 16;
	case BSON_NULL:
	case BSON_MAXKEY:
	case BSON_MINKEY:
		return 0;
	}
	return UNKNOWN;
}

bool bson_open(const uint8_t *p, size_t n, struct bson_walk *ret)
{
	*ret = (struct bson_walk){ .why = NULL };
	if (n < BSON_MIN_SIZE || little_get32(p) != n || n > INT32_MAX) {
		ret->why = "its size is not that of its bytes";
		return false;
	}
	if (p[n - 1] != 0) {
		ret->why = "no zero byte at its end";
		return false;
	}
	ret->at = p + 4;
	ret->end = p + n - 1;
	return true;
}

static enum bson_step bad(struct bson_walk *w, const char *why)
{
	w->why = why;
	return BSON_BAD;
}

enum bson_step bson_next(struct bson_walk *w, struct bson_element *ret)
{
	const uint8_t *key = w->at + 1;
	const uint8_t *zero;
	size_t left;

	if (w->at == w->end)
		return BSON_END;
	ret->type = *w->at;
	zero = memchr(key, 0, (size_t)(w->end - key));
	if (!zero)
		return bad(w, "a key has no end");
	ret->key = (const char *)key;
	ret->key_size = (size_t)(zero - key);
	ret->value = zero + 1;
	left = (size_t)(w->end - ret->value);
	ret->size = value_size(ret->type, ret->value, left);
	if (ret->size == UNKNOWN) {
		w->unknown = ret->type;
		return bad(w, NULL);
	}
	if (ret->size > left)
		return bad(w, "a value is broken, or ends early");
	w->at = ret->value + ret->size;
	return BSON_ELEMENT;
}

size_t bson_count(const struct bson_walk *w)
{
	struct bson_walk copy = *w;
	struct bson_element e;
	size_t n = 0;

	while (bson_next(&copy, &e) == BSON_ELEMENT)
		n++;
	return n;
}

static bool check_document(const uint8_t *p, size_t n, struct bson_walk *w, int depth);

/* What stands within a value whose size is known to be right. */
static bool check_inside(uint8_t type, const uint8_t *p, size_t n, struct bson_walk *w, int depth)
{
	if (type == BSON_DOCUMENT || type == BSON_ARRAY)
		return check_document(p, n, w, depth);
	if (type == BSON_CODE_SCOPE) {
		size_t code = 4 + string_size(p + 4, n - 4);

		return check_document(p + code, n - code, w, depth);
	}
	return true;
}

static bool check_document(const uint8_t *p, size_t n, struct bson_walk *w, int depth)
{
	struct bson_element e;
	enum bson_step step;

	if (depth > BSON_DEPTH) {
		w->why = "too deep";
		return false;
	}
	if (!bson_open(p, n, w))
		return false;
	while ((step = bson_next(w, &e)) == BSON_ELEMENT) {
		struct bson_walk inner;

		if (!check_inside(e.type, e.value, e.size, &inner, depth + 1)) {
			*w = inner;
			return false;
		}
	}
	return step == BSON_END;
}

bool bson_check(const uint8_t *p, size_t n, struct bson_walk *ret)
{
	return check_document(p, n, ret, 0);
}

bool bson_check_value(uint8_t type, const uint8_t *p, size_t n)
{
	struct bson_walk w;

	return value_size(type, p, n) == n && check_inside(type, p, n, &w, 1);
}

bool bson_is_tag(uint8_t type)
{
	switch ((enum bson_type)type) {
	case BSON_BINARY:
	case BSON_OID:
	case BSON_DATE:
	case BSON_NULL:
	case BSON_REGEX:
	case BSON_DBPOINTER:
	case BSON_CODE:
	case BSON_SYMBOL:
	case BSON_CODE_SCOPE:
	case BSON_TIMESTAMP:
	case BSON_INT64:
	case BSON_DECIMAL128:
	case BSON_MAXKEY:
	case BSON_MINKEY:
		return true;
	default:
		return false;
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * One item = one byte `type | cookie << 3` and its payload, little-endian.
 *
 * A JSON writer must know whether a table is an array before its first item is written, and the stream tells
 * only at the end. So the array part is skipped over once to look at what follows; a table is skipped
 * at most once per level around it, which bounds the work by SERI_MIN_DEPTH times the size.
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "daemon/admin/seri_min.h"

enum { T_NIL, T_BOOLEAN, T_NUMBER, T_POINTER, T_SHORT_STRING, T_LONG_STRING, T_TABLE };
enum { N_ZERO = 0, N_U8 = 1, N_U16 = 2, N_I32 = 4, N_I64 = 6, N_DOUBLE = 8 };

#define COOKIE_MAX 31u

/* ---- packing ---- */

void seri_min_fini(struct seri_min *s)
{
	mem_free(s->bytes);
	memset(s, 0, sizeof(*s));
}

static void put(struct seri_min *s, const void *p, size_t n)
{
	if (s->capacity - s->size < n) {
		s->capacity = (s->size + n) * 2;
		s->bytes = mem_realloc(s->bytes, s->capacity);
	}
	memcpy(s->bytes + s->size, p, n);
	s->size += n;
}

static void put_head(struct seri_min *s, unsigned type, unsigned cookie)
{
	put(s, &(unsigned char){ (unsigned char)(type | cookie << 3) }, 1);
}

void seri_min_string(struct seri_min *s, const char *p, size_t n)
{
	if (n <= COOKIE_MAX) {
		put_head(s, T_SHORT_STRING, (unsigned)n);
	} else if (n <= UINT16_MAX) {
		put_head(s, T_LONG_STRING, 2);
		put(s, &(uint16_t){ htole16((uint16_t)n) }, 2);
	} else {
		put_head(s, T_LONG_STRING, 4);
		put(s, &(uint32_t){ htole32((uint32_t)n) }, 4);
	}
	put(s, p, n);
}

void seri_min_int(struct seri_min *s, int64_t v)
{
	if (v == 0) {
		put_head(s, T_NUMBER, N_ZERO);
	} else if (v > 0 && v <= UINT8_MAX) {
		put_head(s, T_NUMBER, N_U8);
		put(s, &(uint8_t){ (uint8_t)v }, 1);
	} else if (v > 0 && v <= UINT16_MAX) {
		put_head(s, T_NUMBER, N_U16);
		put(s, &(uint16_t){ htole16((uint16_t)v) }, 2);
	} else if (v >= INT32_MIN && v <= INT32_MAX) {
		put_head(s, T_NUMBER, N_I32);
		put(s, &(uint32_t){ htole32((uint32_t)(int32_t)v) }, 4);
	} else {
		put_head(s, T_NUMBER, N_I64);
		put(s, &(uint64_t){ htole64((uint64_t)v) }, 8);
	}
}

void seri_min_word(struct seri_min *s, const char *text)
{
	const char *digits = text + (*text == '-');
	char *end;
	long long v;

	/* strtoll alone would take blanks and a plus sign */
	if (*digits >= '0' && *digits <= '9') {
		errno = 0;
		v = strtoll(text, &end, 10);
		if (errno == 0 && !*end) {
			seri_min_int(s, v);
			return;
		}
	}
	seri_min_string(s, text, strlen(text));
}

/* ---- reading ---- */

struct item {
	unsigned type;
	bool truth, real;
	int64_t integer; /* number; table: length of its array part */
	double number;
	const char *text; /* string */
	size_t size;
	uint64_t pointer;
};

struct stream {
	const unsigned char *p, *end;
};

static bool get(struct stream *s, void *to, size_t n)
{
	if ((size_t)(s->end - s->p) < n)
		return false;
	memcpy(to, s->p, n);
	s->p += n;
	return true;
}

static bool get_number(struct stream *s, unsigned cookie, struct item *it)
{
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;

	switch (cookie) {
	case N_ZERO:
		it->integer = 0;
		return true;
	case N_U8:
		if (!get(s, &u8, 1))
			return false;
		it->integer = u8;
		return true;
	case N_U16:
		if (!get(s, &u16, 2))
			return false;
		it->integer = le16toh(u16);
		return true;
	case N_I32:
		if (!get(s, &u32, 4))
			return false;
		it->integer = (int32_t)le32toh(u32);
		return true;
	case N_I64:
		if (!get(s, &u64, 8))
			return false;
		it->integer = (int64_t)le64toh(u64);
		return true;
	case N_DOUBLE:
		if (!get(s, &u64, 8))
			return false;
		u64 = le64toh(u64);
		memcpy(&it->number, &u64, 8);
		it->real = true;
		return true;
	default:
		return false;
	}
}

static bool get_text(struct stream *s, size_t n, struct item *it)
{
	if ((size_t)(s->end - s->p) < n)
		return false;
	it->text = (const char *)s->p;
	it->size = n;
	s->p += n;
	return true;
}

static bool get_item(struct stream *s, struct item *ret)
{
	struct item it = { 0 }, length;
	unsigned char head;
	unsigned cookie;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;
	bool ok;

	if (!get(s, &head, 1))
		return false;
	it.type = head & 7;
	cookie = head >> 3;
	switch (it.type) {
	case T_NIL:
		ok = true;
		break;
	case T_BOOLEAN:
		it.truth = cookie != 0;
		ok = true;
		break;
	case T_NUMBER:
		ok = get_number(s, cookie, &it);
		break;
	case T_POINTER:
		ok = get(s, &u64, sizeof(void *));
		it.pointer = ok ? u64 : 0;
		break;
	case T_SHORT_STRING:
		ok = get_text(s, cookie, &it);
		break;
	case T_LONG_STRING:
		if (cookie == 2)
			ok = get(s, &u16, 2) && get_text(s, le16toh(u16), &it);
		else
			ok = cookie == 4 && get(s, &u32, 4) && get_text(s, le32toh(u32), &it);
		break;
	case T_TABLE:
		it.integer = cookie;
		ok = true;
		if (cookie == COOKIE_MAX) {
			/* looked at before it is read: a table here would recurse without a limit */
			ok = s->p < s->end && (*s->p & 7) == T_NUMBER && get_item(s, &length) &&
			     !length.real && length.integer >= 0;
			it.integer = ok ? length.integer : 0;
		}
		break;
	default:
		ok = false;
	}
	if (ok)
		*ret = it;
	return ok;
}

/* Skips what belongs to an item that was read: the inside of a table. */
static bool skip_rest(struct stream *s, const struct item *it, unsigned depth);

static bool skip_items(struct stream *s, int64_t n, unsigned depth)
{
	struct item it;

	while (n-- > 0)
		if (!get_item(s, &it) || !skip_rest(s, &it, depth))
			return false;
	return true;
}

static bool skip_rest(struct stream *s, const struct item *it, unsigned depth)
{
	struct item key;

	if (it->type != T_TABLE)
		return true;
	if (depth == SERI_MIN_DEPTH || !skip_items(s, it->integer, depth + 1))
		return false;
	for (;;) {
		if (!get_item(s, &key))
			return false;
		if (key.type == T_NIL)
			return true;
		if (!skip_rest(s, &key, depth + 1) || !skip_items(s, 1, depth + 1))
			return false;
	}
}

static bool show(struct stream *s, const struct item *it, struct json *j, unsigned depth);

static bool show_next(struct stream *s, struct json *j, unsigned depth)
{
	struct item it;

	return get_item(s, &it) && show(s, &it, j, depth);
}

static bool show_key(struct stream *s, const struct item *key, struct json *j, unsigned depth)
{
	char text[40];

	switch (key->type) {
	case T_SHORT_STRING:
	case T_LONG_STRING:
		json_keyn(j, key->text, key->size);
		return true;
	case T_NUMBER:
		if (key->real)
			snprintf(text, sizeof(text), "%.17g", key->number);
		else
			snprintf(text, sizeof(text), "%lld", (long long)key->integer);
		break;
	case T_BOOLEAN:
		snprintf(text, sizeof(text), "%s", key->truth ? "true" : "false");
		break;
	case T_POINTER:
		snprintf(text, sizeof(text), "userdata: 0x%llx", (unsigned long long)key->pointer);
		break;
	default: /* a table as a key has no JSON form: say that there was one */
		snprintf(text, sizeof(text), "table");
		break;
	}
	json_keyn(j, text, strlen(text));
	return skip_rest(s, key, depth);
}

static bool show_table(struct stream *s, int64_t n, struct json *j, unsigned depth)
{
	struct stream ahead = *s;
	struct item key;
	bool array;

	if (depth == SERI_MIN_DEPTH || !skip_items(&ahead, n, depth + 1) || !get_item(&ahead, &key))
		return false;
	array = n > 0 && key.type == T_NIL;
	if (array)
		json_array(j, NULL);
	else
		json_object(j, NULL);
	for (int64_t i = 1; i <= n; i++) {
		char index[24];

		if (!array) {
			int length = snprintf(index, sizeof(index), "%lld", (long long)i);

			json_keyn(j, index, (size_t)length);
		}
		if (!show_next(s, j, depth + 1))
			return false;
	}
	for (;;) {
		if (!get_item(s, &key))
			return false;
		if (key.type == T_NIL)
			break;
		if (!show_key(s, &key, j, depth + 1) || !show_next(s, j, depth + 1))
			return false;
	}
	if (array)
		json_array_end(j);
	else
		json_object_end(j);
	return true;
}

static bool show(struct stream *s, const struct item *it, struct json *j, unsigned depth)
{
	switch (it->type) {
	case T_NIL:
		json_null(j, NULL);
		return true;
	case T_BOOLEAN:
		json_bool(j, NULL, it->truth);
		return true;
	case T_NUMBER:
		if (it->real)
			json_double(j, NULL, it->number);
		else
			json_int(j, NULL, it->integer);
		return true;
	case T_POINTER:
		json_printf(j, NULL, "userdata: 0x%llx", (unsigned long long)it->pointer);
		return true;
	case T_TABLE:
		return show_table(s, it->integer, j, depth);
	default:
		json_stringn(j, NULL, it->text, it->size);
		return true;
	}
}

int seri_min_to_json(const void *p, size_t n, struct json *j, const char *key)
{
	struct stream s = { .p = p, .end = (const unsigned char *)p + n };
	struct json before = *j;

	json_array(j, key);
	while (s.p < s.end) {
		if (!show_next(&s, j, 0)) {
			text_cut(&j->text, before.text.size);
			j->depth = before.depth;
			j->comma = before.comma;
			return -EBADMSG;
		}
	}
	json_array_end(j);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* Recursive descent over the text; recursion ends at JSONREAD_DEPTH_MAX. */
#include <errno.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/mem.h"
#include "core/base/jsonread.h"

struct reader {
	const char *p, *end;
	unsigned depth;
};

static struct jsonv *value(struct reader *r);

static void destroyp(struct jsonv **v)
{
	jsonv_destroy(*v);
}

struct jsonv *jsonv_destroy(struct jsonv *v)
{
	while (v) {
		struct jsonv *next = v->next;

		jsonv_destroy(v->child);
		mem_free(v->key);
		mem_free(v->text);
		mem_free(v);
		v = next;
	}
	return NULL;
}

static void space(struct reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\t' || *r->p == '\r'))
		r->p++;
}

static bool eat(struct reader *r, char c)
{
	space(r);
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

static bool word(struct reader *r, const char *w)
{
	size_t n = strlen(w);

	if ((size_t)(r->end - r->p) < n || memcmp(r->p, w, n) != 0)
		return false;
	r->p += n;
	return true;
}

static int hex4(struct reader *r)
{
	int v = 0;

	if (r->end - r->p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = *r->p++;
		int digit = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : -1;

		if (digit < 0)
			return -1;
		v = v * 16 + digit;
	}
	return v;
}

static char *put_utf8(char *to, unsigned c)
{
	if (c < 0x80) {
		*to++ = (char)c;
	} else if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
		*to++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*to++ = (char)(0xe0 | c >> 12);
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	} else {
		*to++ = (char)(0xf0 | c >> 18);
		*to++ = (char)(0x80 | (c >> 12 & 0x3f));
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	}
	return to;
}

/* After the backslash. NULL: not an escape. */
static char *escape(struct reader *r, char *to)
{
	static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
	const char *at;
	int c, low;

	if (r->p == r->end || !*r->p)
		return NULL;
	if (*r->p != 'u') {
		at = strchr(from, *r->p++);
		if (!at)
			return NULL;
		*to++ = into[at - from];
		return to;
	}
	r->p++;
	c = hex4(r);
	if (c >= 0xd800 && c < 0xdc00) {
		if (!word(r, "\\u"))
			return NULL;
		low = hex4(r);
		if (low < 0xdc00 || low > 0xdfff)
			return NULL;
		c = 0x10000 + (c - 0xd800) * 0x400 + (low - 0xdc00);
	} else if (c < 0 || (c >= 0xdc00 && c < 0xe000)) {
		return NULL;
	}
	return put_utf8(to, (unsigned)c);
}

/* The opening quote is behind us. */
static char *string(struct reader *r, size_t *ret_size)
{
	const char *close = r->p;
	cleanup(mem_freep) char *text = NULL;
	char *to;

	while (close < r->end && *close != '"')
		close += 1 + (*close == '\\');
	if (close >= r->end)
		return NULL;
	/* decoding never makes it longer */
	text = to = mem_alloc((size_t)(close - r->p) + 1);
	while (*r->p != '"') {
		unsigned char c = (unsigned char)*r->p++;

		if (c < 0x20)
			return NULL;
		if (c != '\\') {
			*to++ = (char)c;
			continue;
		}
		to = escape(r, to);
		if (!to)
			return NULL;
	}
	r->p++;
	*to = 0;
	*ret_size = (size_t)(to - text);
	return steal(text);
}

static bool members(struct reader *r, struct jsonv *v, char close)
{
	struct jsonv **last = &v->child;

	if (eat(r, close))
		return true;
	do {
		cleanup(mem_freep) char *key = NULL;
		size_t n;

		if (v->type == JSONV_OBJECT) {
			if (!eat(r, '"'))
				return false;
			key = string(r, &n);
			if (!key || !eat(r, ':'))
				return false;
		}
		*last = value(r);
		if (!*last)
			return false;
		(*last)->key = steal(key);
		last = &(*last)->next;
	} while (eat(r, ','));
	return eat(r, close);
}

static bool digits(struct reader *r)
{
	const char *p = r->p;

	while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
		r->p++;
	return r->p > p;
}

static bool number(struct reader *r, struct jsonv *v)
{
	const char *begin = r->p;

	(void)word(r, "-");
	if (!word(r, "0") && !digits(r))
		return false;
	if (word(r, ".") && !digits(r))
		return false;
	if (r->p < r->end && (*r->p == 'e' || *r->p == 'E')) {
		r->p++;
		if (!word(r, "-"))
			(void)word(r, "+");
		if (!digits(r))
			return false;
	}
	v->size = (size_t)(r->p - begin);
	v->text = mem_strndup(begin, v->size);
	return true;
}

static bool fill(struct reader *r, struct jsonv *v)
{
	switch (*r->p) {
	case '"':
		r->p++;
		v->type = JSONV_STRING;
		v->text = string(r, &v->size);
		return v->text;
	case '[':
		r->p++;
		v->type = JSONV_ARRAY;
		return members(r, v, ']');
	case '{':
		r->p++;
		v->type = JSONV_OBJECT;
		return members(r, v, '}');
	case 'n':
		v->type = JSONV_NULL;
		return word(r, "null");
	case 't':
		v->type = JSONV_TRUE;
		return word(r, "true");
	case 'f':
		v->type = JSONV_FALSE;
		return word(r, "false");
	default:
		v->type = JSONV_NUMBER;
		return number(r, v);
	}
}

static struct jsonv *value(struct reader *r)
{
	cleanup(destroyp) struct jsonv *v = mem_zalloc(sizeof(*v));

	space(r);
	if (r->p == r->end || r->depth == JSONREAD_DEPTH_MAX)
		return NULL;
	r->depth++;
	if (!fill(r, v))
		return NULL;
	r->depth--;
	return steal(v);
}

int jsonread(const char *text, size_t n, struct jsonv **ret_value)
{
	struct reader r = { .p = text, .end = text + n };
	cleanup(destroyp) struct jsonv *v = value(&r);

	space(&r);
	if (!v || r.p != r.end)
		return -EINVAL;
	*ret_value = steal(v);
	return 0;
}

struct jsonv *jsonv_object_create(void)
{
	struct jsonv *v = mem_zalloc(sizeof(*v));

	v->type = JSONV_OBJECT;
	return v;
}

const struct jsonv *jsonv_get(const struct jsonv *object, const char *key)
{
	const struct jsonv *v = object && object->type == JSONV_OBJECT ? object->child : NULL;

	while (v && strcmp(v->key, key) != 0)
		v = v->next;
	return v;
}

const char *jsonv_text(const struct jsonv *object, const char *key, const char *otherwise)
{
	const struct jsonv *v = jsonv_get(object, key);

	return v && v->text ? v->text : otherwise;
}

/* SPDX-License-Identifier: MIT */
/* JSON writer: see json.h. One bit a level says whether a comma is due before the next value; a
 * key that json_keyn() has written clears it, for its value follows without one. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/base/utf8.h"
#include "core/base/json.h"

void json_init(struct json *j)
{
	*j = (struct json){ 0 };
}

void json_fini(struct json *j)
{
	text_fini(&j->text);
	json_init(j);
}

static void quote(struct json *j, const char *value, size_t n)
{
	const unsigned char *p = (const unsigned char *)value, *end = p + n;

	text_add(&j->text, "\"", 1);
	while (p < end) {
		uint32_t code;
		size_t length = utf8_character(p, (size_t)(end - p), &code);
		char escape[8];

		if (length > 1 ||
		    (length == 1 && *p >= 0x20 && *p != '"' && *p != '\\' && *p != 0x7f)) {
			text_add(&j->text, p, length);
			p += length;
			continue;
		}
		if (*p == '"' || *p == '\\')
			snprintf(escape, sizeof(escape), "\\%c", *p);
		else if (*p == '\n')
			strcpy(escape, "\\n");
		else if (*p == '\t')
			strcpy(escape, "\\t");
		else
			snprintf(escape, sizeof(escape), "\\u%04x", *p);
		text_puts(&j->text, escape);
		p++;
	}
	text_add(&j->text, "\"", 1);
}

static void comma(struct json *j)
{
	uint64_t bit = UINT64_C(1) << j->depth;

	if (j->comma & bit)
		text_add(&j->text, ",", 1);
	j->comma |= bit;
}

void json_keyn(struct json *j, const char *key, size_t n)
{
	comma(j);
	quote(j, key, n);
	text_add(&j->text, ":", 1);
	j->comma &= ~(UINT64_C(1) << j->depth); /* the value comes without one */
}

static void begin(struct json *j, const char *key)
{
	if (key)
		json_keyn(j, key, strlen(key));
	comma(j);
}

static void nest(struct json *j, const char *key, const char *bracket)
{
	begin(j, key);
	text_puts(&j->text, bracket);
	must(j->depth + 1 < JSON_DEPTH_MAX);
	j->depth++;
	j->comma &= ~(UINT64_C(1) << j->depth);
}

static void unnest(struct json *j, const char *bracket)
{
	must(j->depth > 0);
	j->depth--;
	text_puts(&j->text, bracket);
}

void json_object(struct json *j, const char *key)
{
	nest(j, key, "{");
}

void json_object_end(struct json *j)
{
	unnest(j, "}");
}

void json_array(struct json *j, const char *key)
{
	nest(j, key, "[");
}

void json_array_end(struct json *j)
{
	unnest(j, "]");
}

void json_stringn(struct json *j, const char *key, const char *value, size_t n)
{
	begin(j, key);
	quote(j, value, n);
}

void json_string(struct json *j, const char *key, const char *value)
{
	if (value)
		json_stringn(j, key, value, strlen(value));
	else
		json_null(j, key);
}

void json_printf(struct json *j, const char *key, const char *fmt, ...)
{
	cleanup(mem_freep) char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	text = mem_alloc((size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(text, (size_t)n + 1, fmt, ap);
	va_end(ap);
	json_string(j, key, text);
}

static void literal(struct json *j, const char *key, const char *text)
{
	begin(j, key);
	text_puts(&j->text, text);
}

void json_int(struct json *j, const char *key, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)value);
	literal(j, key, text);
}

void json_uint(struct json *j, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	literal(j, key, text);
}

void json_double(struct json *j, const char *key, double value)
{
	char text[40];

	if (!isfinite(value)) {
		json_null(j, key);
		return;
	}
	/* the shortest of the two that reads back as the same number */
	snprintf(text, sizeof(text), "%.15g", value);
	double again;

	if (sscanf(text, "%lf", &again) != 1 || again != value)
		snprintf(text, sizeof(text), "%.17g", value);
	literal(j, key, text);
}

void json_seconds(struct json *j, const char *key, uint64_t ns)
{
	json_double(j, key, (double)(ns / 1000) / 1e6);
}

void json_bool(struct json *j, const char *key, bool value)
{
	literal(j, key, value ? "true" : "false");
}

void json_null(struct json *j, const char *key)
{
	literal(j, key, "null");
}

void json_raw(struct json *j, const char *key, const char *value)
{
	literal(j, key, value);
}

void json_handle(struct json *j, const char *key, uint32_t handle)
{
	json_printf(j, key, ":%08x", handle);
}

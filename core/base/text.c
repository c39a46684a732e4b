/* SPDX-License-Identifier: MIT */
/*
 * A text that grows: see text.h. When the room is too small it is doubled, so that a text of n
 * bytes costs at most two copies of each byte, however small the pieces are that it is made of.
 */
#include "core/base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/must.h"

void text_fini(struct text *t)
{
	mem_free(t->bytes);
	*t = (struct text){ 0 };
}

char *text_room(struct text *t, size_t n)
{
	char *room;

	if (t->capacity - t->size <= n) {
		t->capacity = (t->size + n + 1) * 2;
		t->bytes = mem_realloc(t->bytes, t->capacity);
	}
	room = t->bytes + t->size;
	t->size += n;
	t->bytes[t->size] = 0;
	return room;
}

void text_add(struct text *t, const void *p, size_t n)
{
	char *room = text_room(t, n);

	if (n)
		memcpy(room, p, n);
}

void text_puts(struct text *t, const char *s)
{
	text_add(t, s, strlen(s));
}

void text_printf(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	must(n >= 0);
	char *room = text_room(t, (size_t)n);

	va_start(ap, fmt);
	vsnprintf(room, (size_t)n + 1, fmt, ap);
	va_end(ap);
}

void text_cut(struct text *t, size_t n)
{
	must(n <= t->size);
	t->size = n;
	if (t->bytes)
		t->bytes[n] = 0;
}

const char *text_string(const struct text *t)
{
	return t->bytes ? t->bytes : "";
}

char *text_take(struct text *t)
{
	char *bytes = mem_realloc(t->bytes, t->size + 1);

	bytes[t->size] = 0;
	*t = (struct text){ 0 };
	return bytes;
}

void text_to_one_line(char *s)
{
	for (; *s; s++)
		if (*s == '\n' || *s == '\r')
			*s = ' ';
}

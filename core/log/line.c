/* SPDX-License-Identifier: MIT */
#include "core/log/line.h"

#include <string.h>

#include "core/base/base.h"
#include "core/base/mem.h"

/* Where a record has strings: NULL stays NULL. */
static const size_t strings[] = {
	offsetof(struct log_record, name),	  offsetof(struct log_record, about.file),
	offsetof(struct log_record, about.func),  offsetof(struct log_record, about.peer),
	offsetof(struct log_record, about.trace),
};

static const char **string_of(struct log_record *r, size_t i)
{
	return (const char **)(void *)((char *)r + strings[i]);
}

static size_t string_bytes(const struct log_record *r, size_t i)
{
	const char *s = *(const char *const *)(const void *)((const char *)r + strings[i]);

	return s ? strlen(s) + 1 : 0;
}

size_t line_bytes(const struct log_record *r)
{
	size_t bytes = sizeof(struct line) + r->size;

	for (size_t i = 0; i < array_len(strings); i++)
		bytes += string_bytes(r, i);
	return bytes;
}

struct line *line_put(void *to, const struct log_record *r)
{
	struct line *l = to;
	char *at = l->tail + r->size;

	*l = (struct line){ .bytes = line_bytes(r), .r = *r };
	for (size_t i = 0; i < array_len(strings); i++) {
		const char **s = string_of(&l->r, i);
		size_t n = string_bytes(r, i);

		if (n)
			*s = memcpy(at, *s, n);
		at += n;
	}
	l->r.text = memcpy(l->tail, r->text, r->size);
	return l;
}

struct line *line_create(const struct log_record *r)
{
	return line_put(mem_alloc(line_bytes(r)), r);
}

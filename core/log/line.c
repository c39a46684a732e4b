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

struct line *line_create(const struct log_record *r)
{
	struct log_record copy = *r;
	size_t sizes[array_len(strings)], bytes = sizeof(struct line) + r->size;
	struct line *l;
	char *to;

	for (size_t i = 0; i < array_len(strings); i++) {
		const char *s = *string_of(&copy, i);

		sizes[i] = s ? strlen(s) + 1 : 0;
		bytes += sizes[i];
	}
	l = mem_alloc(bytes);
	to = l->tail + r->size;
	for (size_t i = 0; i < array_len(strings); i++) {
		const char **s = string_of(&copy, i);

		if (sizes[i])
			*s = memcpy(to, *s, sizes[i]);
		to += sizes[i];
	}
	copy.text = memcpy(l->tail, r->text, r->size);
	l->next = NULL;
	l->number = 0;
	l->bytes = bytes;
	l->r = copy;
	return l;
}

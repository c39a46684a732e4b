/* SPDX-License-Identifier: MIT */
/* The collected errors: an array that grows by one at a time, for there are few. */
#include "conf/errors.h"

#include <stdio.h>

#include "core/base/mem.h"

void config_verror(struct config_errors *e, const char *file, struct place at, const char *fmt,
		   va_list ap)
{
	char *text;

	e->total++;
	if (e->count >= CONFIG_ERRORS_MAX)
		return;
	if (e->count == CONFIG_ERRORS_MAX - 1)
		text = mem_strdup("there are more errors, which are not shown");
	else if (vasprintf(&text, fmt, ap) < 0)
		mem_exhausted(0);
	e->items = mem_realloc(e->items, (e->count + 1) * sizeof(*e->items));
	e->items[e->count++] = (struct config_error){
		.file = mem_strdup(at.file ? at.file : file),
		.line = at.line,
		.column = at.column,
		.text = text,
	};
}

void config_error(struct config_errors *e, const char *file, struct place at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	config_verror(e, file, at, fmt, ap);
	va_end(ap);
}

void config_errors_write(FILE *out, const struct config_errors *errors)
{
	for (size_t i = 0; i < errors->count; i++) {
		const struct config_error *e = &errors->items[i];

		if (e->line)
			fprintf(out, "%s:%u:%u: %s\n", e->file, e->line, e->column, e->text);
		else
			fprintf(out, "%s: %s\n", e->file, e->text);
	}
}

void config_errors_fini(struct config_errors *e)
{
	for (size_t i = 0; i < e->count; i++) {
		mem_free(e->items[i].file);
		mem_free(e->items[i].text);
	}
	mem_free(e->items);
	*e = (struct config_errors){ 0 };
}

struct place place_at(const char *text, size_t offset)
{
	struct place at = { .line = 1, .column = 1 };

	for (size_t i = 0; i < offset; i++) {
		at.column++;
		if (text[i] == '\n')
			at = (struct place){ .line = at.line + 1, .column = 1 };
	}
	return at;
}

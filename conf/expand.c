/* SPDX-License-Identifier: MIT */
/* The text is walked once; what stands for a variable is not looked at again. */
#include "conf/expand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"

/* Writes the value of what stands between "${" and "}". Returns false after an error. */
static bool put_variable(struct draft *d, FILE *out, const char *text, size_t n, struct place at)
{
	cleanup(mem_freep) char *name = mem_strndup(text, n);
	char *fallback = strstr(name, ":-");
	const char *value;

	if (fallback) {
		*fallback = 0;
		fallback += 2;
	}
	value = getenv(name);
	if ((!value || !*value) && fallback)
		value = fallback;
	if (!value) {
		draft_error(d, at, "environment variable %s is not set", name);
		return false;
	}
	fputs(value, out);
	return true;
}

/* Writes the whole text with its variables replaced. Returns false after an error. */
static bool put_text(struct draft *d, FILE *out, const char *text, struct place at)
{
	while (*text) {
		size_t n = strcspn(text, "$");

		fwrite(text, 1, n, out);
		text += n;
		if (!*text)
			break;
		if (text[1] != '{') {
			putc('$', out);
			text += text[1] == '$' ? 2 : 1;
			continue;
		}
		n = strcspn(text, "}");
		if (!text[n]) {
			draft_error(d, at, "\"${\" has no \"}\"");
			return false;
		}
		if (!put_variable(d, out, text + 2, n - 2, at))
			return false;
		text += n + 1;
	}
	return true;
}

char *expand_text(struct draft *d, const char *text, struct place at)
{
	char *expanded = NULL;
	size_t size;
	FILE *out = open_memstream(&expanded, &size);
	bool well;

	if (!out)
		mem_exhausted(0);
	well = put_text(d, out, text, at);
	if (fclose(out) != 0)
		mem_exhausted(0);
	if (well)
		return expanded;
	mem_free(expanded);
	return NULL;
}

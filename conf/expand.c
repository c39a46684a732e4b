/* SPDX-License-Identifier: MIT */
/* Environment variables in values: ${VAR}, ${VAR:-default}, $$ for a dollar. After parsing, on one scalar at
 * a time, so that a variable cannot bring structure in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf_priv.h"
#include "core/base/mem.h"

/* Writes the value of what stands between "${" and "}". false after an error. */
static bool put_variable(struct load *l, FILE *out, const char *text, size_t n, unsigned line, unsigned column)
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
		conf_error(l, line, column, "environment variable %s is not set", name);
		return false;
	}
	fputs(value, out);
	return true;
}

/* Writes the whole text with its variables replaced. false after an error. */
static bool put_text(struct load *l, FILE *out, const char *text, unsigned line, unsigned column)
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
			conf_error(l, line, column, "\"${\" has no \"}\"");
			return false;
		}
		if (!put_variable(l, out, text + 2, n - 2, line, column))
			return false;
		text += n + 1;
	}
	return true;
}

char *conf_expand(struct load *l, const char *text, unsigned line, unsigned column)
{
	char *expanded = NULL;
	size_t size;
	FILE *out = open_memstream(&expanded, &size);
	bool well;

	if (!out)
		mem_exhausted(0);
	well = put_text(l, out, text, line, column);
	if (fclose(out) != 0)
		mem_exhausted(0);
	if (well)
		return expanded;
	mem_free(expanded);
	return NULL;
}

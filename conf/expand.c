/* SPDX-License-Identifier: MIT */
/* Environment variables in values: ${VAR}, ${VAR:-default}, $$ for a dollar. After parsing, on one scalar at
 * a time, so that a variable cannot bring structure in. */
#include <stdlib.h>
#include <string.h>

#include "conf/conf_priv.h"
#include "core/mem.h"

char *conf_expand(struct load *l, const char *text, unsigned line, unsigned column)
{
	char *out = mem_strdup("");

	while (*text) {
		size_t plain = strcspn(text, "$");
		char *next;

		if (plain) {
			next = mem_printf("%s%.*s", out, (int)plain, text);
			text += plain;
		} else if (text[1] == '{') {
			const char *end = strchr(text, '}');

			if (!end) {
				conf_error(l, line, column, "\"${\" has no \"}\"");
				mem_free(out);
				return NULL;
			}
			cleanup(mem_freep) char *name = mem_strndup(text + 2, (size_t)(end - text) - 2);
			char *def = strstr(name, ":-");

			if (def) {
				*def = 0;
				def += 2;
			}
			const char *value = getenv(name);

			if ((!value || !*value) && def)
				value = def;
			if (!value) {
				conf_error(l, line, column, "environment variable %s is not set", name);
				mem_free(out);
				return NULL;
			}
			next = mem_printf("%s%s", out, value);
			text = end + 1;
		} else {
			next = mem_printf("%s$", out);
			text += text[1] == '$' ? 2 : 1;
		}
		mem_free(out);
		out = next;
	}
	return out;
}

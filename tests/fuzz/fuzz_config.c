/* SPDX-License-Identifier: MIT */
/* Any bytes as a configuration, YAML or skynet-style: a config, or at least one error. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf/load.h"
#include "conf/nodename.h"
#include "conf/skynet.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* In place of Lua, which conf/ does not have: each line "key = value" is a result, "include
 * NAME" reads a file. */
static int eval(const char *file, const char *text, size_t size,
		int (*include)(const char *path, char **ret_text, size_t *ret_size,
			       char **ret_error, void *ud),
		void (*emit)(const char *key, const char *value, void *ud), void *ud,
		char **ret_error, unsigned *ret_line)
{
	char *copy = strndup(text, size), *save = NULL;

	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *value = strstr(line, " = ");

		if (!value)
			continue;
		*value = 0;
		emit(line, value + 3, ud);
	}
	free(copy);
	return 0;
}

static void parse(const char *name, const char *text, size_t n)
{
	struct config_errors errors;
	struct config *c = NULL;

	if (config_parse(name, text, n, &c, &errors) == 0) {
		if (!config_name_ok(c->node.name))
			abort();
		config_destroy(c);
	} else if (errors.count == 0) {
		abort();
	}
	config_errors_fini(&errors);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct config_lua_ops lua = { .eval = eval };
	char *text = malloc(n + 1);

	config_set_lua(&lua);
	memcpy(text, p, n);
	text[n] = 0;
	parse("fuzz.yaml", text, n);
	parse("fuzz", text, n); /* which of the two is a guess */
	free(text);
	return 0;
}

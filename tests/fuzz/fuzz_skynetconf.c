/* SPDX-License-Identifier: MIT */
/* Any bytes as a skynet-style configuration: a config, or at least one error, after a bounded
 * number of steps and with bounded memory. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf/load.h"
#include "conf/skynet.h"
#include "lua/load/configfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct config_lua_ops ops = { .eval = configfile_eval };
	struct config_errors errors;
	struct config *c = NULL;
	char *text = malloc(n + 1);

	config_set_lua(&ops);
	(void)setenv("HOME", "/home/fuzz", 1);
	memcpy(text, p, n);
	text[n] = 0;
	if (config_parse("fuzz.lua", text, n, &c, &errors) == 0) {
		if (!c->skynet || !c->lua.start || !c->lua.mailbox_policy || !c->net.write_policy)
			abort();
		config_destroy(c);
	} else if (errors.count == 0) {
		abort();
	}
	config_errors_fini(&errors);
	free(text);
	return 0;
}

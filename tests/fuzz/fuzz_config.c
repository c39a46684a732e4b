/* SPDX-License-Identifier: MIT */
/* Any bytes as a configuration: a config, or at least one error. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct config_errors errors;
	struct config *c = NULL;
	char *text = malloc(n + 1);

	memcpy(text, p, n);
	text[n] = 0;
	if (config_parse("fuzz.yaml", text, n, &c, &errors) == 0)
		config_destroy(c);
	else if (errors.count == 0)
		abort();
	config_errors_fini(&errors);
	free(text);
	return 0;
}

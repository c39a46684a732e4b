/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "conf/load.h"

/* Run from the top of the source tree, as tests/run.py does. */
static void every_sample_passes_the_check(void **state)
{
	static const char *const files[] = { "conf/single.yaml",	"conf/master.yaml",
					     "conf/member.yaml",	"conf/gateway.yaml",
					     "deploy/demo/master.yaml", "deploy/demo/rooms.yaml",
					     "deploy/demo/gate.yaml" };

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct config_errors errors;
		struct config *c = NULL;

		if (config_load(files[i], &c, &errors) != 0)
			fail_msg("%s:%u: %s", files[i], errors.items[0].line, errors.items[0].text);
		config_destroy(c);
		config_errors_fini(&errors);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_sample_passes_the_check) };

	return cmocka_run_group_tests_name("conf/samples", tests, NULL, NULL);
}

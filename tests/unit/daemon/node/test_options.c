/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "core/base/base.h"
#include "daemon/node/options.h"

static char *said; /* what the last parse wrote */

static int parse(struct options *ret, const char *const *words)
{
	char *argv[16] = { (char *)(uintptr_t) "harbord" };
	size_t size;
	FILE *err;
	int argc = 1, r;

	for (; words[argc - 1]; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc - 1];
	free(said);
	said = NULL;
	err = open_memstream(&said, &size);
	r = options_parse(argc, argv, err, ret);
	fclose(err);
	return r;
}

#define PARSE(ret, ...) parse(ret, (const char *const[]){ __VA_ARGS__, NULL })

static int teardown(void **state)
{
	free(said);
	said = NULL;
	return 0;
}

static void the_operand_is_the_configuration(void **state)
{
	struct options o;

	assert_int_equal(PARSE(&o, "node.yaml"), 0);
	assert_int_equal(o.action, OPTIONS_RUN);
	assert_string_equal(o.config, "node.yaml");
	assert_null(o.node);
	assert_string_equal(said, "");
}

static void options_may_stand_before_and_behind_the_operand(void **state)
{
	struct options o;

	assert_int_equal(PARSE(&o, "--node", "game-1", "node.yaml", "--check"), 0);
	assert_int_equal(o.action, OPTIONS_CHECK);
	assert_string_equal(o.config, "node.yaml");
	assert_string_equal(o.node, "game-1");
}

static void config_and_node_take_their_values_in_both_forms(void **state)
{
	struct options o;

	assert_int_equal(PARSE(&o, "--config=/etc/harbor/harbor.yaml", "-n", "gate"), 0);
	assert_string_equal(o.config, "/etc/harbor/harbor.yaml");
	assert_string_equal(o.node, "gate");
}

static void help_and_version_need_no_configuration(void **state)
{
	struct options o;

	assert_int_equal(PARSE(&o, "--help"), 0);
	assert_int_equal(o.action, OPTIONS_HELP);
	assert_int_equal(PARSE(&o, "--help-config"), 0);
	assert_int_equal(o.action, OPTIONS_HELP_CONFIG);
	assert_int_equal(PARSE(&o, "--version"), 0);
	assert_int_equal(o.action, OPTIONS_VERSION);
	assert_int_equal(PARSE(&o, "--version", "--check"), 0);
	assert_int_equal(o.action, OPTIONS_VERSION);
}

static void a_wrong_command_line_is_64_and_says_what_is_wrong(void **state)
{
	static const struct {
		const char *words[6], *says;
	} wrong[] = {
		{ { NULL }, "no configuration" },
		{ { "--check" }, "no configuration" },
		{ { "--bogus", "a" }, "--bogus" },
		{ { "-x", "a" }, "unknown option" },
		{ { "a", "--node" }, "needs a value" },
		{ { "a", "b" }, "unexpected operand: b" },
		{ { "--config", "a", "b" }, "unexpected operand: b" },
		{ { "--config", "a", "--config", "b" }, "more than one" },
		{ { "--node", "", "a" }, "empty" },
		{ { "--check=yes", "a" }, "unknown option" },
	};

	for (unsigned i = 0; i < array_len(wrong); i++) {
		struct options o = { .config = "untouched" };

		assert_int_equal(parse(&o, wrong[i].words), EX_USAGE);
		assert_non_null(strstr(said, wrong[i].says));
		assert_string_equal(o.config, "untouched");
	}
}

static void the_help_names_every_option(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	options_help(f);
	fclose(f);
	assert_non_null(strstr(text, "--config"));
	assert_non_null(strstr(text, "--node"));
	assert_non_null(strstr(text, "--check"));
	assert_non_null(strstr(text, "--help-config"));
	assert_non_null(strstr(text, "--version"));
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		assert_in_range(strlen(line), 1, 100);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_operand_is_the_configuration, teardown),
		cmocka_unit_test_teardown(options_may_stand_before_and_behind_the_operand,
					  teardown),
		cmocka_unit_test_teardown(config_and_node_take_their_values_in_both_forms,
					  teardown),
		cmocka_unit_test_teardown(help_and_version_need_no_configuration, teardown),
		cmocka_unit_test_teardown(a_wrong_command_line_is_64_and_says_what_is_wrong,
					  teardown),
		cmocka_unit_test(the_help_names_every_option),
	};

	return cmocka_run_group_tests_name("daemon/options", tests, NULL, NULL);
}

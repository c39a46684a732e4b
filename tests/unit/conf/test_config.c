/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "conf/config.h"

static struct config *c;
static struct config_errors errors;

static int teardown(void **state)
{
	(void)state;
	c = config_destroy(c);
	config_errors_fini(&errors);
	return 0;
}

static int parse(const char *text)
{
	return config_parse("/etc/harbor/n.yaml", text, strlen(text), &c, &errors);
}

/* The error number i stands at line:column and says text. */
static void expect(size_t i, unsigned line, unsigned column, const char *text)
{
	assert_true(i < errors.count);
	if (errors.items[i].line != line || errors.items[i].column != column ||
	    !strstr(errors.items[i].text, text))
		fail_msg("error %zu is %u:%u: %s", i, errors.items[i].line, errors.items[i].column,
			 errors.items[i].text);
}

static void an_empty_file_is_a_single_node(void **state)
{
	(void)state;
	assert_int_equal(parse(""), 0);
	assert_int_equal(c->node.harbor, 0);
	assert_false(c->cluster.present);
	assert_string_equal(c->lua.start, "main");
	assert_string_equal(c->log.level, "info");
	assert_int_equal(c->admin.stop_timeout_ms, 10000);
}

static void the_form_of_the_benchmark_loads(void **state)
{
	(void)state;
	assert_int_equal(parse("node: { name: one, threads: 2, harbor: 1 }\n"
			       "lua: { start: b, service_path: [\"/d/?.lua\"], path: [\"/d/?.lua\"] }\n"
			       "log: { level: warning }\n"
			       "cluster: { name: bench, listen: 127.0.0.1:24526, master: [127.0.0.1:24013] }\n"
			       "master: { listen: 127.0.0.1:24013, state_dir: /tmp/x }\n"),
			 0);
	assert_int_equal(c->node.threads, 2);
	assert_int_equal(c->node.harbor, 1);
	assert_string_equal(c->cluster.master.items[0], "127.0.0.1:24013");
	assert_string_equal(c->lua.path.items[0], "/d/?.lua");
	assert_int_equal(c->cluster.dead_ms, 5000);
	assert_int_equal(c->cluster.message_max, 256u << 20);
}

static void all_errors_come_at_once_with_their_places(void **state)
{
	(void)state;
	assert_int_equal(parse("node:\n"
			       "  thraeds: 4\n"
			       "  harbor: 300\n"
			       "loog: {}\n"
			       "cluster:\n"
			       "  heartbeat: soon\n"
			       "  insecure: maybe\n"
			       "log: { level: loud }\n"),
			 -22);
	expect(0, 2, 3, "unknown key \"thraeds\" in node, did you mean \"threads\"?");
	expect(1, 3, 11, "300 is not in 0..255");
	expect(2, 4, 1, "unknown section \"loog\", did you mean \"log\"?");
	expect(3, 6, 14, "a time like");
	expect(4, 7, 13, "true or false");
	expect(5, 8, 15, "one of info|debug|warning|error");
	expect(6, 0, 0, "cluster.listen is missing");
}

static void broken_yaml_is_told_with_its_place(void **state)
{
	(void)state;
	assert_int_equal(parse("node: { name: a\nlua: [\n"), -22);
	assert_true(errors.items[0].line > 0);
}

static void a_key_may_stand_once(void **state)
{
	(void)state;
	assert_int_equal(parse("node: { name: a, name: b }\n"), -22);
	expect(0, 1, 18, "a second time");
}

static void variables_of_the_environment_are_values_only(void **state)
{
	(void)state;
	setenv("CONF_TEST", "x: { y }", 1);
	unsetenv("CONF_NONE");
	assert_int_equal(parse("env: { a: \"${CONF_TEST}\", b: \"${CONF_NONE:-d}\", c: \"$$5\" }\n"), 0);
	assert_string_equal(c->env[0].value, "x: { y }");
	assert_string_equal(c->env[1].value, "d");
	assert_string_equal(c->env[2].value, "$5");
}

static void a_missing_variable_is_an_error_at_its_place(void **state)
{
	(void)state;
	unsetenv("CONF_NONE");
	assert_int_equal(parse("env:\n  a: ${CONF_NONE}\n"), -22);
	expect(0, 2, 6, "environment variable CONF_NONE is not set");
}

static void times_and_sizes_have_units(void **state)
{
	(void)state;
	assert_int_equal(parse("cluster: { listen: 127.0.0.1:1, master: 127.0.0.1:2, heartbeat: 250ms,"
			       " dead_after: 2, queue_max: 64MiB }\n"),
			 0);
	assert_int_equal(c->cluster.heartbeat_ms, 250);
	assert_int_equal(c->cluster.dead_ms, 2000);
	assert_int_equal(c->cluster.queue_max, 64u << 20);
	assert_true(c->node.harbor_auto);
}

static void addresses_beyond_loopback_need_a_word(void **state)
{
	(void)state;
	assert_int_equal(parse("cluster: { listen: 10.0.0.1:1, master: 10.0.0.1:2 }\n"), -22);
	expect(0, 0, 0, "insecure: true");
	config_errors_fini(&errors);
	assert_int_equal(parse("cluster: { listen: 10.0.0.1:1, master: 10.0.0.1:2, insecure: true }\n"), 0);
}

static void paths_begin_at_the_folder_of_the_file(void **state)
{
	(void)state;
	assert_int_equal(parse("lua: { service_path: [ \"s/?.lua\" ], preload: p.lua }\n"), 0);
	assert_string_equal(c->lua.service_path.items[0], "/etc/harbor/s/?.lua");
	assert_string_equal(c->lua.preload, "/etc/harbor/p.lua");
}

static void a_template_needs_its_mark(void **state)
{
	(void)state;
	assert_int_equal(parse("lua: { path: [ \"x.lua\" ] }\n"), -22);
	expect(0, 1, 16, "has no \"?\"");
}

static int fake_eval(const char *file, const char *text, size_t size,
		     int (*include)(const char *, char **, size_t *, char **, void *),
		     void (*emit)(const char *, const char *, void *), void *ud, char **ret_error,
		     unsigned *ret_line)
{
	(void)file;
	(void)size;
	(void)include;
	(void)ret_error;
	(void)ret_line;
	emit("thread", "4", ud);
	emit("harbor", strstr(text, "net") ? "1" : "0", ud);
	emit("start", "app", ud);
	emit("mine", "yes", ud);
	return 0;
}

static void a_skynet_style_file_is_understood(void **state)
{
	static const struct config_lua_ops ops = { fake_eval };

	(void)state;
	config_set_lua(&ops);
	assert_int_equal(config_parse("game.lua", "thread = 4", 10, &c, &errors), 0);
	assert_true(c->skynet);
	assert_int_equal(c->node.threads, 4);
	assert_string_equal(c->lua.start, "app");
	c = config_destroy(c);
	assert_int_equal(config_parse("game.lua", "-- net", 6, &c, &errors), -22);
	assert_non_null(strstr(errors.items[0].text, "address and master are needed"));
	config_errors_fini(&errors);
	unsetenv("CONF_NONE");
	assert_int_equal(config_parse("game.lua", "x = '$CONF_NONE'", 16, &c, &errors), -22);
	assert_string_equal(errors.items[0].text, "os.getenv() failed: CONF_NONE");
	config_set_lua(NULL);
}

int main(void)
{
#define T(f) cmocka_unit_test_teardown(f, teardown)
	const struct CMUnitTest tests[] = {
		T(an_empty_file_is_a_single_node),
		T(the_form_of_the_benchmark_loads),
		T(all_errors_come_at_once_with_their_places),
		T(broken_yaml_is_told_with_its_place),
		T(a_key_may_stand_once),
		T(variables_of_the_environment_are_values_only),
		T(a_missing_variable_is_an_error_at_its_place),
		T(times_and_sizes_have_units),
		T(addresses_beyond_loopback_need_a_word),
		T(paths_begin_at_the_folder_of_the_file),
		T(a_template_needs_its_mark),
		T(a_skynet_style_file_is_understood),
	};

	return cmocka_run_group_tests_name("conf/config", tests, NULL, NULL);
}

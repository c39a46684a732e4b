/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "conf/load.h"
#include "conf/nodename.h"
#include "conf/schema.h"
#include "conf/skynet.h"
#include "core/base/mem.h"

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
	assert_int_equal(
		parse("node: { name: one, threads: 2, harbor: 1 }\n"
		      "lua: { start: b, service_path: [\"/d/?.lua\"], path: [\"/d/?.lua\"] }\n"
		      "log: { level: warning }\n"
		      "cluster: { name: bench, listen: 127.0.0.1:24526, master: [127.0.0.1:24013] "
		      "}\n"
		      "master: { listen: 127.0.0.1:24013, state_dir: /tmp/x }\n"),
		0);
	assert_int_equal(c->node.threads, 2);
	assert_int_equal(c->node.harbor, 1);
	assert_string_equal(c->cluster.master.items[0], "127.0.0.1:24013");
	assert_string_equal(c->lua.path.items[0], "/d/?.lua");
	assert_int_equal(c->cluster.dead_ms, 5000);
	assert_int_equal(c->cluster.link_wait_ms, 1000);
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
	expect(6, 5, 1, "cluster.listen is missing");
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
	expect(0, 1, 18, "node.name stands here a second time; the first is at 1:15");
	config_errors_fini(&errors);
	assert_int_equal(parse("env:\n  b: 1\n  a: 1\n  b: 2\nenv: {}\n"), -22);
	expect(0, 4, 3, "env.b stands here a second time; the first is at 2:3");
	expect(1, 5, 1, "env stands here a second time; the first is at 1:1");
}

static void a_bad_value_leaves_the_default(void **state)
{
	(void)state;
	assert_int_equal(parse("log: { sink: syslog, file: x }\n"), -22);
	assert_int_equal(errors.count, 1);
	expect(0, 1, 14, "one of auto|stderr|stdout|file|journal, not \"syslog\"");
	config_errors_fini(&errors);
	assert_int_equal(parse("cluster: { listen: foo, master: [ 127.0.0.1 ] }\n"), -22);
	assert_int_equal(errors.count, 2);
	expect(0, 1, 20, "cluster.listen: ip:port, not \"foo\"");
	expect(1, 1, 35, "cluster.master: ip:port, not \"127.0.0.1\"");
	config_errors_fini(&errors);
	assert_int_equal(parse("node: { name: x }\nadmin: { listen: here }\n"), -22);
	expect(0, 2, 18, "unix:/path");
}

static void an_error_about_two_keys_names_both(void **state)
{
	(void)state;
	assert_int_equal(
		parse("cluster:\n  listen: 127.0.0.1:1\n  master: 127.0.0.1:2\n  heartbeat: 2s\n"
		      "  dead_after: 1s\n"),
		-22);
	expect(0, 5, 15,
	       "cluster.dead_after (1000 ms) must be longer than cluster.heartbeat (2000 ms, at "
	       "4:14)");
	config_errors_fini(&errors);
	assert_int_equal(
		parse("cluster: { listen: 127.0.0.1:1, master: 127.0.0.1:2, heartbeat: 9s }\n"),
		-22);
	expect(0, 1, 65,
	       "cluster.dead_after (5000 ms) must be longer than cluster.heartbeat (9000 ms, at "
	       "1:65)");
	config_errors_fini(&errors);
	assert_int_equal(parse("log:\n  sink: file\n"), -22);
	expect(0, 2, 9, "log.sink is file, but log.file is missing");
	config_errors_fini(&errors);
	assert_int_equal(parse("master: { listen: 127.0.0.1:1 }\nnode: { harbor: 3 }\n"), -22);
	expect(0, 2, 17, "no section cluster");
	expect(1, 1, 1, "a section master needs a section cluster");
}

static void one_file_is_one_configuration(void **state)
{
	(void)state;
	assert_int_equal(parse("node: { name: a }\n---\nnode: { name: b }\n"), -22);
	expect(0, 2, 1, "a second document begins here");
	config_errors_fini(&errors);
	assert_int_equal(parse("---\nnode: { name: a }\n...\n"), 0);
}

static void what_is_not_utf_8_is_told_with_its_place(void **state)
{
	(void)state;
	assert_int_equal(parse("node: {}\nenv: { a: \xff }\n"), -22);
	assert_int_equal(errors.items[0].line, 2);
	assert_true(errors.items[0].column > 1);
}

/* text, n times. */
static char *times(const char *text, size_t n)
{
	size_t size = strlen(text);
	char *all = malloc(size * n + 1);

	assert_non_null(all);
	for (size_t i = 0; i < n; i++)
		memcpy(all + i * size, text, size);
	all[size * n] = 0;
	return all;
}

/* Each of these took minutes with the square of its length, and this test's time limit would
 * tell. */
static void large_files_take_linear_time(void **state)
{
	static const char *const pieces[] = { "[",  "{a: ", "- ", "? ", "[&a ",
					      "\"", "!!x ", "${", "%",	"&a x\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		char *text = times(pieces[i], 1000000);

		assert_int_equal(parse(text), -22);
		assert_true(errors.items[0].line > 0);
		config_errors_fini(&errors);
		free(text);
	}
}

static void many_keys_take_linear_time(void **state)
{
	char *text = malloc(4u << 20), *to = text;

	(void)state;
	assert_non_null(text);
	to += sprintf(to, "env:\n  long: \"");
	for (int i = 0; i < 200000; i++)
		to += sprintf(to, "$$%%");
	to += sprintf(to, "\"\n");
	for (int i = 0; i < 100000; i++)
		to += sprintf(to, "  key%d: 1\n", i);
	assert_int_equal(parse(text), 0);
	assert_int_equal(c->env_count, 100001);
	c = config_destroy(c);
	sprintf(to, "  key7: 2\nlua:\n");
	to = text + strlen(text);
	for (int i = 0; i < 100000; i++)
		to += sprintf(to, "  key%d: 1\n", i);
	assert_int_equal(parse(text), -22);
	expect(0, 100003, 3, "env.key7 stands here a second time; the first is at 10:3");
	assert_int_equal(errors.count, 100);
	expect(99, 100103, 3, "there are more errors, which are not shown");
	free(text);
}

static void only_regular_files_are_read(void **state)
{
	char folder[] = "/tmp/test_config.XXXXXX", path[64];

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/fifo.yaml", folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(config_load(path, &c, &errors), -22);
	expect(0, 0, 0, "it is not a regular file");
	config_errors_fini(&errors);
	assert_int_equal(config_load(folder, &c, &errors), -22);
	expect(0, 0, 0, "it is a folder");
	config_errors_fini(&errors);
	unlink(path);
	assert_int_equal(config_load(path, &c, &errors), -22);
	expect(0, 0, 0, "No such file");
	rmdir(folder);
}

static void of_a_key_that_comes_again_the_last_value_stays(void **state)
{
	static const char *const pairs[][2] = { { "b", "1" }, { "a", "1" }, { "b", "2" },
						{ "c", "1" }, { "b", "3" }, { "c", "2" } };

	(void)state;
	assert_int_equal(parse("env: {}\n"), 0);
	for (unsigned i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		config_env_add(c, pairs[i][0], pairs[i][1]);
	config_env_settle(c);
	assert_int_equal(c->env_count, 3);
	assert_string_equal(c->env[0].key, "a");
	assert_string_equal(c->env[1].key, "b");
	assert_string_equal(c->env[1].value, "3");
	assert_string_equal(c->env[2].key, "c");
	assert_string_equal(c->env[2].value, "2");
}

static void variables_of_the_environment_are_values_only(void **state)
{
	(void)state;
	setenv("CONF_TEST", "x: { y }", 1);
	unsetenv("CONF_NONE");
	assert_int_equal(
		parse("env: { a: \"${CONF_TEST}\", b: \"${CONF_NONE:-d}\", c: \"$$5\" }\n"), 0);
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
	assert_int_equal(
		parse("cluster: { listen: 127.0.0.1:1, master: 127.0.0.1:2, heartbeat: 250ms,"
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
	expect(0, 1, 20, "insecure: true (it is false, the default)");
	expect(1, 1, 40, "cluster.master: 10.0.0.1:2");
	config_errors_fini(&errors);
	assert_int_equal(
		parse("cluster: { listen: 10.0.0.1:1, master: 127.0.0.1:2, insecure: false }\n"),
		-22);
	expect(0, 1, 20, "(it is false, at 1:63)");
	config_errors_fini(&errors);
	assert_int_equal(
		parse("cluster: { listen: 10.0.0.1:1, master: 10.0.0.1:2, insecure: true }\n"), 0);
}

static void a_gateway_has_a_key_of_its_own(void **state)
{
	static const char text[] = "cluster: { listen: 127.0.0.1:1, master: 127.0.0.1:2%s }\n"
				   "federation: { listen: 127.0.0.1:3, clusters: [ w=10.0.0.1:4, "
				   "w=127.0.0.1:5 ]%s }\n";
	char file[] = "/tmp/test_config.XXXXXX", yaml[512], key[64];
	int fd = mkstemp(file);

	(void)state;
	assert_true(dprintf(fd, "harbor-key-1 name %064d\n", 1) > 0);
	close(fd);
	snprintf(key, sizeof(key), ", key_file: %s", file);
	snprintf(yaml, sizeof(yaml), text, key, "");
	assert_int_equal(parse(yaml), -22);
	expect(0, 2, 48, "give the federation a key (federation.key_file)");
	config_errors_fini(&errors);
	snprintf(yaml, sizeof(yaml), text, "", key);
	assert_int_equal(parse(yaml), 0);
	assert_int_equal(c->federation.clusters.count, 2);
	assert_string_equal(c->federation.clusters.items[1], "w=127.0.0.1:5");
	c = config_destroy(c);
	unlink(file);
	snprintf(yaml, sizeof(yaml), text, "", key);
	assert_int_equal(parse(yaml), -22);
	expect(0, 2, 89, "federation.key_file: ");
	config_errors_fini(&errors);
	assert_int_equal(parse("federation: { clusters: [ w:10.0.0.1:4 ] }\n"), -22);
	expect(0, 1, 27, "NAME=ip:port, not \"w:10.0.0.1:4\"");
	expect(1, 1, 1, "federation.listen is missing");
	expect(2, 1, 1, "needs a section cluster, too");
	config_errors_fini(&errors);
}

static void paths_begin_at_the_folder_of_the_file(void **state)
{
	(void)state;
	assert_int_equal(parse("lua: { service_path: [ \"s/?.lua\" ], preload: p.lua }\n"), 0);
	assert_string_equal(c->lua.service_path.items[0], "/etc/harbor/s/?.lua");
	assert_string_equal(c->lua.preload, "/etc/harbor/p.lua");
	c = config_destroy(c);
	assert_int_equal(parse("admin: { listen: \"unix:n.sock\" }\n"), 0);
	assert_string_equal(c->admin.listen, "unix:/etc/harbor/n.sock");
	c = config_destroy(c);
	assert_int_equal(
		config_parse("n.yaml", "admin: { listen: \"unix:n.sock\" }", 32, &c, &errors), 0);
	assert_memory_equal(c->admin.listen, "unix:/", 6);
}

/* With a sanitizer its search for leaks asks the same, of each text. */
static void a_long_path_of_each_key_is_freed(void **state)
{
	struct mem_figures before, after;
	char text[4200], path[4001];

	(void)state;
	memset(path, 'p', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = 0;
	for (size_t i = 0; i < SCHEMA_KEYS; i++) {
		const struct schema_key *k = &schema_keys[i];

		if (k->type != SCHEMA_PATH && k->type != SCHEMA_SECRET)
			continue;
		snprintf(text, sizeof(text), "%s: { %s: %s }\n", k->section, k->name, path);
		(void)mem_get_figures(&before);
		for (unsigned n = 0; n < 500; n++) {
			(void)parse(text);
			c = config_destroy(c);
			config_errors_fini(&errors);
		}
		if (mem_get_figures(&after) && after.allocated > before.allocated + (1 << 20))
			fail_msg("%s.%s stays: %llu bytes more", k->section, k->name,
				 (unsigned long long)(after.allocated - before.allocated));
	}
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
	static const char late[] = "-- net thread = 1\nthread\t= 4 harbor = 1\nmyharbor = 2";

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
	expect(0, 1, 6, "os.getenv() failed: CONF_NONE");
	assert_int_equal(errors.count, 1); /* keys that it would have set are not missed */
	config_errors_fini(&errors);
	/* what Lua made of it says no place: the text does */
	assert_int_equal(config_parse("game.lua", late, sizeof(late) - 1, &c, &errors), -22);
	expect(0, 2, 12, "address and master are needed");
	config_set_lua(NULL);
}

static bool read_as_lua(const char *file, const char *text)
{
	bool lua = config_parse(file, text, strlen(text), &c, &errors) == 0 && c->skynet;

	config_errors_fini(&errors);
	c = config_destroy(c);
	return lua;
}

static void a_skynet_style_file_is_known_by_its_first_statement(void **state)
{
	static const struct config_lua_ops ops = { fake_eval };
	static const char *const lua[] = {
		"thread = 4",
		"\r\n  -- a: b\nthread = 4",
		"--[[\n a: b\n c: d ]] thread = 4",
		"--[==[ ]] a: b\n]==]\n;include \"x\"",
		"local a\na = 1",
		"if true then a = 1 end",
		"-- [[ one line\nx = 'a: b'",
		"include 'x'",
		"do\nx = 1\nend",
	};
	static const char *const yaml[] = {
		"",
		"node: { name: one }",
		"---\nnode: { name: a }",
		"# x = 1\nnode: { name: a }",
		"env: { a: 'x = y' }",
		"include: 1",
		"--[[ x = 1",
		"--[",
		"--",
	};

	(void)state;
	config_set_lua(&ops);
	for (size_t i = 0; i < sizeof(lua) / sizeof(*lua); i++)
		if (!read_as_lua("game", lua[i]))
			fail_msg("not read as skynet-style: %s", lua[i]);
	for (size_t i = 0; i < sizeof(yaml) / sizeof(*yaml); i++)
		if (read_as_lua("game", yaml[i]))
			fail_msg("read as skynet-style: %s", yaml[i]);
	assert_false(read_as_lua("game.yaml", "thread = 4"));
	assert_true(read_as_lua("game.lua", "x: y"));
	config_set_lua(NULL);
}

static void expect_name(const char *file, const char *text, const char *rest)
{
	char host[64] = "", expected[256];

	(void)gethostname(host, sizeof(host) - 1);
	if (config_parse(file, text, strlen(text), &c, &errors) != 0)
		fail_msg("%s", errors.items[0].text);
	for (char *p = host; *p; p++)
		if (!strchr("_.-", *p) && !(*p >= '0' && *p <= '9') &&
		    !((*p | 32) >= 'a' && (*p | 32) <= 'z'))
			*p = '_';
	snprintf(expected, sizeof(expected), "%.40s%s", host, rest);
	expected[CONFIG_NAME_MAX] = 0;
	assert_string_equal(c->node.name, expected);
	assert_true(config_name_ok(c->node.name));
	config_errors_fini(&errors);
	c = config_destroy(c);
}

static void a_node_without_a_name_has_that_of_its_id_or_file(void **state)
{
	static const char cluster[] =
		"cluster: { listen: '127.0.0.1:1', master: ['127.0.0.1:2'] }\n";
	char text[256];

	(void)state;
	expect_name("/etc/harbor/game.yaml", "", "-game");
	expect_name("login.yml", "", "-login");
	expect_name("./config.login", "", "-config.login");
	expect_name("/a/with blank/my game+.yaml", "", "-my_game_");
	expect_name("/a/.yaml", "", "");
	expect_name("/a/game.yaml", cluster, "-game"); /* harbor: auto */
	snprintf(text, sizeof(text), "node: { harbor: 17 }\n%s", cluster);
	expect_name("/a/game.yaml", text, "-17");
	expect_name(
		"/a/0123456789012345678901234567890123456789012345678901234567890123456789.yaml",
		"", "-0123456789012345678901234567890123456789012345678901234567890123456789");
}

static void a_name_that_is_none_is_refused(void **state)
{
	static const char *const bad[] = { "a/b", "a b", ".a", "\\n", "\u00e4" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char text[64];

		snprintf(text, sizeof(text), "node: { name: \"%s\" }\n", bad[i]);
		assert_int_equal(parse(text), -22);
		expect(0, 1, 15, "node.name");
		config_errors_fini(&errors);
	}
}

static void a_file_for_the_log_is_its_sink_unless_another_is_named(void **state)
{
	(void)state;
	assert_int_equal(parse("log: { file: node.log }\n"), 0);
	assert_string_equal(c->log.sink, "file");
	c = config_destroy(c);
	assert_int_equal(parse("log: { file: node.log, sink: stderr }\n"), 0);
	assert_string_equal(c->log.sink, "stderr");
}

static void a_few_bytes_that_ask_for_gigabytes_are_refused(void **state)
{
	static const struct config_lua_ops ops = { fake_eval };
	static char value[100000], text[1000 * 11 + 1];

	(void)state;
	memset(value, 'x', sizeof(value) - 1);
	setenv("CONF_LONG", value, 1);
	for (unsigned i = 0; i < 1000; i++)
		memcpy(text + 11 * i, "$CONF_LONG ", 11);
	config_set_lua(&ops);
	assert_int_equal(config_parse("game.lua", text, sizeof(text) - 1, &c, &errors), -22);
	assert_string_equal(errors.items[0].text, "too long with the value of CONF_LONG");
	config_set_lua(NULL);
	unsetenv("CONF_LONG");
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
		T(a_skynet_style_file_is_known_by_its_first_statement),
		T(a_node_without_a_name_has_that_of_its_id_or_file),
		T(a_name_that_is_none_is_refused),
		T(a_bad_value_leaves_the_default),
		T(an_error_about_two_keys_names_both),
		T(one_file_is_one_configuration),
		T(what_is_not_utf_8_is_told_with_its_place),
		T(large_files_take_linear_time),
		T(many_keys_take_linear_time),
		T(only_regular_files_are_read),
		T(of_a_key_that_comes_again_the_last_value_stays),
		T(variables_of_the_environment_are_values_only),
		T(a_missing_variable_is_an_error_at_its_place),
		T(times_and_sizes_have_units),
		T(addresses_beyond_loopback_need_a_word),
		T(a_gateway_has_a_key_of_its_own),
		T(paths_begin_at_the_folder_of_the_file),
		T(a_long_path_of_each_key_is_freed),
		T(a_template_needs_its_mark),
		T(a_skynet_style_file_is_understood),
		T(a_file_for_the_log_is_its_sink_unless_another_is_named),
		T(a_few_bytes_that_ask_for_gigabytes_are_refused),
	};

	return cmocka_run_group_tests_name("conf/config", tests, NULL, NULL);
}

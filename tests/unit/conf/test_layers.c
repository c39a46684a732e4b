/* SPDX-License-Identifier: MIT */
/* A configuration of several files, and how an instance finds its own. */
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

#include "conf/instance.h"
#include "conf/load.h"
#include "conf/schema.h"

static struct config *c;
static struct config_errors errors;
static char folder[64];

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/test_layers.XXXXXX");
	return mkdtemp(folder) && setenv("CONFIGURATION_DIRECTORY", folder, 1) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	c = config_destroy(c);
	config_errors_fini(&errors);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static void put(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (!text) {
		assert_int_equal(mkdir(path, 0700), 0);
		return;
	}
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int load(const char *name)
{
	struct instance i;
	char why[INSTANCE_WHY];

	if (!instance_find(name, &i, why))
		fail_msg("%s", why);
	return config_load_all(&(struct config_source){ i.shared, i.file, i.name }, &c, &errors);
}

static void a_later_file_says_it_again(void **state)
{
	(void)state;
	put("harbor.yaml", "log: { level: debug }\n"
			   "lua: { start: common, path: [\"a/?.lua\", \"b/?.lua\"] }\n"
			   "env: { color: red, size: big }\n");
	put("gate.yaml", "lua: { start: gate }\nenv: { color: blue }\n");
	put("gate.yaml.d", NULL);
	put("gate.yaml.d/20-b.yaml", "lua: { mailbox_max: 2, path: [\"d/?.lua\"] }\n");
	put("gate.yaml.d/10-a.yaml", "lua: { mailbox_max: 1 }\n");
	put("gate.yaml.d/notes.txt", "not yaml: [");
	assert_int_equal(load("gate"), 0);
	assert_string_equal(c->node.name, "gate");
	assert_string_equal(c->log.level, "debug");
	assert_string_equal(c->lua.start, "gate");
	assert_int_equal(c->lua.mailbox_max, 2);
	assert_int_equal(c->lua.path.count, 1);
	assert_non_null(strstr(c->lua.path.items[0], "gate.yaml.d/d/?.lua"));
	assert_string_equal(config_env_get(c, "color"), "blue");
	assert_string_equal(config_env_get(c, "size"), "big");
	assert_int_equal(c->files.count, 4);
}

static void each_value_knows_its_place(void **state)
{
	const struct schema_key *level = schema_find("log", "level");
	const struct schema_key *start = schema_find("lua", "start");
	const struct schema_key *file = schema_find("log", "file");

	(void)state;
	put("harbor.yaml", "log:\n  level: debug\n");
	put("gate.yaml", "\nlua: { start: gate }\n");
	assert_int_equal(load("gate"), 0);
	assert_non_null(strstr(c->places[level - schema_keys].file, "/harbor.yaml"));
	assert_int_equal(c->places[level - schema_keys].line, 2);
	assert_non_null(strstr(c->places[start - schema_keys].file, "/gate.yaml"));
	assert_int_equal(c->places[start - schema_keys].line, 2);
	assert_int_equal(c->places[file - schema_keys].line, 0);
}

static void errors_name_the_file(void **state)
{
	(void)state;
	put("harbor.yaml", "log: { level: loud }\n");
	put("gate.yaml", "lua: { strt: x }\nlua: { start: y }\n");
	put("gate.yaml.d", NULL);
	put("gate.yaml.d/10.yaml", "\n\n}");
	assert_int_equal(load("gate"), -22);
	assert_int_equal(errors.count, 4);
	assert_non_null(strstr(errors.items[0].file, "/harbor.yaml"));
	assert_non_null(strstr(errors.items[1].file, "/gate.yaml"));
	assert_non_null(strstr(errors.items[2].text, "a second time"));
	assert_non_null(strstr(errors.items[3].file, "/gate.yaml.d/10.yaml"));
	assert_int_equal(errors.items[3].line, 3);
}

static void what_belongs_together_may_stand_in_two_files(void **state)
{
	(void)state;
	put("harbor.yaml", "cluster: { master: 10.0.0.1:1, listen: 10.0.0.1:2, insecure: true }\n");
	put("gate.yaml", "cluster: { listen: 127.0.0.1:3, master: 127.0.0.1:1 }\n");
	assert_int_equal(load("gate"), 0);
	assert_int_equal(c->cluster.master.count, 1);
	assert_string_equal(c->cluster.master.items[0], "127.0.0.1:1");
	c = config_destroy(c);
	/* an address that was replaced is not judged, one that stands is, where it stands */
	put("harbor.yaml", "cluster: { master: 10.0.0.1:1, listen: 10.0.0.1:2 }\n");
	put("gate.yaml", "cluster: { listen: 127.0.0.1:3 }\n");
	assert_int_equal(load("gate"), -22);
	assert_int_equal(errors.count, 1);
	assert_non_null(strstr(errors.items[0].file, "/harbor.yaml"));
	assert_non_null(strstr(errors.items[0].text, "10.0.0.1:1 is not a loopback address"));
}

static void the_file_may_name_the_node(void **state)
{
	(void)state;
	put("gate.yaml", "node: { name: other }\n");
	assert_int_equal(load("gate"), 0);
	assert_string_equal(c->node.name, "other");
}

static void instances_are_yaml(void **state)
{
	(void)state;
	put("gate.yaml", "thread = 4\nbootstrap = \"snlua bootstrap\"\nharbor = 0\n");
	assert_int_equal(load("gate"), -22);
	assert_int_equal(errors.count, 1);
}

static void escaped_names_are_understood(void **state)
{
	struct instance i;
	char why[INSTANCE_WHY];

	(void)state;
	put("map-1_b.2.yaml", "");
	assert_true(instance_find("map-1_b.2", &i, why));
	assert_true(instance_find("map\\x2d1_b.2", &i, why));
	assert_string_equal(i.name, "map-1_b.2");
	assert_non_null(strstr(i.file, "/map-1_b.2.yaml"));
}

static void what_is_no_instance_is_told(void **state)
{
	static const char *const bad[] = { "",	      "a/b",   "..",	  "a b", "harbor",
					   "a\\x2fb", "\\x2e", "a\\x00b", "\\x2" };
	struct instance i;
	char why[INSTANCE_WHY], longest[200];

	(void)state;
	for (unsigned n = 0; n < sizeof(bad) / sizeof(*bad); n++)
		assert_false(instance_find(bad[n], &i, why));
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	assert_false(instance_find(longest, &i, why));
	put("map.yaml", "");
	put("gate.yaml", "");
	put("harbor.yaml", "");
	assert_false(instance_find("login", &i, why));
	assert_non_null(strstr(why, "this host has no node login: "));
	assert_non_null(strstr(why, "it has gate, map"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_later_file_says_it_again, setup, teardown),
		cmocka_unit_test_setup_teardown(each_value_knows_its_place, setup, teardown),
		cmocka_unit_test_setup_teardown(errors_name_the_file, setup, teardown),
		cmocka_unit_test_setup_teardown(what_belongs_together_may_stand_in_two_files, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_file_may_name_the_node, setup, teardown),
		cmocka_unit_test_setup_teardown(instances_are_yaml, setup, teardown),
		cmocka_unit_test_setup_teardown(escaped_names_are_understood, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_instance_is_told, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

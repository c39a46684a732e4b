/* SPDX-License-Identifier: MIT */
/* Modules, with real shared objects that are built here. */
#include <dlfcn.h>
#include <errno.h>
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

#include "core/base/mem.h"
#include "core/actor/module.h"
#include "tests/unit/core/lines.h"

static char folder[] = "/tmp/harbord-module-XXXXXX";

static void put(const char *name, const char *text)
{
	cleanup(mem_freep) char *path = mem_printf("%s/%s", folder, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
}

static void build(const char *file, const char *text)
{
	cleanup(mem_freep) char *command = mem_printf("cc -shared -fPIC -o %s/%s %s/module.c",
						      folder, file, folder);

	put("module.c", text);
	assert_int_equal(system(command), 0);
}

static int setup_folder(void **state)
{
	cleanup(mem_freep) char *second = NULL;

	(void)state;
	if (!mkdtemp(folder))
		return -1;
	second = mem_printf("%s/second", folder);
	if (mkdir(second, 0700) != 0)
		return -1;
	build("whole.so", "int whole_value = 40;\n"
			  "void *whole_create(void) { return &whole_value; }\n"
			  "int whole_init(void *i, void *s, const char *a)\n"
			  "{ return *(int *)i + (a ? 2 : 1); }\n"
			  "void whole_release(void *i) { *(int *)i = 0; }\n"
			  "void whole_signal(void *i, int sig) { *(int *)i = sig; }\n");
	build("a.small.so", "int small_init(void *i, void *s, const char *a) { return 0; }\n");
	build("noinit.so", "void *noinit_create(void) { return 0; }\n");
	build("second/other.so", "int other_init(void *i, void *s, const char *a) { return 5; }\n");
	build("inside.so", "int inside_init(void *i, void *s, const char *a) { return 6; }\n");
	/* takes a symbol from whole.so, so it loads only after that, and only with RTLD_GLOBAL */
	build("needy.so", "extern int whole_value;\n"
			  "int needy_init(void *i, void *s, const char *a)\n"
			  "{ return whole_value; }\n");
	put("broken.so", "this is no shared object\n");
	return 0;
}

static int remove_folder(void **state)
{
	cleanup(mem_freep) char *command = mem_printf("rm -r %s", folder);

	(void)state;
	return system(command);
}

static int setup(void **state)
{
	cleanup(mem_freep) char *path = mem_printf("%s/?.so;%s/second/?.so", folder, folder);

	(void)state;
	lines_begin(LOG_LEVEL_INFO);
	return module_set_path(path);
}

static int teardown(void **state)
{
	(void)state;
	module_fini();
	lines_end();
	return 0;
}

static void a_file_gives_its_four_functions(void **state)
{
	const struct module *m = module_find("whole");
	int *instance;

	(void)state;
	assert_non_null(m);
	assert_string_equal(m->name, "whole");
	instance = m->create();
	assert_int_equal(m->init(instance, NULL, NULL), 41);
	assert_int_equal(m->init(instance, NULL, "x"), 42);
	m->signal(instance, 9);
	assert_int_equal(*instance, 9);
	m->release(instance);
	assert_int_equal(*instance, 0);
	*instance = 40;
	assert_int_equal(lines_count(), 0);
}

static void symbols_carry_the_part_after_the_last_dot(void **state)
{
	const struct module *m = module_find("a.small");

	(void)state;
	assert_non_null(m);
	assert_string_equal(m->name, "a.small");
	assert_int_equal(m->init(NULL, NULL, NULL), 0);
}

static void all_but_init_may_be_missing(void **state)
{
	const struct module *m = module_find("a.small");

	(void)state;
	assert_non_null(m);
	assert_null(m->create);
	assert_null(m->release);
	assert_null(m->signal);
}

static void a_module_without_init_is_refused(void **state)
{
	(void)state;
	assert_null(module_find("noinit"));
	assert_int_equal(lines_with("module noinit has no function noinit_init"), 1);
}

static void every_template_of_the_path_is_tried(void **state)
{
	const struct module *m = module_find("other");

	(void)state;
	assert_non_null(m);
	assert_int_equal(m->init(NULL, NULL, NULL), 5);
	assert_int_equal(lines_count(), 0);
}

static void a_missing_file_is_one_line(void **state)
{
	(void)state;
	assert_null(module_find("nowhere"));
	assert_int_equal(lines_count(), 1);
	assert_int_equal(lines_with("try open nowhere failed : "), 1);
}

static void a_file_that_does_not_load_says_why(void **state)
{
	(void)state;
	/* the reason of the file that is there, not of the second template */
	assert_null(module_find("broken"));
	assert_int_equal(lines_count(), 1);
	assert_int_equal(lines_with("broken.so: "), 1);
	assert_int_equal(lines_with("second/broken.so"), 0);
}

static void a_module_is_loaded_once(void **state)
{
	const struct module *m = module_find("other");
	cleanup(mem_freep) char *here = mem_printf("%s/second/other.so", folder);
	cleanup(mem_freep) char *away = mem_printf("%s/gone", folder);

	(void)state;
	assert_non_null(m);
	assert_int_equal(rename(here, away), 0);
	assert_ptr_equal(module_find("other"), m);
	assert_int_equal(rename(away, here), 0);
}

static void symbols_of_one_module_are_seen_by_the_next(void **state)
{
	const struct module *m;

	(void)state;
	assert_non_null(module_find("whole"));
	m = module_find("needy");
	assert_non_null(m);
	assert_int_equal(m->init(NULL, NULL, NULL), 40);
}

static int inside_init(void *instance, struct service *s, const char *args)
{
	(void)instance;
	(void)s;
	(void)args;
	return 77;
}

static void a_built_in_comes_before_a_file(void **state)
{
	static const struct module inside = { .name = "inside", .init = inside_init };

	(void)state;
	assert_int_equal(module_find("inside")->init(NULL, NULL, NULL), 6);
	module_add(&inside);
	assert_ptr_equal(module_find("inside"), &inside);
}

static void a_path_without_a_mark_is_refused_and_changes_nothing(void **state)
{
	(void)state;
	assert_int_equal(module_set_path("./?.so;./x.so"), -EINVAL);
	assert_non_null(module_find("other"));
}

static void without_a_path_nothing_is_found(void **state)
{
	(void)state;
	module_fini();
	assert_null(module_find("whole"));
	assert_int_equal(lines_with("try open whole failed : no cpath is set"), 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_file_gives_its_four_functions),
		T(symbols_carry_the_part_after_the_last_dot),
		T(all_but_init_may_be_missing),
		T(a_module_without_init_is_refused),
		T(every_template_of_the_path_is_tried),
		T(a_missing_file_is_one_line),
		T(a_file_that_does_not_load_says_why),
		T(a_module_is_loaded_once),
		T(symbols_of_one_module_are_seen_by_the_next),
		T(a_built_in_comes_before_a_file),
		T(a_path_without_a_mark_is_refused_and_changes_nothing),
		T(without_a_path_nothing_is_found),
	};

	return cmocka_run_group_tests_name("core/module", tests, setup_folder, remove_folder);
}

/* SPDX-License-Identifier: MIT */
/* skynet-style configuration files: what they mean, and what they cannot do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "lua/load/configfile.h"

/* The files that include finds, and what was emitted ("key=value;" in order of keys). */
struct world {
	const char *path[8], *text[8];
	char *pair[32];
	unsigned pairs;
	char *error;
	unsigned line;
	char asked[256];
};

static int include_file(const char *path, char **ret_text, size_t *ret_size, char **ret_error,
			void *ud)
{
	struct world *w = ud;

	snprintf(w->asked, sizeof(w->asked), "%s", path);
	for (unsigned i = 0; i < 8 && w->path[i]; i++)
		if (strcmp(w->path[i], path) == 0) {
			*ret_text = mem_strdup(w->text[i]);
			*ret_size = strlen(w->text[i]);
			return 0;
		}
	*ret_error = mem_printf("no file %s", path);
	return -ENOENT;
}

static void emit(const char *key, const char *value, void *ud)
{
	struct world *w = ud;

	assert_true(w->pairs < 32);
	w->pair[w->pairs++] = mem_printf("%s=%s;", key, value);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int eval(struct world *w, const char *file, const char *text)
{
	return configfile_eval(file, text, strlen(text), include_file, emit, w, &w->error,
			       &w->line);
}

static void clear(struct world *w)
{
	for (unsigned i = 0; i < w->pairs; i++)
		mem_free(w->pair[i]);
	w->pairs = 0;
	mem_free(w->error);
	w->error = NULL;
}

static void assert_gives(struct world *w, const char *text, const char *pairs)
{
	char all[1024] = "";

	if (eval(w, "/etc/harbor/main.cfg", text) != 0)
		fail_msg("%s", w->error);
	qsort(w->pair, w->pairs, sizeof(w->pair[0]), compare);
	for (unsigned i = 0; i < w->pairs; i++)
		strcat(all, w->pair[i]);
	assert_string_equal(all, pairs);
	clear(w);
}

static void assert_error(struct world *w, const char *text, unsigned line, const char *part)
{
	assert_int_equal(eval(w, "/etc/harbor/main.cfg", text), -EINVAL);
	if (!strstr(w->error, part))
		fail_msg("\"%s\" is not in \"%s\"", part, w->error);
	assert_int_equal(w->line, line);
	assert_int_equal(w->pairs, 0);
	clear(w);
}

static void values_become_strings(void **state)
{
	struct world w = { 0 };

	assert_gives(&w, "a = 'x' b = 12 c = 1.5 d = true e = false f = nil g = ''",
		     "a=x;b=12;c=1.5;d=true;e=false;g=;");
	assert_gives(&w, "a = 1; a = 2; local b = 3", "a=2;");
	assert_gives(&w, "root = './' path = root .. '?.lua;' .. root .. 'x/?.lua'",
		     "path=./?.lua;./x/?.lua;root=./;");
	assert_gives(&w, "", "");
}

static void tables_and_functions_are_errors_that_name_the_key(void **state)
{
	struct world w = { 0 };

	assert_error(&w, "ok = 1 t = {}", 0, "Invalid config table key = t");
	assert_error(&w, "function f() end", 0, "Invalid config table key = f");
	assert_error(&w, "a = 1\n_ENV[1] = 'x'", 0, "Invalid config table");
}

static void there_is_no_library(void **state)
{
	struct world w = { 0 };

	assert_error(&w, "a = 1\nprint(a)", 2, "print");
	assert_error(&w, "os.exit(1)", 1, "os");
	assert_error(&w, "x = ('a'):rep(10)", 1, "index a string");
	assert_error(&w, "require 'io'", 1, "require");
	assert_error(&w, "\33Lua", 0, "binary chunk");
}

static void an_error_says_the_line(void **state)
{
	struct world w = { 0 };
	char name[300];

	assert_error(&w, "a = 1\n\nb = = 2\n", 3, "unexpected symbol");
	/* Lua cuts long names short */
	memset(name, 'd', sizeof(name));
	name[0] = '/';
	name[sizeof(name) - 1] = 0;
	assert_int_equal(eval(&w, name, "\nx = nothing.y"), -EINVAL);
	assert_int_equal(w.line, 2);
	clear(&w);
}

static void include_reads_into_the_same_table_and_later_wins(void **state)
{
	struct world w = { .path = { "/etc/harbor/common.cfg" },
			   .text = { "a = 'common' b = 'common'" } };

	assert_gives(&w, "a = 'own'\ninclude 'common.cfg'\nb = b .. '+own'",
		     "a=common;b=common+own;");
}

static void include_is_relative_to_the_file_it_stands_in(void **state)
{
	struct world w = {
		.path = { "/etc/harbor/sub/one.cfg", "/etc/harbor/sub/two.cfg", "/abs/three.cfg",
			  "/etc/harbor/four.cfg" },
		.text = { "one = 1 include 'two.cfg'", "two = 2 include '/abs/three.cfg'",
			  "three = 3", "four = 4" },
	};

	assert_gives(&w, "include 'sub/one.cfg' include 'four.cfg'", "four=4;one=1;three=3;two=2;");
}

static void a_relative_file_is_taken_from_the_working_directory(void **state)
{
	struct world w = { 0 };
	char cwd[200], expected[256];

	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_int_equal(eval(&w, "conf/main.cfg", "include 'x'"), -EINVAL);
	snprintf(expected, sizeof(expected), "%s/conf/x", cwd);
	assert_string_equal(w.asked, expected);
	clear(&w);
}

static void an_error_of_an_included_file_names_it(void **state)
{
	struct world w = { .path = { "/etc/harbor/bad.cfg" }, .text = { "\n\nx = nothing.y" } };

	assert_error(&w, "\ninclude 'bad.cfg'", 0, "/etc/harbor/bad.cfg:3:");
	assert_error(&w, "\ninclude 'missing.cfg'", 2, "no file /etc/harbor/missing.cfg");
	assert_error(&w, "include(nil)", 1, "string expected");
}

static void a_file_that_includes_itself_ends(void **state)
{
	struct world w = { .path = { "/etc/harbor/self.cfg" }, .text = { "include 'self.cfg'" } };

	assert_error(&w, "include 'self.cfg'", 0, "nested too deeply");
}

static void an_endless_file_ends(void **state)
{
	struct world w = { 0 };

	assert_error(&w, "a = 1\nwhile true do end", 2, "too long");
	assert_error(&w, "local function f() return f() end\nf()", 1, "too long");
}

/* Few instructions, but each copies megabytes: an hour at the number that a file may have. */
static void a_file_of_slow_instructions_ends(void **state)
{
	struct world w = { 0 };

	(void)state;
	assert_error(&w,
		     "local s = 'x' for i = 1, 22 do s = s .. s end\nwhile true do local t = s .. "
		     "'x' end",
		     2, "too long");
}

static void a_greedy_file_ends(void **state)
{
	struct world w = { 0 };

	assert_error(&w, "s = 'xxxxxxxxxxxxxxxx' while true do s = s .. s end", 0,
		     "not enough memory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_become_strings),
		cmocka_unit_test(tables_and_functions_are_errors_that_name_the_key),
		cmocka_unit_test(there_is_no_library),
		cmocka_unit_test(an_error_says_the_line),
		cmocka_unit_test(include_reads_into_the_same_table_and_later_wins),
		cmocka_unit_test(include_is_relative_to_the_file_it_stands_in),
		cmocka_unit_test(a_relative_file_is_taken_from_the_working_directory),
		cmocka_unit_test(an_error_of_an_included_file_names_it),
		cmocka_unit_test(a_file_that_includes_itself_ends),
		cmocka_unit_test(an_endless_file_ends),
		cmocka_unit_test(a_file_of_slow_instructions_ends),
		cmocka_unit_test(a_greedy_file_ends),
	};

	return cmocka_run_group_tests_name("lua/configfile", tests, NULL, NULL);
}

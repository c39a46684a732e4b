/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/advice.h"

static void expect(const char *text, const char *part)
{
	const char *advice = advice_for_library(text);

	assert_non_null(advice);
	assert_non_null(strstr(advice, part));
}

static void each_cause_has_its_advice(void **state)
{
	(void)state;
	expect("./x.so: undefined symbol: luaopen_x", "must agree");
	expect("./x.so: undefined symbol: lua_newuserdata", "headers of Lua 5.4");
	expect("./x.so: undefined symbol: luaL_checkint", "headers of Lua 5.4");
	expect("./x.so: undefined symbol: skynet_nosuch", "pkg-config harbord");
	expect("./x.so: undefined symbol: deflate", "not linked");
	expect("/lib/libc.so.6: version `GLIBC_2.99' not found (required by ./x.so)",
	       "newer system");
	expect("./x.so: wrong ELF class: ELFCLASS32", "another machine");
	expect("./x.so: invalid ELF header", "no shared library");
	expect("./x.so: file too short", "no shared library");
	expect("libz.so.9: cannot open shared object file: No such file or directory",
	       "not installed");
	expect("./x.so: cannot open shared object file: Permission denied", "may not read");
}

static void what_says_all_needs_none(void **state)
{
	(void)state;
	assert_null(advice_for_library("something else"));
	assert_null(advice_for_library(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_cause_has_its_advice),
		cmocka_unit_test(what_says_all_needs_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

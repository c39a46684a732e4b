/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/actor/title.h"

static void expect(const char *line, const char *title)
{
	char got[LOG_NAME_MAX];

	title_of_line(line, got);
	assert_string_equal(got, title);
}

static void the_word_that_says_what_it_is(void **state)
{
	(void)state;
	expect("snlua agent", "agent");
	expect("snlua agent 7 x", "agent");
	expect("snlua \t agent\n", "agent");
	expect("snlua snaxd room 1", "room");
	expect("snlua service_cell shop", "shop");
	expect("gate S 127.0.0.1:80", "gate");
	expect("snluax y", "snluax");
}

static void a_host_alone_is_what_it_is(void **state)
{
	(void)state;
	expect("snlua", "snlua");
	expect("snlua ", "snlua");
	expect("snlua snaxd", "snaxd");
	expect("", "");
	expect(" agent", "");
}

static void a_title_fits_and_can_be_printed(void **state)
{
	char line[200];

	(void)state;
	memset(line, 'a', sizeof(line) - 1);
	line[sizeof(line) - 1] = 0;
	expect(line, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	expect("snlua a\x1b[31m\xff", "a?[31m?");
	expect("!~\x7f", "!~?"); /* the first and the last that are printed */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_word_that_says_what_it_is),
		cmocka_unit_test(a_host_alone_is_what_it_is),
		cmocka_unit_test(a_title_fits_and_can_be_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Levels of single services. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/log/source.h"

#define AGENT 0x0100000au
#define OTHER_AGENT 0x0100000bu
#define GATE 0x0100000cu

static void name_them(uint32_t source, char ret[LOG_NAME_MAX])
{
	strcpy(ret, source == GATE ? "gate" : "agent");
}

static int setup(void **state)
{
	(void)state;
	log_set_namer(name_them);
	log_set_level(LOG_LEVEL_INFO);
	return 0;
}

static int teardown(void **state)
{
	struct log_exception all[LOG_LEVELS_MAX];
	size_t n = log_exceptions(all);

	(void)state;
	while (n > 0)
		(void)log_except_no_more(&all[--n]);
	log_set_namer(NULL);
	return 0;
}

static void all_follow_the_one_level(void **state)
{
	(void)state;
	assert_true(log_wants(LOG_LEVEL_INFO, GATE));
	assert_false(log_wants(LOG_LEVEL_DEBUG, GATE));
	log_set_level(LOG_LEVEL_ERROR);
	assert_false(log_wants(LOG_LEVEL_WARNING, 0));
	assert_true(log_wants(LOG_LEVEL_ERROR, 0));
	assert_int_equal(log_get_level(), LOG_LEVEL_ERROR);
}

static void one_service_can_be_louder_or_quieter(void **state)
{
	const struct log_exception loud = { .handle = AGENT, .level = LOG_LEVEL_DEBUG };
	const struct log_exception quiet = { .handle = GATE, .level = LOG_LEVEL_ERROR };

	(void)state;
	assert_true(log_except(&loud));
	assert_true(log_except(&quiet));
	assert_true(log_wants(LOG_LEVEL_DEBUG, AGENT));
	assert_false(log_wants(LOG_LEVEL_DEBUG, OTHER_AGENT));
	assert_false(log_wants(LOG_LEVEL_WARNING, GATE));
	assert_true(log_wants(LOG_LEVEL_ERROR, GATE));
	assert_false(log_wants(LOG_LEVEL_DEBUG, 0));
	/* the level of all changes, the exceptions stay */
	log_set_level(LOG_LEVEL_WARNING);
	assert_true(log_wants(LOG_LEVEL_DEBUG, AGENT));
	assert_false(log_wants(LOG_LEVEL_INFO, OTHER_AGENT));
	assert_true(log_except_no_more(&loud));
	assert_false(log_except_no_more(&loud));
	assert_false(log_wants(LOG_LEVEL_INFO, AGENT));
}

static void all_of_a_name_can_and_a_handle_goes_before_it(void **state)
{
	const struct log_exception agents = { .name = "agent", .level = LOG_LEVEL_DEBUG };
	const struct log_exception one = { .handle = AGENT, .level = LOG_LEVEL_ERROR };
	struct log_exception all[LOG_LEVELS_MAX];

	(void)state;
	assert_true(log_except(&agents));
	assert_true(log_except(&one));
	assert_int_equal(log_exceptions(all), 2);
	assert_true(log_wants(LOG_LEVEL_DEBUG, OTHER_AGENT));
	assert_false(log_wants(LOG_LEVEL_WARNING, AGENT));
	assert_false(log_wants(LOG_LEVEL_DEBUG, GATE));
}

static void there_are_so_many_and_a_second_one_for_the_same_takes_its_place(void **state)
{
	struct log_exception e = { .level = LOG_LEVEL_ERROR };

	(void)state;
	for (uint32_t i = 1; i <= LOG_LEVELS_MAX; i++) {
		e.handle = i;
		assert_true(log_except(&e));
	}
	e.handle = LOG_LEVELS_MAX + 1;
	assert_false(log_except(&e));
	e.handle = 1;
	e.level = LOG_LEVEL_DEBUG;
	assert_true(log_except(&e));
	assert_true(log_wants(LOG_LEVEL_DEBUG, 1));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(all_follow_the_one_level),
		TEST(one_service_can_be_louder_or_quieter),
		TEST(all_of_a_name_can_and_a_handle_goes_before_it),
		TEST(there_are_so_many_and_a_second_one_for_the_same_takes_its_place),
	};

	return cmocka_run_group_tests_name("core/source", tests, NULL, NULL);
}

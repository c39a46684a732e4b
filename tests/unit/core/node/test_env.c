/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/base.h"
#include "core/node/env.h"

static int teardown(void **state)
{
	(void)state;
	env_fini();
	return 0;
}

static void a_key_is_set_once_and_never_changes(void **state)
{
	(void)state;
	assert_int_equal(env_set("color", "red"), 0);
	assert_int_equal(env_set("color", "blue"), -EEXIST);
	assert_string_equal(env_get("color"), "red");
}

static void an_unknown_key_is_not_an_empty_value(void **state)
{
	(void)state;
	assert_int_equal(env_set("empty", ""), 0);
	assert_string_equal(env_get("empty"), "");
	assert_null(env_get("nothing"));
	assert_null(env_get(""));
}

static void key_and_value_are_copied(void **state)
{
	char key[] = "key", value[] = "value";

	(void)state;
	assert_int_equal(env_set(key, value), 0);
	memset(key, 'x', 3);
	memset(value, 'x', 5);
	assert_string_equal(env_get("key"), "value");
	assert_null(env_get("xxx"));
}

static void keys_are_told_apart_by_case_and_length(void **state)
{
	(void)state;
	assert_int_equal(env_set("a", "1"), 0);
	assert_int_equal(env_set("A", "2"), 0);
	assert_int_equal(env_set("aa", "3"), 0);
	assert_string_equal(env_get("a"), "1");
	assert_string_equal(env_get("A"), "2");
	assert_string_equal(env_get("aa"), "3");
}

static void a_returned_string_stays_while_others_are_added(void **state)
{
	const char *first;
	char key[16];

	(void)state;
	env_set("m", "first");
	first = env_get("m");
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		assert_int_equal(env_set(key, key), 0);
	}
	assert_ptr_equal(env_get("m"), first);
	assert_string_equal(first, "first");
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		assert_string_equal(env_get(key), key);
	}
}

static void gather(const char *key, const char *value, void *ud)
{
	strcat(ud, key);
	strcat(ud, "=");
	strcat(ud, value);
	strcat(ud, " ");
}

static void all_are_visited_in_order_of_keys(void **state)
{
	char text[100] = "";

	(void)state;
	env_set("b", "2");
	env_set("c", "");
	env_set("a", "1");
	env_foreach(gather, text);
	assert_string_equal(text, "a=1 b=2 c= ");
	env_fini();
	text[0] = 0;
	env_foreach(gather, text);
	assert_string_equal(text, "");
}

#define KEYS 500

static void *set_all(void *won)
{
	char key[16];

	for (int i = 0; i < KEYS; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		*(int *)won += env_set(key, key) == 0;
		if (!env_get(key) || strcmp(env_get(key), key) != 0)
			*(int *)won = -KEYS * 10;
	}
	return NULL;
}

static void of_several_threads_one_sets_a_key(void **state)
{
	pthread_t thread[3];
	int won[3] = { 0 };

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, set_all, &won[i]), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(won[0] + won[1] + won[2], KEYS);
}

int main(void)
{
#define T(f) cmocka_unit_test_teardown(f, teardown)
	const struct CMUnitTest tests[] = {
		T(a_key_is_set_once_and_never_changes),
		T(an_unknown_key_is_not_an_empty_value),
		T(key_and_value_are_copied),
		T(keys_are_told_apart_by_case_and_length),
		T(a_returned_string_stays_while_others_are_added),
		T(all_are_visited_in_order_of_keys),
		T(of_several_threads_one_sets_a_key),
	};

	return cmocka_run_group_tests_name("core/env", tests, NULL, NULL);
}

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
#include "core/actor/names.h"

static int teardown(void **state)
{
	(void)state;
	names_fini();
	return 0;
}

static void a_name_leads_to_its_service(void **state)
{
	(void)state;
	assert_int_equal(names_find("db"), 0);
	assert_int_equal(names_register("db", 7), 0);
	assert_int_equal(names_find("db"), 7);
	assert_int_equal(names_find("d"), 0);
	assert_int_equal(names_find("dbx"), 0);
}

static void a_name_has_one_owner(void **state)
{
	(void)state;
	assert_int_equal(names_register("db", 7), 0);
	assert_int_equal(names_register("db", 8), -EEXIST);
	assert_int_equal(names_register("db", 7), -EEXIST);
	assert_int_equal(names_find("db"), 7);
}

static void a_service_loses_all_its_names_and_only_its(void **state)
{
	(void)state;
	names_register("a", 7);
	names_register("b", 8);
	names_register("c", 7);
	names_remove_handle(7);
	assert_int_equal(names_find("a"), 0);
	assert_int_equal(names_find("b"), 8);
	assert_int_equal(names_find("c"), 0);
	assert_int_equal(names_register("a", 8), 0);
	names_remove_handle(8);
	assert_int_equal(names_find("a"), 0);
	assert_int_equal(names_find("b"), 0);
}

static void handles_that_look_alike_are_told_apart(void **state)
{
	(void)state;
	/* the same low bits; the high ones differ */
	for (uint32_t i = 0; i < 8; i++) {
		char name[8];

		snprintf(name, sizeof(name), "n%u", i);
		assert_int_equal(names_register(name, 5 + (i << 16)), 0);
	}
	names_remove_handle(5 + (9u << 16)); /* has none */
	names_remove_handle(5 + (3u << 16));
	names_remove_handle(5 + (3u << 16)); /* twice */
	for (uint32_t i = 0; i < 8; i++) {
		char name[8];

		snprintf(name, sizeof(name), "n%u", i);
		assert_int_equal(names_find(name), i == 3 ? 0 : 5 + (i << 16));
	}
	for (uint32_t i = 0; i < 8; i++)
		names_remove_handle(5 + (i << 16));
	assert_int_equal(names_find("n7"), 0);
}

static void gather(const char *name, uint32_t handle, uint64_t since, void *ud)
{
	char *text = ud;

	sprintf(text + strlen(text), "%s=%u ", name, handle);
}

static void all_are_visited_in_order_of_names(void **state)
{
	char text[100] = "";

	(void)state;
	names_register("b", 1);
	names_register("c", 1);
	names_register("a", 3);
	names_foreach(gather, text);
	assert_string_equal(text, "a=3 b=1 c=1 ");
	names_fini();
	text[0] = 0;
	names_foreach(gather, text);
	assert_string_equal(text, "");
	/* a fresh start remembers nothing of the old one */
	names_register("a", 1);
	names_remove_handle(1);
	assert_int_equal(names_find("a"), 0);
}

#define ROUNDS 2000

/* Each thread registers and removes under its own handle; two want the same name. */
static void *live_and_die(void *arg)
{
	uint32_t handle = *(uint32_t *)arg;
	char mine[16];
	unsigned wrong = 0;

	snprintf(mine, sizeof(mine), "mine%u", handle);
	for (int i = 0; i < ROUNDS; i++) {
		wrong += names_register(mine, handle) != 0;
		(void)names_register("shared", handle);
		wrong += names_find(mine) != handle;
		wrong += names_find("shared") > 3;
		names_remove_handle(handle);
		wrong += names_find(mine) != 0;
		wrong += names_find("shared") == handle;
	}
	*(uint32_t *)arg = wrong;
	return NULL;
}

static void threads_register_and_end_at_the_same_time(void **state)
{
	pthread_t thread[3];
	uint32_t arg[3] = { 1, 2, 3 };
	char text[100] = "";

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, live_and_die, &arg[i]), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < 3; i++)
		assert_int_equal(arg[i], 0);
	names_foreach(gather, text);
	assert_string_equal(text, "");
}

int main(void)
{
#define T(f) cmocka_unit_test_teardown(f, teardown)
	const struct CMUnitTest tests[] = {
		T(a_name_leads_to_its_service),
		T(a_name_has_one_owner),
		T(a_service_loses_all_its_names_and_only_its),
		T(handles_that_look_alike_are_told_apart),
		T(all_are_visited_in_order_of_names),
		T(threads_register_and_end_at_the_same_time),
	};

	return cmocka_run_group_tests_name("core/names", tests, NULL, NULL);
}

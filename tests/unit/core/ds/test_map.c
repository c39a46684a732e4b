/* SPDX-License-Identifier: MIT */
/* A map in which items come in any order and go, one by one and many at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/base.h"
#include "core/base/mem.h"
#include "core/ds/map.h"

static struct map m;

static int teardown(void **state)
{
	(void)state;
	map_fini(&m);
	return 0;
}

static void fill(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char key[12];

		snprintf(key, sizeof(key), "k%03u", i * 7 % n);
		map_add(&m, key)->number = i * 7 % n;
	}
}

static void items_stand_in_order_and_are_found(void **state)
{
	(void)state;
	fill(100);
	assert_int_equal(m.count, 100);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(m.items[i].number, i);
	assert_null(map_add(&m, "k050"));
	assert_int_equal(map_find(&m, "k050")->number, 50);
	map_remove(&m, map_find(&m, "k050"));
	assert_null(map_find(&m, "k050"));
	assert_int_equal(map_find(&m, "k051")->number, 51);
}

static bool is_odd(struct map_item *i, void *ud)
{
	unsigned *seen = ud;

	assert_int_equal(i->number, *seen); /* each once, in their order */
	++*seen;
	return i->number % 2;
}

static void a_sweep_removes_what_is_to_go(void **state)
{
	unsigned seen = 0;

	(void)state;
	fill(100);
	map_find(&m, "k001")->text = mem_strdup("gone with its item");
	map_find(&m, "k002")->text = mem_strdup("kept");
	map_sweep(&m, is_odd, &seen);
	assert_int_equal(seen, 100);
	assert_int_equal(m.count, 50);
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(m.items[i].number, 2 * i);
	assert_string_equal(map_find(&m, "k002")->text, "kept");
	assert_null(map_find(&m, "k001"));
}

int main(void)
{
#define T(f) cmocka_unit_test_teardown(f, teardown)
	const struct CMUnitTest tests[] = {
		T(items_stand_in_order_and_are_found),
		T(a_sweep_removes_what_is_to_go),
	};

	return cmocka_run_group_tests_name("core/map", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* The list: order, taking out, and that zeros and a copy are lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/base/base.h"
#include "core/ds/list.h"

struct entry {
	int number;
	struct entry *next;
};

struct entries LIST_FIELDS(struct entry);

static struct entry e[8];

static int setup(void **state)
{
	(void)state;
	for (unsigned i = 0; i < array_len(e); i++)
		e[i] = (struct entry){ .number = (int)i };
	return 0;
}

static void oldest_comes_first(void **state)
{
	struct entries l = { 0 };

	(void)state;
	assert_true(list_is_empty(&l));
	assert_null(list_take(&l, next));
	for (unsigned round = 0; round < 3; round++) {
		for (int i = 0; i < 5; i++)
			list_append(&l, &e[i], next);
		assert_false(list_is_empty(&l));
		for (int i = 0; i < 5; i++)
			assert_int_equal(list_take(&l, next)->number, i);
		assert_null(list_take(&l, next));
		assert_true(list_is_empty(&l));
	}
}

static void all_at_once(void **state)
{
	struct entries l = { 0 };
	struct entry *all;
	int n = 0;

	(void)state;
	assert_null(list_take_all(&l));
	for (int i = 0; i < 4; i++)
		list_append(&l, &e[i], next);
	all = list_take_all(&l);
	assert_true(list_is_empty(&l));
	/* the next list does not touch the one that was taken */
	list_append(&l, &e[7], next);
	for (; all; all = all->next)
		assert_int_equal(all->number, n++);
	assert_int_equal(n, 4);
	assert_int_equal(list_take(&l, next)->number, 7);
}

/* Takes out what has this number, and appends one more: the tail must be right wherever it was. */
static void take_out(int number)
{
	struct entries l = { 0 };
	int expected = 0;

	setup(NULL);
	for (int i = 0; i < 4; i++)
		list_append(&l, &e[i], next);
	for (struct entry **at = &l.first; *at; at = &(*at)->next)
		if ((*at)->number == number) {
			list_unlink(&l, at, next);
			break;
		}
	list_append(&l, &e[4], next);
	for (struct entry *i = l.first; i; i = i->next, expected++) {
		expected += expected == number;
		assert_int_equal(i->number, expected);
	}
	assert_int_equal(expected, 5);
}

static void any_can_be_taken_out(void **state)
{
	struct entries l = { 0 };

	(void)state;
	for (int i = 0; i < 4; i++)
		take_out(i);
	list_append(&l, &e[0], next);
	list_unlink(&l, &l.first, next);
	assert_true(list_is_empty(&l));
	list_append(&l, &e[1], next);
	assert_int_equal(list_take(&l, next)->number, 1);
}

static void a_copy_is_the_list(void **state)
{
	struct entries l = { 0 }, copy;

	(void)state;
	copy = l; /* empty */
	list_append(&copy, &e[0], next);
	list_append(&copy, &e[1], next);
	l = copy;
	list_append(&l, &e[2], next);
	for (int i = 0; i < 3; i++)
		assert_int_equal(list_take(&l, next)->number, i);
	assert_true(list_is_empty(&l));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(oldest_comes_first, setup),
		cmocka_unit_test_setup(all_at_once, setup),
		cmocka_unit_test_setup(any_can_be_taken_out, setup),
		cmocka_unit_test_setup(a_copy_is_the_list, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* The list of shared roots of a service, with a host that is nothing but that list and a state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <lauxlib.h>
#include <lua.h>

#include "core/base/base.h"
#include "core/base/mem.h"
#include "lua/host/roots.h"
#include "lua/vm/share.h"

#define MANY 100

static struct host *h;

static int setup(void **state)
{
	(void)state;
	h = mem_zalloc(sizeof(*h));
	h->L = luaL_newstate();
	return h->L ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	lua_close(h->L);
	roots_release(h);
	mem_free(h);
	return 0;
}

/* A root of the host's, to which nothing refers; one more reference to it is the caller's. */
static struct share_root *take_one(void)
{
	struct share_root *r;

	assert_int_equal(luaL_loadstring(h->L, "return 1"), LUA_OK);
	r = share_code(h->L);
	assert_non_null(r);
	lua_pop(h->L, 1);
	roots_take(h, share_ref(r));
	return r;
}

static void a_root_stands_once_in_the_list_however_often_it_is_taken(void **state)
{
	struct share_root *r[MANY];

	(void)state;
	if (!share_is_here())
		skip();
	for (size_t i = 0; i < MANY; i++)
		r[i] = take_one();
	assert_int_equal(h->roots.count, MANY);
	for (size_t i = 0; i < MANY; i++) {
		roots_take(h, share_ref(r[i]));
		assert_int_equal(share_refs(r[i]), 2);
	}
	assert_int_equal(h->roots.count, MANY);
	for (size_t i = 1; i < MANY; i++)
		assert_true(h->roots.roots[i - 1] < h->roots.roots[i]);
	for (size_t i = 0; i < MANY; i++)
		share_unref(r[i]);
}

static void an_audit_lets_go_what_is_old_and_unused(void **state)
{
	struct share_root *used, *old, *current;
	size_t count;

	(void)state;
	if (!share_is_here())
		skip();
	used = take_one();
	old = take_one();
	current = take_one();
	share_push_code(h->L, used);
	share_set_old(used);
	share_set_old(old);
	assert_int_equal(roots_old(&h->roots, &count), share_size(used) + share_size(old));
	assert_int_equal(count, 2);
	lua_gc(h->L, LUA_GCCOLLECT);
	roots_audit(h);
	assert_int_equal(share_refs(used), 2);
	assert_int_equal(share_refs(old), 1);
	assert_int_equal(share_refs(current), 2);
	assert_int_equal(h->roots.count, 2);
	assert_int_equal(h->roots.count_left, 1);
	assert_int_equal(h->roots.bytes_left, share_size(used));
	share_unref(used);
	share_unref(old);
	share_unref(current);
}

/* A review collects garbage when more than 64 old ones are there beyond twice those that were
 * left. */
static void a_review_waits_until_old_ones_are_many(void **state)
{
	(void)state;
	if (!share_is_here())
		skip();
	for (unsigned i = 0; i < 65; i++) {
		struct share_root *r = take_one();

		share_set_old(r);
		share_unref(r);
		assert_int_equal(h->roots.count, i + 1);
		roots_review(h);
		assert_int_equal(h->roots.count, i < 64 ? i + 1 : 0);
	}
}

static void what_was_left_counts_twice_for_the_next_review(void **state)
{
	struct share_root *left[10];

	(void)state;
	if (!share_is_here())
		skip();
	luaL_checkstack(h->L, array_len(left) + 10, NULL);
	for (unsigned i = 0; i < array_len(left); i++) {
		left[i] = take_one();
		share_set_old(left[i]);
		share_push_code(h->L, left[i]);
		share_unref(left[i]);
	}
	roots_audit(h);
	assert_int_equal(h->roots.count_left, array_len(left));
	/* 64 + 2 * 10 may be there, and 10 are */
	for (unsigned i = 0; i < 75; i++) {
		struct share_root *r = take_one();

		share_set_old(r);
		share_unref(r);
		roots_review(h);
		assert_int_equal(h->roots.count, i < 74 ? 10 + i + 1 : 10);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_root_stands_once_in_the_list_however_often_it_is_taken),
		T(an_audit_lets_go_what_is_old_and_unused),
		T(a_review_waits_until_old_ones_are_many),
		T(what_was_left_counts_twice_for_the_next_review),
	};

	return cmocka_run_group_tests_name("lua/host/roots", tests, NULL, NULL);
}

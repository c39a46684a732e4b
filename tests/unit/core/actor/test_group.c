/* SPDX-License-Identifier: MIT */
/* Memberships as names, and the members of a group as they come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/actor/group.h"
#include "core/base/base.h"
#include "core/base/mem.h"

#define TEN "0123456789"
#define LONGEST "x" TEN TEN TEN TEN TEN "ab"

static struct groups g;

static int teardown(void **state)
{
	(void)state;
	groups_fini(&g);
	return 0;
}

static void a_membership_is_a_name_and_back(void **state)
{
	static const char *const good[] = { "world", "a:b", "größe", LONGEST };
	char key[REMOTE_NAME_SIZE], group[REMOTE_NAME_SIZE];
	uint32_t handle;

	(void)state;
	for (size_t i = 0; i < array_len(good); i++) {
		group_key(good[i], 0x0200abcd, key);
		assert_false(remote_name_valid(key)); /* no service has such a name */
		assert_true(group_of_key(key, group, &handle));
		assert_string_equal(group, good[i]);
		assert_int_equal(handle, 0x0200abcd);
		assert_true(group_allows(key, 0x0200abcd));
		assert_true(group_allows(key, 0));
		assert_false(group_allows(key, 0x0200abce));
	}
	assert_true(group_allows("DB", 7)); /* a name may be anybody's */
	assert_false(group_name_valid(LONGEST "c"));
}

static void what_is_no_membership_is_none(void **state)
{
	static const char *const bad[] = { "",
					   "DB",
					   ":",
					   ":x",
					   ":0200abcd",
					   "::0200abcd",
					   ":x:0200abc",
					   ":x:0200abcg",
					   ":x:0200ABCD",
					   ":x:00000000",
					   ":x: 200abcd",
					   ":x:+200abcd",
					   ":12:0200abcd",
					   ":.x:0200abcd",
					   ":::0200abcd",
					   ":a b:0200abcd",
					   ":x:0200abcd ",
					   ":" LONGEST "c:0200abcd",
					   ":x0200abcd1",
					   ":x:0x00abcd" };
	char group[REMOTE_NAME_SIZE];
	uint32_t handle;

	(void)state;
	for (size_t i = 0; i < array_len(bad); i++) {
		assert_false(group_of_key(bad[i], group, &handle));
		assert_true(i == 1 || !group_allows(bad[i], 0));
	}
}

static void members_stand_in_order_and_go(void **state)
{
	uint32_t members[8] = { 0 };
	uint64_t version, before;

	(void)state;
	assert_int_equal(groups_members(&g, "g", members, 8, &version), 0);
	assert_int_equal(version, 0);
	for (uint32_t i = 20; i > 0; i--) {
		char key[REMOTE_NAME_SIZE];

		group_key("g", i * 7 % 23 + 1, key);
		assert_null(groups_set(&g, key, true));
	}
	assert_int_equal(groups_members(&g, "g", members, 8, &version), 20);
	for (unsigned i = 1; i < 8; i++)
		assert_true(members[i] > members[i - 1]);
	(void)groups_set(&g, ":g:00000002", true); /* it is there */
	(void)groups_set(&g, "DB", true);	   /* no membership */
	before = version;
	assert_int_equal(groups_members(&g, "g", NULL, 0, &version), 20);
	assert_int_equal(version, before);
	(void)groups_set(&g, ":g:00000002", false);
	(void)groups_set(&g, ":g:00000002", false);
	assert_int_equal(groups_members(&g, "g", members, 8, &version), 19);
	assert_true(version > before);
	assert_int_equal(groups_members(&g, "h", members, 8, &version), 0);
}

static void who_waits_hears_of_a_change_once(void **state)
{
	struct group_watch *w;
	const char *why;

	(void)state;
	assert_true(groups_watch(&g, "g", 0, 5, 50, &why));
	assert_true(groups_watch(&g, "g", 0, 6, 60, &why));
	assert_true(groups_watch(&g, "h", 0, 7, 70, &why));
	groups_forget(&g, 6);
	w = groups_set(&g, ":g:00000002", true);
	assert_non_null(w);
	assert_int_equal(w->from, 5);
	assert_int_equal(w->session, 50);
	assert_null(w->next);
	mem_free(w);
	assert_null(groups_set(&g, ":g:00000003", true));
	assert_false(groups_watch(&g, "g", 0, 5, 51, &why)); /* it has changed by now */
	assert_null(why);
	assert_int_equal(g.watching, 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_teardown(f, teardown)
	const struct CMUnitTest tests[] = {
		T(a_membership_is_a_name_and_back),
		T(what_is_no_membership_is_none),
		T(members_stand_in_order_and_go),
		T(who_waits_hears_of_a_change_once),
	};

	return cmocka_run_group_tests_name("core/group", tests, NULL, NULL);
}

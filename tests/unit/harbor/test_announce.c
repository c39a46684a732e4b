/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "core/base/base.h"
#include "harbor/announce.h"

static void an_address_is_one_or_all(void **state)
{
	static const char *const all[] = { "0.0.0.0:2526", "[::]:1", ":5" };
	static const char *const one[] = { "127.0.0.1:2526", "10.0.0.0:1", "[::1]:1", "host:2526",
					   "0.0.0.0.example:1" };

	for (unsigned i = 0; i < array_len(all); i++)
		assert_true(announce_is_any(all[i]));
	for (unsigned i = 0; i < array_len(one); i++)
		assert_false(announce_is_any(one[i]));
}

static void expect_text(const char *text, const char *address)
{
	char got[ANNOUNCE_MAX];

	announce_text(text, got);
	assert_string_equal(got, address);
}

static void what_net_writes_can_be_connected_to(void **state)
{
	expect_text("127.0.0.1:2526", "127.0.0.1:2526");
	expect_text("::1:2526", "[::1]:2526");
	expect_text(":::2526", "[::]:2526");
	expect_text("fe80::1:2:40000", "[fe80::1:2]:40000");
}

static void expect_own(const char *any, const char *local, const char *address)
{
	char got[ANNOUNCE_MAX];

	announce_own(any, local, got);
	assert_string_equal(got, address);
}

static void a_node_announces_the_address_by_which_it_reaches_the_master(void **state)
{
	expect_own("0.0.0.0:2526", "10.0.0.5:40000", "10.0.0.5:2526");
	expect_own("[::]:2526", "fd00::5:40000", "[fd00::5]:2526");
	expect_own("[::]:2526", "10.0.0.5:40000", "10.0.0.5:2526");
	/* on the master's host it knows none */
	expect_own("0.0.0.0:2526", "127.0.0.1:40000", "0.0.0.0:2526");
	expect_own("[::]:2526", "::1:40000", "[::]:2526");
	expect_own("0.0.0.0:2526", "", "0.0.0.0:2526");
}

static void expect_reach(const char *address, const char *master_host, const char *where)
{
	char got[ANNOUNCE_MAX];

	announce_reach(address, master_host, got);
	assert_string_equal(got, where);
}

static void all_addresses_are_those_of_the_masters_host(void **state)
{
	expect_reach("0.0.0.0:2526", "127.0.0.1", "127.0.0.1:2526");
	expect_reach("0.0.0.0:2526", "10.0.0.1", "10.0.0.1:2526");
	expect_reach("0.0.0.0:2526", "fd00::1", "[fd00::1]:2526");
	expect_reach("0.0.0.0:2526", "", "0.0.0.0:2526");
	expect_reach("10.0.0.5:2526", "127.0.0.1", "10.0.0.5:2526");
	expect_reach("[::1]:2526", "10.0.0.1", "[::1]:2526");
}

static void a_long_text_is_cut_not_overrun(void **state)
{
	char host[300], got[ANNOUNCE_MAX];

	memset(host, 'h', sizeof(host) - 1);
	host[sizeof(host) - 1] = 0;
	announce_reach("0.0.0.0:2526", host, got);
	assert_int_equal(strlen(got), ANNOUNCE_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_one_or_all),
		cmocka_unit_test(what_net_writes_can_be_connected_to),
		cmocka_unit_test(a_node_announces_the_address_by_which_it_reaches_the_master),
		cmocka_unit_test(all_addresses_are_those_of_the_masters_host),
		cmocka_unit_test(a_long_text_is_cut_not_overrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

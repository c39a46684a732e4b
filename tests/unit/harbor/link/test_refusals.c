/* SPDX-License-Identifier: MIT */
/* Lines about connections that are refused: what a stranger who never gives up writes in an hour.
 * The tests share one clock, for there is one memory of what was told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "harbor/link/refusals.h"

#define MS UINT64_C(1000000)

static uint64_t now = NS_PER_SEC;

static unsigned lines(const char *why, unsigned seconds)
{
	unsigned n = 0;

	for (uint64_t end = now + seconds * NS_PER_SEC; now < end; now += 100 * MS)
		n += refusals_may_tell(why, now);
	return n;
}

static void one_reason_for_an_hour(void **state)
{
	(void)state;
	assert_true(refusals_may_tell("wrong key", now));
	assert_false(refusals_may_tell("wrong key", now + 999 * MS));
	/* after 1, 2, 4 .. 32 s, then each 64 s */
	assert_in_range(lines("wrong key", 3600), 55, 65);
}

static void who_comes_back_after_a_while_begins_anew(void **state)
{
	(void)state;
	now += 3600 * NS_PER_SEC;
	assert_true(refusals_may_tell("wrong key", now));
	assert_true(refusals_may_tell("wrong key", now + NS_PER_SEC));
	now += 2 * NS_PER_SEC;
}

static void many_reasons_share_one_line_a_second(void **state)
{
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < 600; i++, now += 100 * MS) {
		char why[32];

		snprintf(why, sizeof(why), "reason %u", i);
		n += refusals_may_tell(why, now);
	}
	assert_in_range(n, 58, 60);
}

static void what_comes_again_and_again_lasts(void **state)
{
	(void)state;
	now += 3600 * NS_PER_SEC;
	for (unsigned i = 0; i < 10; i++, now += NS_PER_SEC)
		assert_false(refusals_last("not now", now));
	assert_true(refusals_last("not now", now));
	assert_false(refusals_last("another", now));
	now += 11 * NS_PER_SEC; /* nobody has come meanwhile */
	assert_false(refusals_last("not now", now));
}

static void only_the_first_bytes_count(void **state)
{
	char why[200];

	(void)state;
	for (size_t i = 0; i < sizeof(why); i++)
		why[i] = 'x';
	why[199] = 0;
	now += NS_PER_SEC;
	assert_true(refusals_may_tell(why, now));
	why[150] = 'y';
	assert_true(refusals_may_tell(why, now + NS_PER_SEC));
	assert_false(refusals_may_tell(why, now + 2 * NS_PER_SEC)); /* the third waits 2 s */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_reason_for_an_hour),
		cmocka_unit_test(who_comes_back_after_a_while_begins_anew),
		cmocka_unit_test(many_reasons_share_one_line_a_second),
		cmocka_unit_test(what_comes_again_and_again_lasts),
		cmocka_unit_test(only_the_first_bytes_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* hash.h, random.h and backoff.h: known values, and bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/base/backoff.h"
#include "core/base/hash.h"
#include "core/base/random.h"

/* The published test vectors of FNV-1a. */
static void hashes_are_fnv_1a(void **state)
{
	(void)state;
	assert_true(hash32(HASH32_START, "", 0) == 0x811c9dc5u);
	assert_true(hash32(HASH32_START, "a", 1) == 0xe40c292cu);
	assert_true(hash32(HASH32_START, "foobar", 6) == 0xbf9cf968u);
	assert_true(hash64(HASH64_START, "", 0) == UINT64_C(0xcbf29ce484222325));
	assert_true(hash64(HASH64_START, "a", 1) == UINT64_C(0xaf63dc4c8601ec8c));
	assert_true(hash64(HASH64_START, "foobar", 6) == UINT64_C(0x85944171f73967e8));
	/* in two steps */
	assert_true(hash64(hash64(HASH64_START, "foo", 3), "bar", 3) ==
		    UINT64_C(0x85944171f73967e8));
	/* bytes above 127 are no negative numbers */
	assert_true(hash32(HASH32_START, "\xff", 1) == (0x811c9dc5u ^ 0xffu) * 16777619u);
}

static void random_numbers_differ(void **state)
{
	uint64_t a = 1, b = 1, last = 0;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		uint64_t n = random_next(&a);

		assert_true(n != 0 && n != last);
		assert_true(n == random_next(&b));
		last = n;
	}
}

static void pauses_double_up_to_the_most(void **state)
{
	uint64_t pause = 0, least = 100;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		uint64_t before = pause, wait = backoff_next(&pause, 100, 1600, 0);

		assert_true(pause == least);
		assert_true(wait == least / 2);
		pause = before;
		wait = backoff_next(&pause, 100, 1600, UINT64_MAX);
		assert_true(wait >= least / 2 && wait < least);
		least = least * 2 > 1600 ? 1600 : least * 2;
	}
	pause = 0; /* a try went well */
	assert_true(backoff_next(&pause, 100, 1600, 7) == 57);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_are_fnv_1a),
		cmocka_unit_test(random_numbers_differ),
		cmocka_unit_test(pauses_double_up_to_the_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* The table: what was added is found, once, with what was written into it, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/ds/table.h"

#define MANY 5000u

struct record {
	uint32_t key;
	uint64_t value;
};

static void all_are_found(void **state)
{
	static const uint32_t steps[] = { 1, 64, 0x10000, 0x01000000, 2654435769u };

	(void)state;
	for (unsigned s = 0; s < sizeof(steps) / sizeof(*steps); s++) {
		unsigned n = steps[s] == 0x01000000 ? 255 : MANY, seen = 0;
		struct table t = table_of(sizeof(struct record));
		struct record *r;

		assert_null(table_find(&t, 7));
		for (uint32_t i = 1; i <= n; i++) {
			r = table_add(&t, i * steps[s]);
			assert_int_equal(r->value, 0);
			r->value = i;
		}
		for (uint32_t i = 1; i <= n; i++) {
			assert_int_equal(((struct record *)table_add(&t, i * steps[s]))->value, i);
			r = table_find(&t, i * steps[s]);
			assert_int_equal(r->key, i * steps[s]);
		}
		assert_null(table_find(&t, (n + 1) * steps[s] + (steps[s] == 0x01000000)));
		for (size_t at = 0; (r = table_next(&t, &at));)
			seen++;
		assert_int_equal(seen, n);
		assert_int_equal(t.count, n);
		table_fini(&t);
		assert_null(table_find(&t, 7));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(all_are_found) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

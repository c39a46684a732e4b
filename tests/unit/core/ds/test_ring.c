/* SPDX-License-Identifier: MIT */
/* The ring: what goes in comes out in its order, also when it grows while it goes round its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/base/random.h"
#include "core/ds/ring.h"

struct entry {
	unsigned number, twice;
};

static void an_empty_one_has_nothing(void **state)
{
	RING_OF(struct entry) ring = { 0 };
	struct entry e = { 7, 14 };

	(void)state;
	assert_false(ring_take(&ring, &e));
	assert_int_equal(e.number, 7);
	ring_push(&ring, 4, (struct entry){ 1, 2 });
	assert_true(ring_take(&ring, &e));
	assert_int_equal(e.number, 1);
	assert_false(ring_take(&ring, &e));
	ring_fini(&ring);
}

/* More goes in than comes out, so it grows at every place of its first entry. */
static void order_outlives_growing(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 50; seed++) {
		RING_OF(struct entry) ring = { 0 };
		unsigned in = 0, out = 0;
		uint64_t random = seed;
		struct entry e;

		while (in < 2000) {
			if (random_next(&random) % 5 < 3) {
				ring_push(&ring, 4, (struct entry){ in, in * 2 });
				in++;
			} else if (ring_take(&ring, &e)) {
				assert_int_equal(e.number, out++);
			}
			assert_int_equal(ring.count, in - out);
			for (unsigned i = 0; i < ring.count; i++)
				assert_int_equal(ring_at(&ring, i)->twice, 2 * (out + i));
		}
		while (ring_take(&ring, &e))
			assert_int_equal(e.number, out++);
		assert_int_equal(in, out);
		ring_fini(&ring);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_one_has_nothing),
		cmocka_unit_test(order_outlives_growing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

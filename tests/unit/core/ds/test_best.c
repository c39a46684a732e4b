/* SPDX-License-Identifier: MIT */
/* The best of many: they are those that sorting all would give, whatever the order they come in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/base/base.h"
#include "core/ds/best.h"

#define MANY 1000u

struct row {
	struct best_entry entry;
	unsigned number;
};

static struct row rows[MANY];

static int by_key(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->entry.key != y->entry.key)
		return x->entry.key < y->entry.key ? 1 : -1;
	return (x->number > y->number) - (x->number < y->number);
}

static void same_as_sorting(void **state)
{
	static const size_t limits[] = { 1, 2, 3, 10, MANY - 1, MANY, MANY + 5 };
	struct row sorted[MANY];

	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		srand(kind);
		for (unsigned i = 0; i < MANY; i++) {
			unsigned keys[] = { i, MANY - i, (unsigned)rand() % 50, 7 };

			sorted[i] = rows[i] = (struct row){ { .key = keys[kind] }, i };
		}
		qsort(sorted, MANY, sizeof(*sorted), by_key);
		for (unsigned l = 0; l < array_len(limits); l++) {
			struct best b = best_of(limits[l], sizeof(struct row));

			for (unsigned i = 0; i < MANY; i++)
				best_add(&b, &rows[i].entry);
			best_sort(&b);
			assert_int_equal(b.count, limits[l] < MANY ? limits[l] : MANY);
			for (unsigned i = 0; i < b.count; i++)
				assert_int_equal(((struct row *)best_at(&b, i))->number,
						 sorted[i].number);
			best_fini(&b);
		}
	}
}

static void none(void **state)
{
	struct best b = best_of(3, sizeof(struct row));

	(void)state;
	best_sort(&b);
	assert_int_equal(b.count, 0);
	best_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_as_sorting),
		cmocka_unit_test(none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Slabs: objects of their own, memory that comes back, late readers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "core/ds/slab.h"

#define N 5000u /* several slabs */

struct object {
	_Alignas(CACHE_LINE) atomic_uint id; /* 0: gone */
	struct object *next;
	char rest[400];
};

static struct slab_pool pool = SLAB_POOL(struct object, next);
static struct object *all[N];

static void fill(void)
{
	for (unsigned i = 0; i < N; i++) {
		all[i] = slab_alloc(&pool);
		assert_non_null(all[i]);
		assert_int_equal((uintptr_t)all[i] % CACHE_LINE, 0);
		assert_int_equal(atomic_load(&all[i]->id), 0);
		atomic_store(&all[i]->id, i + 1);
	}
}

static void drain(unsigned step)
{
	for (unsigned i = 0; i < N; i += step) {
		if (!all[i])
			continue;
		assert_int_equal(atomic_load(&all[i]->id), i + 1);
		atomic_store(&all[i]->id, 0);
		slab_free(&pool, all[i]);
		all[i] = NULL;
	}
}

/* Pages of the objects' slabs that are in memory. */
static unsigned resident(char **slab, unsigned slabs)
{
	unsigned char in[SLAB_BYTES / 4096];
	unsigned n = 0;

	for (unsigned k = 0; k < slabs; k++) {
		assert_int_equal(mincore(slab[k], SLAB_BYTES, in), 0);
		for (unsigned i = 0; i < sizeof(in); i++)
			n += in[i] & 1;
	}
	return n;
}

static unsigned slabs_of(char *slab[], unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 0; i < N; i++) {
		char *s = (char *)((uintptr_t)all[i] & ~(SLAB_BYTES - 1));
		unsigned k = 0;

		while (k < n && slab[k] != s)
			k++;
		if (k == n) {
			assert_true(n < max);
			slab[n++] = s;
		}
	}
	return n;
}

static void test_objects_are_apart_and_reused(void **state)
{
	char *before[64], *after[64];
	unsigned n;

	(void)state;
	fill();
	n = slabs_of(before, 64);
	assert_true(n > 1);
	drain(1);
	fill();
	assert_int_equal(slabs_of(after, 64), n); /* no new ones */
	drain(1);
	slab_fini(&pool);
}

static void test_trim_gives_whole_slabs_back(void **state)
{
	char *slab[64];
	unsigned n, full;
	struct object *late;

	(void)state;
	fill();
	late = all[N / 2];
	n = slabs_of(slab, 64);
	full = resident(slab, n);
	slab_trim(&pool);
	assert_int_equal(resident(slab, n), full); /* all in use */
	drain(2);
	slab_trim(&pool);
	assert_int_equal(resident(slab, n), full); /* every slab half in use */
	drain(1);
	slab_trim(&pool);
	assert_int_equal(resident(slab, n), n); /* a head each */
	assert_int_equal(atomic_load(&late->id), 0);
	unsigned expected = 7;
	assert_false(atomic_compare_exchange_strong(&late->id, &expected, 8));
	fill();
	assert_int_equal(resident(slab, n), full);
	drain(1);
	slab_fini(&pool);
}

static void test_an_object_in_use_holds_its_slab_only(void **state)
{
	char *slab[64];
	unsigned n, i = N / 2;
	struct object *kept;

	(void)state;
	fill();
	n = slabs_of(slab, 64);
	kept = all[i];
	all[i] = NULL;
	drain(1);
	slab_trim(&pool);
	assert_true(resident(slab, n) <= n - 1 + SLAB_BYTES / 4096);
	assert_int_equal(atomic_load(&kept->id), i + 1);
	atomic_store(&kept->id, 0);
	slab_free(&pool, kept);
	slab_fini(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_objects_are_apart_and_reused),
		cmocka_unit_test(test_trim_gives_whole_slabs_back),
		cmocka_unit_test(test_an_object_in_use_holds_its_slab_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

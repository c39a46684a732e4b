/* SPDX-License-Identifier: MIT */
/* The table of sessions against a plain array: what is there is found, what is not is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/base/random.h"
#include "core/ds/sessions.h"

struct entry {
	uint32_t service;
	int32_t session;
	unsigned value;
};

static const struct sessions_kind both = { sizeof(struct entry), offsetof(struct entry, session),
					   offsetof(struct entry, service), 8 };
static const struct sessions_kind one = { sizeof(struct entry), offsetof(struct entry, session),
					  SESSIONS_ONE, 8 };

static void put(struct sessions *t, const struct sessions_kind *k, uint32_t service,
		int32_t session, unsigned value)
{
	struct entry *e = sessions_add(t, k, service, session);

	*e = (struct entry){ service, session, value };
}

static void an_empty_one_has_nothing(void **state)
{
	struct sessions t = { 0 };

	(void)state;
	assert_null(sessions_find(&t, &one, 0, 1));
	put(&t, &one, 0, 1, 7);
	assert_null(sessions_find(&t, &one, 0, 0));
	assert_null(sessions_find(&t, &one, 0, 2));
	sessions_remove(&t, &one, sessions_find(&t, &one, 0, 1));
	assert_null(sessions_find(&t, &one, 0, 1));
	sessions_fini(&t);
	assert_int_equal(t.size, 0);
}

static void a_session_is_of_a_service(void **state)
{
	struct sessions t = { 0 };

	(void)state;
	for (uint32_t service = 1; service <= 100; service++)
		put(&t, &both, service, 5, service);
	for (uint32_t service = 1; service <= 100; service++) {
		struct entry *e = sessions_find(&t, &both, service, 5);

		assert_non_null(e);
		assert_int_equal(e->value, service);
		assert_null(sessions_find(&t, &both, service, 6));
	}
	assert_null(sessions_find(&t, &both, 101, 5));
	sessions_fini(&t);
}

/* Sessions that lie close together, so that runs are long, meet, and go round the end of the
 * table. */
#define KEYS 300u
static void as_an_array_would(const struct sessions_kind *k, uint64_t seed)
{
	static unsigned there[KEYS];
	struct sessions t = { 0 };
	unsigned used = 0;

	for (unsigned i = 0; i < KEYS; i++)
		there[i] = 0;
	for (unsigned step = 0; step < 20000; step++) {
		uint64_t r = random_next(&seed);
		unsigned key = (unsigned)(r % KEYS);
		uint32_t service = k->service == SESSIONS_ONE ? 0 : key % 3;
		int32_t session = (int32_t)(k->service == SESSIONS_ONE ? key + 1 : key / 3 + 1);
		struct entry *e = sessions_find(&t, k, service, session);

		assert_true(!e == !there[key]);
		if (e) {
			assert_int_equal(e->value, there[key]);
			sessions_remove(&t, k, e);
			there[key] = 0;
			used--;
		} else {
			put(&t, k, service, session, step + 1);
			there[key] = step + 1;
			used++;
		}
		assert_int_equal(t.used, used);
		assert_true(t.used * 2 <= t.size);
	}
	sessions_fini(&t);
}

static void finds_what_an_array_would(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 10; seed++) {
		as_an_array_would(&one, seed);
		as_an_array_would(&both, seed);
	}
}

static void memory_is_given_back(void **state)
{
	struct sessions t = { 0 };

	(void)state;
	for (int32_t s = 1; s <= 100000; s++)
		put(&t, &one, 0, s, (unsigned)s);
	assert_true(t.size >= 200000);
	for (int32_t s = 1; s <= 100000; s++) {
		struct entry *e = sessions_find(&t, &one, 0, s);

		assert_non_null(e);
		assert_int_equal(e->value, s);
		sessions_remove(&t, &one, e);
	}
	assert_int_equal(t.used, 0);
	assert_true(t.size <= SESSIONS_KEPT);
	sessions_fini(&t);
}

static unsigned longest_run(const struct sessions *t)
{
	const struct entry *entries = t->entries;
	unsigned longest = 0, run = 0;

	for (unsigned i = 0; i < 2 * t->size; i++) {
		run = entries[i % t->size].session ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	return longest;
}

/* Each removal walks to the end of its run. */
static void sessions_in_a_row_make_no_long_runs(void **state)
{
	struct sessions t = { 0 };
	int32_t first = 1;

	(void)state;
	for (int32_t n = 100; n <= 100000; n *= 10) {
		for (int32_t s = first; s < first + n; s++)
			put(&t, &both, 0x01000007, s, 0);
		assert_true(longest_run(&t) <= 128);
		for (int32_t s = first; s < first + n; s++) {
			struct entry *e = sessions_find(&t, &both, 0x01000007, s);

			assert_non_null(e);
			sessions_remove(&t, &both, e);
			if (s == first + n / 2)
				assert_true(longest_run(&t) <= 128);
		}
		assert_int_equal(t.used, 0);
		first += n;
	}
	sessions_fini(&t);
}

static void several_services_do_not_lie_on_each_other(void **state)
{
	struct sessions t = { 0 };

	(void)state;
	for (int32_t s = 1; s <= 2000; s++)
		for (uint32_t service = 0x0100000a; service < 0x0100001a; service++)
			put(&t, &both, service, s, 0);
	assert_int_equal(t.used, 32000);
	assert_true(longest_run(&t) <= 256);
	sessions_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_one_has_nothing),
		cmocka_unit_test(a_session_is_of_a_service),
		cmocka_unit_test(finds_what_an_array_would),
		cmocka_unit_test(memory_is_given_back),
		cmocka_unit_test(sessions_in_a_row_make_no_long_runs),
		cmocka_unit_test(several_services_do_not_lie_on_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

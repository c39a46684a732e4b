/* SPDX-License-Identifier: MIT */
/* Requests that wait for an answer from another node: what is known of them, and how long their
 * runs in the table get. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/actor/msg.h"
#include "harbor/link/pending.h"

static struct pending p;

static int setup(void **state)
{
	(void)state;
	pending_init(&p);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pending_fini(&p);
	return 0;
}

static void ask(uint32_t source, int32_t session)
{
	struct msg m = { .type = PTYPE_LUA,
			 .source = source,
			 .dest = 0x02000001,
			 .session = session },
		   *one = &m;

	pending_add(&p, &one, 1);
}

static bool answer(uint32_t source, int32_t session)
{
	struct msg m = {
		.type = PTYPE_RESPONSE, .source = 0x02000001, .dest = source, .session = session
	};

	return pending_answered(&p, &m);
}

static bool known(uint32_t source, int32_t session)
{
	for (unsigned i = 0; i < p.size; i++)
		if (p.entries[i].session == session && p.entries[i].source == source)
			return true;
	return false;
}

static unsigned longest_run(void)
{
	unsigned longest = 0, run = 0;

	for (unsigned i = 0; i < 2 * p.size; i++) {
		run = p.entries[i % p.size].session ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	return longest;
}

static void what_is_answered_is_forgotten_and_nothing_else(void **state)
{
	enum { SOURCES = 5, SESSIONS = 400 };
	static unsigned asked[SOURCES][SESSIONS + 1];
	unsigned count = 0;

	(void)state;
	srand(4711);
	for (int step = 0; step < 20000; step++) {
		unsigned source = (unsigned)rand() % SOURCES;
		int session = rand() % SESSIONS + 1;

		if (rand() % 2) {
			ask(source + 1, session);
			count += !asked[source][session];
			asked[source][session]++;
		} else {
			assert_int_equal(answer(source + 1, session), asked[source][session] > 0);
			if (asked[source][session])
				count -= --asked[source][session] == 0;
		}
		assert_int_equal(pending_count(&p), count);
	}
	for (unsigned i = 0; i < SOURCES; i++)
		for (int s = 1; s <= SESSIONS; s++)
			assert_int_equal(known(i + 1, s), asked[i][s] > 0);
}

/* Each answer walks to the end of its run. */
static void sessions_in_a_row_make_no_long_runs(void **state)
{
	int32_t first = 1;

	(void)state;
	for (int32_t n = 100; n <= 100000; n *= 10) {
		for (int32_t s = first; s < first + n; s++)
			ask(0x01000007, s);
		assert_true(longest_run() <= 128);
		for (int32_t s = first; s < first + n / 2; s++)
			assert_true(answer(0x01000007, s));
		assert_true(longest_run() <= 128);
		for (int32_t s = first + n / 2; s < first + n; s++)
			assert_true(answer(0x01000007, s));
		assert_int_equal(pending_count(&p), 0);
		first += n;
	}
}

static void several_services_do_not_lie_on_each_other(void **state)
{
	(void)state;
	for (int32_t s = 1; s <= 2000; s++)
		for (uint32_t source = 0x0100000a; source < 0x0100001a; source++)
			ask(source, s);
	assert_int_equal(pending_count(&p), 32000);
	assert_true(longest_run() <= 256);
}

static void what_wants_no_answer_does_not_wait(void **state)
{
	struct msg m[] = { { .type = PTYPE_LUA },
			   { .type = PTYPE_RESPONSE, .session = 3 },
			   { .type = PTYPE_ERROR, .session = 4 },
			   { .type = PTYPE_MULTICAST, .session = 5 } };
	struct msg *all[] = { &m[0], &m[1], &m[2], &m[3] };

	(void)state;
	for (unsigned i = 0; i < array_len(m); i++)
		m[i].source = 0x0100000a;
	pending_add(&p, all, array_len(all));
	assert_int_equal(pending_count(&p), 0);
}

int main(void)
{
#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		test(what_is_answered_is_forgotten_and_nothing_else),
		test(sessions_in_a_row_make_no_long_runs),
		test(what_wants_no_answer_does_not_wait),
		test(several_services_do_not_lie_on_each_other),
	};

	return cmocka_run_group_tests_name("harbor/pending", tests, NULL, NULL);
}

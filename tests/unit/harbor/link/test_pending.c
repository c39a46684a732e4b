/* SPDX-License-Identifier: MIT */
/* Requests that wait for an answer from another node: what is known of them. */
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
		for (int s = 1; s <= SESSIONS; s++) {
			for (; asked[i][s]; asked[i][s]--)
				assert_true(answer(i + 1, s));
			assert_false(answer(i + 1, s));
		}
	assert_int_equal(pending_count(&p), 0);
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
		test(what_wants_no_answer_does_not_wait),
	};

	return cmocka_run_group_tests_name("harbor/pending", tests, NULL, NULL);
}

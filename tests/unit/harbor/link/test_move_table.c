/* SPDX-License-Identifier: MIT */
/* The table of moves when it is full: a node may live long, and give away more than it notes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "harbor/link/moves.h"

#define FROM 0x01000000u
#define TO 0x02000000u

static void fill(struct move_table *t, enum way way, bool finished)
{
	for (uint32_t i = 0; i < MOVE_TABLE_MAX; i++) {
		struct move *r = move_table_add(t, FROM + i, TO + i, way);

		assert_non_null(r);
		r->finished = finished;
	}
}

static void the_oldest_that_is_done_makes_room(void **state)
{
	static const struct {
		enum way way;
		bool finished, room;
	} kinds[] = {
		{ WAY_NEW, false, true },   { WAY_OWN, true, false }, { WAY_OWN, false, false },
		{ WAY_HELD, false, false }, { WAY_OLD, false, true },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct move_table t = { .count = 0 };
		struct move *r;

		fill(&t, kinds[i].way, kinds[i].finished);
		r = move_table_add(&t, FROM + MOVE_TABLE_MAX, TO + MOVE_TABLE_MAX, WAY_OLD);
		assert_true((r != NULL) == kinds[i].room);
		assert_true((move_table_from(&t, FROM) == NULL) == kinds[i].room);
		assert_non_null(move_table_from(&t, FROM + 1));
		assert_int_equal(t.count, MOVE_TABLE_MAX);
		move_table_fini(&t);
	}
}

/* A peer may claim what it likes: see claim in moves.c. */
static void who_comes_by_a_handle_is_known(void **state)
{
	struct move_table t = { .count = 0 };

	(void)state;
	move_table_add(&t, FROM, TO, WAY_OLD);
	move_table_add(&t, TO, TO + 1, WAY_OLD);
	assert_true(move_table_passes(&t, FROM, FROM));
	assert_true(move_table_passes(&t, FROM, TO)); /* and goes on */
	assert_true(move_table_passes(&t, FROM, TO + 1));
	assert_false(move_table_passes(&t, TO, FROM));
	assert_false(move_table_passes(&t, FROM, TO + 2));
	for (uint32_t i = 1; i < MOVE_TABLE_HOPS; i++)
		move_table_add(&t, TO + i, TO + i + 1, WAY_OLD);
	assert_true(move_table_passes(&t, TO, TO + MOVE_TABLE_HOPS));
	assert_false(move_table_passes(&t, FROM, TO + MOVE_TABLE_HOPS)); /* it is not followed */
	move_table_fini(&t);
}

/* Returns how many of a hundred thousand handles that never moved are taken for ones that did. */
static unsigned suspects(void)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < 100000; i++)
		n += moves_concern(0x03000000u + i);
	return n;
}

static void what_is_over_costs_other_senders_little(void **state)
{
	struct move_table t = { .count = 0 };
	struct move *r;

	(void)state;
	r = move_table_add(&t, FROM + MOVE_TABLE_MAX, TO + MOVE_TABLE_MAX, WAY_OLD);
	assert_non_null(r);
	r = move_table_add(&t, TO + MOVE_TABLE_MAX, 0x04000000u, WAY_NEW);
	assert_non_null(r);
	move_table_settle(&t, r);
	for (unsigned round = 0; round < 2; round++) {
		/* the second time each one takes the place of one of the first time */
		for (uint32_t i = 0; i < MOVE_TABLE_MAX - 2; i++) {
			uint32_t at = i + round * 2 * MOVE_TABLE_MAX;

			r = move_table_add(&t, FROM + at, TO + at, WAY_NEW);
			assert_non_null(r);
			move_table_settle(&t, r);
			assert_true(moves_concern(FROM + at));
		}
	}
	assert_true(suspects() < 10000);
	/* a sender to the end of a chain follows the first move of it that is under way */
	assert_true(moves_concern(FROM + MOVE_TABLE_MAX) && moves_concern(TO + MOVE_TABLE_MAX));
	while (t.all.first)
		move_table_remove(&t, t.all.first);
	assert_true(suspects() < 1000);
	move_table_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_comes_by_a_handle_is_known),
		cmocka_unit_test(the_oldest_that_is_done_makes_room),
		cmocka_unit_test(what_is_over_costs_other_senders_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

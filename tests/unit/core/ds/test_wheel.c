/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/base/base.h"
#include "core/ds/wheel.h"

#define T0 1000

struct probe {
	struct wheel_entry entry;
	unsigned order;
	uint64_t due; /* the tick, or the time of arming if that was later */
};

static struct wheel w;

static int setup(void **state)
{
	(void)state;
	wheel_init(&w, T0);
	return 0;
}

static unsigned count(struct wheel_entry *e)
{
	unsigned n = 0;

	for (; e; e = e->next)
		n++;
	return n;
}

static void fires_once_at_its_tick_and_not_before(void **state)
{
	struct probe p = { .order = 0 };

	(void)state;
	wheel_arm(&w, &p.entry, T0 + 64);
	assert_int_equal(wheel_next(&w) <= T0 + 64, 1);
	assert_null(wheel_advance(&w, T0 + 63));
	assert_ptr_equal(wheel_advance(&w, T0 + 64), &p.entry);
	assert_false(wheel_entry_armed(&p.entry));
	assert_null(wheel_advance(&w, T0 + 9999));
	assert_int_equal(wheel_next(&w), UINT64_MAX);
}

static void a_disarmed_entry_does_not_fire(void **state)
{
	struct probe p = { .order = 0 };

	(void)state;
	wheel_arm(&w, &p.entry, T0 + 5000);
	assert_true(wheel_disarm(&w, &p.entry));
	assert_false(wheel_disarm(&w, &p.entry));
	assert_null(wheel_advance(&w, T0 + 10000));
	assert_int_equal(w.count, 0);
}

static void a_tick_in_the_past_fires_at_the_next_advance(void **state)
{
	struct probe p = { .order = 0 };

	(void)state;
	wheel_arm(&w, &p.entry, 3);
	assert_ptr_equal(wheel_advance(&w, T0), &p.entry);
}

static void equal_ticks_fire_in_the_order_of_arming(void **state)
{
	struct probe p[8];
	struct wheel_entry *e;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		p[i] = (struct probe){ .order = i };
		wheel_arm(&w, &p[i].entry, T0 + 300000);
	}
	e = wheel_advance(&w, T0 + 300000);
	for (unsigned i = 0; i < 8; i++, e = e->next)
		assert_int_equal(container_of(e, struct probe, entry)->order, i);
	assert_null(e);
}

static void a_far_tick_survives_the_top_level(void **state)
{
	struct probe p = { .order = 0 };
	uint64_t far = T0 + ((uint64_t)1 << 50);

	(void)state;
	wheel_arm(&w, &p.entry, far);
	assert_null(wheel_advance(&w, far - 1));
	assert_int_equal(count(wheel_advance(&w, far)), 1);
}

static void next_is_exact_across_the_levels(void **state)
{
	static const uint64_t distance[] = { 0, 1, 7, 24, 63, 64, 4000, 300000, (uint64_t)1 << 40 };

	(void)state;
	assert_int_equal(wheel_next(&w), UINT64_MAX);
	for (size_t i = 0; i < array_len(distance); i++) {
		struct probe p = { .order = 0 }, later = { .order = 1 };

		wheel_arm(&w, &later.entry, T0 + distance[i] + 9);
		wheel_arm(&w, &p.entry, T0 + distance[i]);
		assert_int_equal(wheel_next(&w), T0 + distance[i]);
		assert_true(wheel_disarm(&w, &p.entry));
		assert_int_equal(wheel_next(&w), T0 + distance[i] + 9);
		assert_true(wheel_disarm(&w, &later.entry));
	}
}

static void next_of_a_crowded_slot_is_not_late(void **state)
{
	enum { N = WHEEL_LOOK_MAX * 3 };
	static struct probe p[N];

	(void)state;
	/* all in one slot of the third level; the earliest was armed last */
	for (unsigned i = 0; i < N; i++) {
		p[i] = (struct probe){ .order = i };
		wheel_arm(&w, &p[i].entry, 8192 + 3000 - i);
	}
	assert_int_equal(wheel_next(&w), 8192);
	assert_null(wheel_advance(&w, wheel_next(&w)));
	/* moved down, it comes nearer at each look and never passes */
	for (unsigned looks = 0; wheel_next(&w) != 8192 + 3000 - (N - 1); looks++) {
		assert_true(looks < WHEEL_LEVELS);
		assert_true(wheel_next(&w) < 8192 + 3000 - (N - 1));
		assert_null(wheel_advance(&w, wheel_next(&w)));
	}
	assert_int_equal(count(wheel_advance(&w, 8192 + 3000)), N);
}

static void an_entry_cascades_level_by_level_and_keeps_its_place(void **state)
{
	struct probe early = { .order = 0 }, late = { .order = 1 }, other = { .order = 2 };
	uint64_t tick = T0 + ((uint64_t)1 << 20) + 77;
	struct wheel_entry *e;

	(void)state;
	wheel_arm(&w, &early.entry, tick); /* far: a high level */
	wheel_arm(&w, &other.entry, tick + 1);
	for (unsigned l = 20; l-- > 3;)
		assert_null(wheel_advance(&w, tick - ((uint64_t)1 << l)));
	wheel_arm(&w, &late.entry, tick); /* near: a low level, behind the one that came down */
	e = wheel_advance(&w, tick);
	assert_ptr_equal(e, &early.entry);
	assert_ptr_equal(e->next, &late.entry);
	assert_null(e->next->next);
	assert_ptr_equal(wheel_advance(&w, tick + 1), &other.entry);
}

static void a_huge_jump_expires_all_in_order_at_little_cost(void **state)
{
	enum { N = 40 };
	static struct probe p[N];
	struct wheel_entry *e;

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		p[i] = (struct probe){ .order = i };
		wheel_arm(&w, &p[i].entry, T0 + ((uint64_t)1 << i));
	}
	/* 2^45 ticks: a walk over them would not end in this life */
	e = wheel_advance(&w, T0 + ((uint64_t)1 << 45));
	for (unsigned i = 0; i < N; i++, e = e->next)
		assert_int_equal(container_of(e, struct probe, entry)->order, i);
	assert_null(e);
	assert_int_equal(w.now, T0 + ((uint64_t)1 << 45));
}

static void time_does_not_go_back(void **state)
{
	struct probe p = { .order = 0 };

	(void)state;
	wheel_arm(&w, &p.entry, T0 + 10);
	assert_null(wheel_advance(&w, T0 + 5));
	assert_null(wheel_advance(&w, T0 - 500));
	assert_int_equal(w.now, T0 + 5);
	assert_ptr_equal(wheel_advance(&w, T0 + 10), &p.entry);
}

/* Against a list that is searched every time. */
static void behaves_like_a_sorted_list(void **state)
{
	enum { N = 400 };
	static struct probe p[N];
	uint64_t now = T0;
	unsigned order = 0;

	(void)state;
	srand(7);
	for (unsigned i = 0; i < N; i++)
		p[i] = (struct probe){ 0 };
	for (unsigned step = 0; step < 60000; step++) {
		struct probe *q = &p[(unsigned)rand() % N];

		if (!wheel_entry_armed(&q->entry)) {
			uint64_t span = (uint64_t)1 << (rand() % 30);

			uint64_t tick = now + (uint64_t)rand() % span;

			if (rand() % 16 == 0)
				tick -= (uint64_t)rand() % T0; /* some are late already */
			q->order = order++;
			q->due = tick > now ? tick : now;
			wheel_arm(&w, &q->entry, tick);
		} else if (rand() % 4 == 0) {
			assert_true(wheel_disarm(&w, &q->entry));
		}
		if (rand() % 3)
			continue;
		now += (uint64_t)rand() % ((uint64_t)1 << (rand() % 20));
		unsigned due = 0, in_slot = 0;
		uint64_t earliest = UINT64_MAX;

		for (unsigned i = 0; i < N; i++)
			if (wheel_entry_armed(&p[i].entry) && p[i].due < earliest)
				earliest = p[i].due;
		/* The width of its slot: digits below the first in which it differs from now. */
		unsigned width = 0;

		while (earliest != UINT64_MAX &&
		       (earliest ^ w.now) >> width >> WHEEL_SLOT_BITS != 0)
			width += WHEEL_SLOT_BITS;
		for (unsigned i = 0; i < N; i++)
			if (wheel_entry_armed(&p[i].entry)) {
				due += p[i].due <= now;
				in_slot += p[i].due >> width == earliest >> width;
			}
		if (width == 0 || in_slot <= WHEEL_LOOK_MAX)
			assert_int_equal(wheel_next(&w), earliest);
		else
			assert_true(wheel_next(&w) <= earliest);
		struct wheel_entry *e = wheel_advance(&w, now);

		assert_int_equal(count(e), due);
		for (; e && e->next; e = e->next) {
			struct probe *a = container_of(e, struct probe, entry);
			struct probe *b = container_of(e->next, struct probe, entry);

			assert_true(a->due < b->due || (a->due == b->due && a->order < b->order));
		}
		for (unsigned i = 0; i < N; i++)
			assert_true(!wheel_entry_armed(&p[i].entry) || p[i].entry.tick > now);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(fires_once_at_its_tick_and_not_before, setup),
		cmocka_unit_test_setup(a_disarmed_entry_does_not_fire, setup),
		cmocka_unit_test_setup(a_tick_in_the_past_fires_at_the_next_advance, setup),
		cmocka_unit_test_setup(equal_ticks_fire_in_the_order_of_arming, setup),
		cmocka_unit_test_setup(a_far_tick_survives_the_top_level, setup),
		cmocka_unit_test_setup(next_is_exact_across_the_levels, setup),
		cmocka_unit_test_setup(next_of_a_crowded_slot_is_not_late, setup),
		cmocka_unit_test_setup(an_entry_cascades_level_by_level_and_keeps_its_place, setup),
		cmocka_unit_test_setup(a_huge_jump_expires_all_in_order_at_little_cost, setup),
		cmocka_unit_test_setup(time_does_not_go_back, setup),
		cmocka_unit_test_setup(behaves_like_a_sorted_list, setup),
	};

	return cmocka_run_group_tests_name("core/wheel", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/base.h"
#include "core/wheel.h"

#define T0 1000

struct probe {
	struct wheel_entry entry;
	unsigned order;
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

			q->order = order++;
			wheel_arm(&w, &q->entry, now + (uint64_t)rand() % span);
		} else if (rand() % 4 == 0) {
			assert_true(wheel_disarm(&w, &q->entry));
		}
		if (rand() % 3)
			continue;
		now += (uint64_t)rand() % ((uint64_t)1 << (rand() % 20));
		unsigned due = 0;
		uint64_t earliest = UINT64_MAX;

		for (unsigned i = 0; i < N; i++)
			if (wheel_entry_armed(&p[i].entry)) {
				due += p[i].entry.tick <= now;
				if (p[i].entry.tick < earliest)
					earliest = p[i].entry.tick;
			}
		assert_true(wheel_next(&w) <= (earliest < w.now ? w.now : earliest));
		struct wheel_entry *e = wheel_advance(&w, now);

		assert_int_equal(count(e), due);
		for (; e && e->next; e = e->next) {
			struct probe *a = container_of(e, struct probe, entry);
			struct probe *b = container_of(e->next, struct probe, entry);

			if (a->entry.tick == b->entry.tick)
				assert_true(a->order < b->order);
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
		cmocka_unit_test_setup(behaves_like_a_sorted_list, setup),
	};

	return cmocka_run_group_tests_name("core/wheel", tests, NULL, NULL);
}

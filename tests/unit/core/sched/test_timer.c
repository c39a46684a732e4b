/* SPDX-License-Identifier: MIT */
/* Timers: most tests pass the time in; the last two run real threads. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/log/log.h"
#include "core/node/node.h"
#include "core/sched/timer.h"

#define TICK TIMER_TICK_NS

struct probe {
	struct timer timer;
	unsigned fired, order;
};

static uint64_t t0; /* a whole tick, now or a little later */
static unsigned fires;

static void count_fire(struct timer *t)
{
	struct probe *p = container_of(t, struct probe, timer);

	p->fired++;
	p->order = ++fires;
}

static int setup(void **state)
{
	(void)state;
	fires = 0;
	assert_int_equal(timer_init(NULL), 0);
	t0 = (clock_mono_ns() / TICK + 10) * TICK;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	timer_fini();
	return 0;
}

static void a_timer_is_never_early(void **state)
{
	struct probe p = { .timer.fire = count_fire };

	(void)state;
	timer_arm(&p.timer, t0 + 1); /* not a whole tick: rounded up */
	assert_int_equal(timer_next(), t0 + TICK);
	assert_int_equal(timer_run(t0), 0);
	assert_int_equal(timer_run(t0 + TICK - 1), 0);
	assert_int_equal(p.fired, 0);
	assert_int_equal(timer_run(t0 + TICK), 1);
	assert_int_equal(p.fired, 1);
	assert_int_equal(timer_run(t0 + 99 * TICK), 0);
	assert_int_equal(p.fired, 1);
}

static void a_whole_tick_is_not_rounded(void **state)
{
	struct probe p = { .timer.fire = count_fire };

	(void)state;
	timer_arm(&p.timer, t0);
	assert_int_equal(timer_next(), t0);
	assert_int_equal(timer_run(t0), 1);
}

static void next_is_the_earliest_expiry_at_any_distance(void **state)
{
	static const unsigned distance[] = { 1, 63, 64, 65, 4095, 4096, 5000, 300000, 20000000 };
	struct probe p[array_len(distance)];

	(void)state;
	assert_int_equal(timer_next(), UINT64_MAX);
	for (size_t i = array_len(distance); i-- > 0;) {
		p[i] = (struct probe){ .timer.fire = count_fire };
		timer_arm(&p[i].timer, t0 + distance[i] * TICK);
		assert_int_equal(timer_next(), t0 + distance[i] * TICK);
	}
	/* after each run as well: an idle node wakes for expiries only */
	for (size_t i = 0; i < array_len(distance); i++) {
		assert_int_equal(timer_next(), t0 + distance[i] * TICK);
		assert_int_equal(timer_run(t0 + distance[i] * TICK), 1);
		assert_int_equal(p[i].fired, 1);
	}
	assert_int_equal(timer_next(), UINT64_MAX);
}

static void a_disarmed_timer_does_not_fire(void **state)
{
	struct probe p = { .timer.fire = count_fire }, q = { .timer.fire = count_fire };

	(void)state;
	timer_arm(&p.timer, t0);
	timer_arm(&q.timer, t0);
	assert_int_equal(timer_count(), 2);
	assert_true(timer_disarm(&p.timer));
	assert_false(timer_disarm(&p.timer));
	assert_int_equal(timer_count(), 1);
	assert_int_equal(timer_run(t0), 1);
	assert_int_equal(p.fired, 0);
	assert_int_equal(q.fired, 1);
	assert_false(timer_disarm(&q.timer));
	assert_int_equal(timer_count(), 0);
}

static void after_the_last_disarm_nothing_is_due(void **state)
{
	struct probe p = { .timer.fire = count_fire };

	(void)state;
	timer_arm(&p.timer, t0);
	timer_disarm(&p.timer);
	assert_int_equal(timer_next(), UINT64_MAX);
}

static void timers_fire_by_deadline_and_then_by_arming(void **state)
{
	struct probe p[6];
	static const unsigned ticks[] = { 700, 3, 700, 2, 3, 90 };
	static const unsigned order[] = { 5, 2, 6, 1, 3, 4 };

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		p[i] = (struct probe){ .timer.fire = count_fire };
		timer_arm(&p[i].timer, t0 + ticks[i] * TICK);
	}
	assert_int_equal(timer_run(t0 + 1000 * TICK), 6);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(p[i].order, order[i]);
}

static void a_past_deadline_fires_at_the_next_run(void **state)
{
	struct probe p = { .timer.fire = count_fire };

	(void)state;
	timer_arm(&p.timer, 0);
	assert_true(timer_next() <= t0);
	assert_int_equal(timer_run(t0), 1);
}

static void a_deadline_of_never_does_not_come_round(void **state)
{
	struct probe p = { .timer.fire = count_fire };

	(void)state;
	timer_arm(&p.timer, UINT64_MAX);
	assert_true(timer_next() > t0 + 3600 * NS_PER_SEC);
	assert_int_equal(timer_run(t0 + 3600 * NS_PER_SEC), 0);
	assert_true(timer_disarm(&p.timer));
}

static void arm_again(struct timer *t)
{
	count_fire(t);
	if (container_of(t, struct probe, timer)->fired < 3)
		timer_arm(t, t0 + container_of(t, struct probe, timer)->fired * 5 * TICK);
}

static void a_timer_may_arm_itself_while_it_fires(void **state)
{
	struct probe p = { .timer.fire = arm_again };

	(void)state;
	timer_arm(&p.timer, t0);
	assert_int_equal(timer_run(t0), 1);
	assert_int_equal(timer_next(), t0 + 5 * TICK);
	assert_int_equal(timer_run(t0 + 5 * TICK), 1);
	assert_int_equal(timer_run(t0 + 10 * TICK), 1);
	assert_int_equal(p.fired, 3);
	assert_int_equal(timer_count(), 0);
}

static struct probe *victim;
static int victim_was = -1, nested_run = -1;

static void disarm_the_next(struct timer *t)
{
	count_fire(t);
	victim_was = timer_disarm(&victim->timer);
	nested_run = (int)timer_run(t0 + 50 * TICK);
}

static void a_timer_that_is_about_to_fire_cannot_be_disarmed(void **state)
{
	struct probe p = { .timer.fire = disarm_the_next }, q = { .timer.fire = count_fire };

	(void)state;
	victim = &q;
	timer_arm(&p.timer, t0);
	timer_arm(&q.timer, t0);
	assert_int_equal(timer_run(t0), 2);
	assert_int_equal(victim_was, false);
	assert_int_equal(q.fired, 1);
}

static void one_thread_fires_at_a_time(void **state)
{
	struct probe p = { .timer.fire = disarm_the_next }, q = { .timer.fire = count_fire };

	(void)state;
	victim = &p;
	timer_arm(&p.timer, t0);
	timer_arm(&q.timer, t0 + 20 * TICK); /* due for the run inside, which must not fire it */
	assert_int_equal(timer_run(t0), 1);
	assert_int_equal(nested_run, 0);
	assert_int_equal(q.fired, 0);
	assert_int_equal(timer_run(t0 + 50 * TICK), 1);
}

/* ---- real threads ---- */

#define ARMERS 3
#define ROUNDS 4000

static atomic_uint total_fired, armers_left;

struct racer {
	struct timer timer;
	atomic_bool fired;
};

static void race_fire(struct timer *t)
{
	struct racer *r = container_of(t, struct racer, timer);

	atomic_fetch_add_explicit(&total_fired, 1, memory_order_relaxed);
	/* release, paired with the acquire in race_arm: after this r may be gone */
	atomic_store_explicit(&r->fired, true, memory_order_release);
}

/* Arms a timer and takes it back at once: it either fires once or is disarmed, never both. */
static void *race_arm(void *arg)
{
	unsigned *disarmed = arg, seed = (unsigned)(uintptr_t)arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct racer r = { .timer.fire = race_fire };

		timer_arm(&r.timer, clock_mono_ns() + (uint64_t)rand_r(&seed) % (3 * TICK));
		for (unsigned spin = (unsigned)rand_r(&seed) % 2000; spin; spin--)
			cpu_relax();
		if (timer_disarm(&r.timer)) {
			++*disarmed;
			if (atomic_load_explicit(&r.fired, memory_order_acquire))
				*disarmed += 1000000; /* both: wrong */
		} else {
			while (!atomic_load_explicit(&r.fired, memory_order_acquire))
				sched_yield();
		}
	}
	atomic_fetch_sub_explicit(&armers_left, 1, memory_order_release);
	return NULL;
}

static void *race_run(void *arg)
{
	(void)arg;
	while (atomic_load_explicit(&armers_left, memory_order_acquire))
		if (timer_run(clock_mono_ns()) == 0)
			sched_yield();
	return NULL;
}

static void a_timer_fires_once_or_is_disarmed_never_both(void **state)
{
	pthread_t armer[ARMERS], runner[2];
	unsigned disarmed[ARMERS] = { 0 };

	(void)state;
	atomic_store_explicit(&total_fired, 0, memory_order_relaxed);
	atomic_store_explicit(&armers_left, ARMERS, memory_order_relaxed);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&runner[i], NULL, race_run, NULL), 0);
	for (unsigned i = 0; i < ARMERS; i++)
		assert_int_equal(pthread_create(&armer[i], NULL, race_arm, &disarmed[i]), 0);
	for (unsigned i = 0; i < ARMERS; i++)
		pthread_join(armer[i], NULL);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(runner[i], NULL);
	assert_int_equal(atomic_load_explicit(&total_fired, memory_order_relaxed) + disarmed[0] +
				 disarmed[1] + disarmed[2],
			 ARMERS * ROUNDS);
	assert_int_equal(timer_count(), 0);
}

static void an_earlier_timer_wakes_a_poller_that_sleeps_for_a_later_one(void **state)
{
	const struct node_config c = { .threads = 1 };
	struct racer late = { .timer.fire = race_fire };
	struct timespec little = { 0, 100000 };

	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	assert_int_equal(node_init(&c), 0);
	assert_int_equal(node_start(), 0);
	timer_arm(&late.timer, clock_mono_ns() + 3600 * NS_PER_SEC);
	/* again and again: arming meets the poller before, while and after it falls asleep */
	for (unsigned i = 0; i < 200; i++) {
		struct racer soon = { .timer.fire = race_fire };
		uint64_t deadline = clock_mono_ns() + i % 4 * 100 * NS_PER_US;
		uint64_t until = deadline + 10 * NS_PER_SEC;

		timer_arm(&soon.timer, deadline);
		while (!atomic_load_explicit(&soon.fired, memory_order_acquire) &&
		       clock_mono_ns() < until)
			nanosleep(&little, NULL);
		assert_true(atomic_load_explicit(&soon.fired, memory_order_acquire));
		assert_true(clock_mono_ns() >= deadline);
	}
	assert_true(timer_disarm(&late.timer));
	assert_true(node_stop(10 * NS_PER_SEC));
}

static bool is_counted(const struct timer *t)
{
	return t->fire == count_fire;
}

static void not_counted(struct timer *t)
{
	(void)t;
}

static uint64_t moved_by;

static void note_move(uint64_t by_ns)
{
	moved_by = by_ns;
}

/* Deadlines at all levels of the wheel, armed in no order, among timers that do not jump. */
static void a_jump_keeps_the_order_and_leaves_others_alone(void **state)
{
	enum { N = 3 * TIMER_JUMP_BATCH + 5, HOUR = 3600 };
	struct timer_jump j = { .which = is_counted,
				.move = note_move,
				.by_ns = HOUR * NS_PER_SEC };
	struct probe *p = calloc(N, sizeof(*p));
	struct timer stays = { .fire = not_counted };
	struct probe later = { .timer.fire = count_fire };
	uint64_t later_ns = t0 + 2 * HOUR * NS_PER_SEC, next;
	unsigned rounds = 0;

	(void)state;
	assert_non_null(p);
	timer_arm(&stays, t0 + HOUR * NS_PER_SEC / 2);
	timer_arm(&later.timer, later_ns);
	for (unsigned i = 0; i < N; i++) {
		unsigned at = (i * 7919u) % N; /* every index once */

		p[at].timer.fire = count_fire;
		timer_arm(&p[at].timer, t0 + at * (HOUR * NS_PER_SEC / N));
	}
	timer_jump(&j);
	assert_int_equal(moved_by, j.by_ns);
	assert_int_equal(j.moved, N + 1);
	assert_int_equal(j.due, N);
	while (fires < N) {
		unsigned fired;

		next = timer_next();
		assert_true(next < t0 + NS_PER_SEC);
		fired = timer_run(next);
		assert_true(fired <= TIMER_JUMP_BATCH);
		rounds += fired > 0;
	}
	assert_int_equal(rounds, 4);
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(p[i].order, i + 1);
	assert_int_equal(timer_count(), 2);
	assert_true(timer_disarm(&stays));
	assert_int_equal(timer_run(timer_next()), 0); /* it was the next */
	next = timer_next();
	assert_in_range(next, later_ns - j.by_ns, later_ns - j.by_ns + 2 * TICK - 1);
	assert_int_equal(timer_run(next), 1);
	free(p);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_timer_is_never_early),
		T(a_whole_tick_is_not_rounded),
		T(next_is_the_earliest_expiry_at_any_distance),
		T(a_disarmed_timer_does_not_fire),
		T(after_the_last_disarm_nothing_is_due),
		T(timers_fire_by_deadline_and_then_by_arming),
		T(a_past_deadline_fires_at_the_next_run),
		T(a_jump_keeps_the_order_and_leaves_others_alone),
		T(a_deadline_of_never_does_not_come_round),
		T(a_timer_may_arm_itself_while_it_fires),
		T(a_timer_that_is_about_to_fire_cannot_be_disarmed),
		T(one_thread_fires_at_a_time),
		T(a_timer_fires_once_or_is_disarmed_never_both),
		cmocka_unit_test(an_earlier_timer_wakes_a_poller_that_sleeps_for_a_later_one),
	};

	return cmocka_run_group_tests_name("core/timer", tests, NULL, NULL);
}

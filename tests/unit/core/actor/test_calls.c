/* SPDX-License-Identifier: MIT */
/* Latencies of calls: where a bucket begins and ends, quantiles, what a sampler leaves out and
 * makes good, several threads, more pairs than there is room for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <pthread.h>

#include "core/actor/calls.h"
#include "core/actor/tally.h"
#include "core/base/clock.h"

struct look {
	unsigned caller, callee, pairs;
	struct calls_pair found;
};

static void look_at(const struct calls_pair *p, void *ud)
{
	struct look *l = ud;

	l->pairs++;
	if (p->caller == l->caller && p->callee == l->callee)
		l->found = *p;
}

static struct calls_pair pair(unsigned caller, unsigned callee)
{
	struct look l = { .caller = caller, .callee = callee };

	calls_foreach(look_at, &l);
	return l.found;
}

/* Each latency is in the bucket whose bounds hold it, and buckets are an eighth of it wide. */
static void buckets_hold_what_they_say(void **state)
{
	(void)state;
	assert_int_equal(calls_bucket(0), 0);
	assert_int_equal(calls_bucket((1u << CALLS_FIRST_BIT) - 1), 0);
	assert_int_equal(calls_bucket(UINT64_MAX), CALLS_BUCKETS - 1);
	assert_int_equal(calls_bucket(UINT64_C(1) << CALLS_LAST_BIT), CALLS_BUCKETS - 1);
	assert_int_equal(calls_bucket((UINT64_C(1) << CALLS_LAST_BIT) - 1), CALLS_BUCKETS - 2);
	for (uint64_t units = 1; units < UINT64_C(1) << 40; units += 1 + units / 100) {
		struct calls_pair p = { .max = UINT64_MAX };
		uint64_t end;

		p.buckets[calls_bucket(units)] = 1;
		end = calls_quantile(&p, 0.5);
		assert_true(units < end);
		if (units >= 1u << CALLS_FIRST_BIT && units < UINT64_C(1) << CALLS_LAST_BIT)
			assert_true(end - units <= units / 4 + 1);
		for (unsigned bit = CALLS_FIRST_BIT; bit <= CALLS_LAST_BIT; bit++)
			assert_int_equal(calls_below(&p, bit), units < UINT64_C(1) << bit);
	}
}

static void quantiles_are_those_of_the_calls(void **state)
{
	struct calls_pair p = { .max = 5000000 };

	(void)state;
	assert_int_equal(calls_quantile(&p, 0.5), 0);
	for (unsigned us = 1; us <= 1000; us++)
		p.buckets[calls_bucket(us * CALLS_UNITS_PER_US)]++;
	p.buckets[calls_bucket(p.max)] += 10;
	assert_int_equal(calls_measured(&p), 1010);
	assert_in_range(calls_quantile(&p, 0.5), 500 * 1024, 630 * 1024);
	assert_in_range(calls_quantile(&p, 0.99), 990 * 1024, 1250 * 1024);
	assert_int_equal(calls_quantile(&p, 0.999), p.max);
	assert_int_equal(calls_quantile(&p, 1), p.max);
}

static void pause_for(uint64_t ns)
{
	uint64_t until = clock_mono_ns() + ns;

	while (clock_mono_ns() < until)
		;
}

/* Whoever calls rarely has each call measured, with the time that it took. */
static void rare_calls_are_all_measured(void **state)
{
	struct calls_sampler c = { 0 };
	unsigned caller = tally_find("rare"), callee = tally_find("slow");
	struct calls_pair p;

	(void)state;
	for (int i = 0; i < 50; i++) {
		uint64_t begun = calls_begin(&c, clock_mono_ns());

		assert_true(begun != 0);
		pause_for(2 * NS_PER_MS);
		calls_end(caller, callee, begun, i % 10 == 0);
	}
	p = pair(caller, callee);
	assert_int_equal(calls_measured(&p), 50);
	assert_int_equal(p.errors, 5);
	/* less than 2 and 100 ms: the length of a cycle was measured at the start, in no time */
	assert_true(calls_ns(p.max) >= 1900 * NS_PER_US);
	assert_true(calls_ns(p.sum) >= 95 * NS_PER_MS);
	assert_int_equal(calls_below(&p, 20), 0); /* 1,024 us */
}

/* Whoever calls often has few calls measured; they stand for all, and the division between callees
 * that take turns is right. */
static void frequent_calls_are_sampled(void **state)
{
	enum { CALLS = 400000 };
	struct calls_sampler c = { 0 };
	unsigned caller = tally_find("busy"), to[2] = { tally_find("even"), tally_find("odd") };
	uint64_t measured = 0, seen[2], begun;
	struct calls_pair p;

	(void)state;
	for (int i = 0; i < CALLS; i++) {
		begun = calls_begin(&c, clock_mono_ns());
		measured += begun != 0;
		if (begun || i % 1000 == 0)
			calls_end(caller, to[i % 2], begun, i % 1000 == 0);
	}
	for (int i = 0; i < 2; i++) {
		p = pair(caller, to[i]);
		seen[i] = calls_measured(&p);
	}
	assert_in_range(seen[0] + seen[1], CALLS - 63, CALLS);
	/* then rarely: what is still missing is made good by the next call, and each is measured */
	pause_for(2 * NS_PER_MS);
	begun = calls_begin(&c, clock_mono_ns());
	assert_true(begun != 0);
	calls_end(caller, to[0], begun, false);
	p = pair(caller, to[0]);
	assert_int_equal(seen[1] + calls_measured(&p), CALLS + 1);
	assert_true(measured < CALLS / 20);
	assert_in_range(seen[0], CALLS * 2 / 5, CALLS * 3 / 5);
	p = pair(caller, to[0]);
	assert_int_equal(p.errors, CALLS / 1000); /* failures are never left out */
}

static void *call_much(void *arg)
{
	const unsigned *tallies = arg;

	for (int i = 0; i < 10000; i++)
		calls_end(tallies[0], tallies[1], clock_cycles() << 6 | 1, false);
	return NULL;
}

static void threads_are_added_up(void **state)
{
	unsigned tallies[2] = { tally_find("many"), tally_find("threads") };
	pthread_t thread[4];
	struct calls_pair p;

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, call_much, tallies), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	p = pair(tallies[0], tallies[1]);
	assert_int_equal(calls_measured(&p), 40000);
}

/* Last: the table stays full. */
static void pairs_beyond_the_limit_are_other(void **state)
{
	struct look l = { 0 };
	uint64_t before;

	(void)state;
	calls_end(TALLY_OTHER, TALLY_OTHER, 0, true);
	before = pair(TALLY_OTHER, TALLY_OTHER).errors;
	for (unsigned caller = 1; caller < 40; caller++)
		for (unsigned callee = 1; callee < 40; callee++)
			calls_end(caller, callee, 0, true);
	calls_foreach(look_at, &l);
	assert_in_range(l.pairs, CALLS_PAIRS_MAX - 8, CALLS_PAIRS_MAX + 1);
	assert_true(l.found.errors > before + 900);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buckets_hold_what_they_say),
		cmocka_unit_test(quantiles_are_those_of_the_calls),
		cmocka_unit_test(rare_calls_are_all_measured),
		cmocka_unit_test(frequent_calls_are_sampled),
		cmocka_unit_test(threads_are_added_up),
		cmocka_unit_test(pairs_beyond_the_limit_are_other),
	};

	clock_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

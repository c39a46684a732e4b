/* SPDX-License-Identifier: MIT */
/* The scheduler on real threads: who runs next, who waits where, and that nobody sleeps over
 * work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sched.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/sched/park.h"
#include "core/sched/sched.h"
#include "core/sched/worker.h"
#include "core/log/log.h"
#include "core/sched/monitor.h"
#include "core/sched/timer.h"
#include "core/actor/life.h"
#include "core/actor/send.h"
#include "tests/unit/core/actor.h"
#include "tests/unit/core/waiting.h"

static atomic_bool hold, stop;
static atomic_uint running, done;
static uint32_t mate[8];

static int setup_loops(unsigned threads, unsigned loops)
{
	log_set_level(LOG_LEVEL_ERROR);
	atomic_store(&hold, false);
	atomic_store(&stop, false);
	atomic_store(&running, 0);
	atomic_store(&done, 0);
	wire_init_loops(loops);
	return actors_start(threads);
}

static int setup(unsigned threads)
{
	return setup_loops(threads, 1);
}

static int one_worker(void **state)
{
	(void)state;
	return setup(1);
}

static int two_workers(void **state)
{
	(void)state;
	return setup(2);
}

static int four_workers(void **state)
{
	(void)state;
	return setup(4);
}

static int two_workers_two_loops(void **state)
{
	(void)state;
	return setup_loops(2, 2);
}

static int three_workers_three_loops(void **state)
{
	(void)state;
	return setup_loops(3, 3);
}

static int four_workers_three_loops(void **state)
{
	(void)state;
	return setup_loops(4, 3);
}

static cpu_set_t all_cpus;

static int four_workers_on_one_cpu(void **state)
{
	cpu_set_t one;
	unsigned cpu = 0;

	(void)state;
	if (sched_getaffinity(0, sizeof(all_cpus), &all_cpus) != 0)
		return -1;
	while (!CPU_ISSET(cpu, &all_cpus))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return sched_setaffinity(0, sizeof(one), &one) ? -1 : setup(4);
}

static int teardown(void **state)
{
	int r;

	(void)state;
	atomic_store(&hold, false);
	atomic_store(&stop, true);
	r = actors_stop();
	wire_fini();
	if (CPU_COUNT(&all_cpus) && sched_setaffinity(0, sizeof(all_cpus), &all_cpus) != 0)
		return -1;
	CPU_ZERO(&all_cpus);
	return r;
}

/* Has the service run f, without waiting for it. */
static void post_errand(uint32_t handle, struct errand *e)
{
	struct msg *m = msg_create_copy(&e, sizeof(e));

	m->dest = handle;
	m->type = PTYPE_ERRAND;
	assert_int_equal(service_send(m), SEND_OK);
}

static void count_done(struct service *s, void *arg)
{
	(void)s;
	(void)arg;
	atomic_fetch_add(&done, 1);
}

static void hold_the_worker(struct service *s, void *arg)
{
	(void)s;
	(void)arg;
	atomic_fetch_add(&running, 1);
	while (atomic_load(&hold))
		cpu_relax();
	atomic_fetch_sub(&running, 1);
}

/* ---- whose turn it is ---- */

static struct errand again;

/* Its mailbox is never empty. */
static void send_to_myself(struct service *s, void *arg)
{
	(void)arg;
	atomic_fetch_add(&done, 1);
	if (!atomic_load(&stop))
		post_errand(service_handle(s), &again);
}

static void a_service_that_never_rests_lets_others_run(void **state)
{
	uint32_t busy = service_launch("actor", NULL), other = service_launch("actor", NULL);

	(void)state;
	again = (struct errand){ .run = send_to_myself };
	post_errand(busy, &again);
	for (int i = 0; i < 20; i++)
		assert_true(run_as(other, nothing, NULL));
	atomic_store(&stop, true);
	assert_true(run_as(busy, nothing, NULL));
}

#define LONG_MESSAGES 50

static void spend_a_millisecond(struct service *s, void *arg)
{
	uint64_t until = clock_mono_ns() + NS_PER_MS;

	(void)s;
	(void)arg;
	while (clock_mono_ns() < until)
		cpu_relax();
	atomic_fetch_add(&done, 1);
}

static void a_turn_is_bounded_by_time_not_by_messages(void **state)
{
	static struct errand slow = { .run = spend_a_millisecond },
			     block = { .run = hold_the_worker };
	uint32_t gate = service_launch("actor", NULL), busy = service_launch("actor", NULL);
	uint32_t other = service_launch("actor", NULL);

	(void)state;
	atomic_store(&hold, true);
	post_errand(gate, &block);
	eventually(atomic_load(&running) == 1);
	for (int i = 0; i < LONG_MESSAGES; i++)
		post_errand(busy, &slow);
	atomic_store(&hold, false);
	assert_true(run_as(other, nothing, NULL));
	/* a few at most; all of them if turns were counted */
	assert_true(atomic_load(&done) < LONG_MESSAGES / 2);
	eventually(atomic_load(&done) == LONG_MESSAGES);
}

static struct errand ping[2];

static void wake_the_mate(struct service *s, void *arg)
{
	unsigned i = *(unsigned *)arg;

	(void)s;
	if (!atomic_load(&stop))
		post_errand(mate[1 - i], &ping[1 - i]);
}

static void two_that_wake_each_other_let_a_third_run(void **state)
{
	static unsigned number[2] = { 0, 1 };
	uint32_t third = service_launch("actor", NULL);

	(void)state;
	again = (struct errand){ .run = send_to_myself }; /* its place is the ring */
	post_errand(third, &again);
	for (unsigned i = 0; i < 2; i++) {
		mate[i] = service_launch("actor", NULL);
		ping[i] = (struct errand){ .run = wake_the_mate, .arg = &number[i] };
	}
	post_errand(mate[0], &ping[0]); /* from now on one of the two is always in the slot */
	eventually(atomic_load(&done) > 0);
	for (unsigned i = 0, before = atomic_load(&done); i < 20; i++, before = atomic_load(&done))
		eventually(atomic_load(&done) > before);
	atomic_store(&stop, true);
	assert_true(run_as(third, nothing, NULL));
}

/* ---- other workers help ---- */

static void wake_and_wait(struct service *s, void *arg)
{
	static struct errand count[8];
	unsigned n = *(unsigned *)arg;

	(void)s;
	for (unsigned i = 0; i < n; i++) {
		count[i] = (struct errand){ .run = count_done };
		post_errand(mate[i], &count[i]);
	}
	/* in this worker's own queue now; only another one can run them */
	while (atomic_load(&done) < n && !atomic_load(&stop))
		cpu_relax();
}

static void woken_by_a_long_turn(unsigned n)
{
	uint32_t s = service_launch("actor", NULL);

	for (unsigned i = 0; i < n; i++)
		mate[i] = service_launch("actor", NULL);
	assert_true(run_as(s, wake_and_wait, &n));
	assert_int_equal(atomic_load(&done), n);
}

static void what_a_long_turn_wakes_is_stolen(void **state)
{
	(void)state;
	woken_by_a_long_turn(8);
}

static void the_one_in_the_slot_of_a_long_turn_is_stolen_too(void **state)
{
	(void)state;
	woken_by_a_long_turn(1);
}

static void work_from_outside_finds_a_worker_while_others_are_stuck(void **state)
{
	static struct errand block[3];

	(void)state;
	atomic_store(&hold, true);
	for (unsigned i = 0; i < 3; i++) {
		block[i] = (struct errand){ .run = hold_the_worker };
		post_errand(service_launch("actor", NULL), &block[i]);
	}
	eventually(atomic_load(&running) == 3);
	for (unsigned i = 0; i < 100; i++)
		assert_true(run_as(service_launch("actor", NULL), nothing, NULL));
}

/* ---- waiting ---- */

static void an_idle_node_waits_in_the_poller_once(void **state)
{
	unsigned before;

	(void)state;
	eventually(atomic_load(&wire.waiting) == 1);
	poll(NULL, 0, 600); /* the overseer rests after half a second */
	before = atomic_load(&wire.polls);
	poll(NULL, 0, 300);
	assert_int_equal(atomic_load(&wire.polls), before); /* no tick */
	wire_input();
	eventually(atomic_load(&wire.inputs) == 1);
	eventually(atomic_load(&wire.waiting) == 1);
}

static void who_sleeps_gets_up_to_trim_and_sleeps_again(void **state)
{
	unsigned before;

	(void)state;
	for (int i = 0; i < 100; i++) {
		eventually(atomic_load(&wire.waiting) == 1);
		before = atomic_load(&wire.polls);
		sched_trim();
		eventually(atomic_load(&wire.polls) > before);
	}
	eventually(atomic_load(&wire.waiting) == 1);
	assert_true(run_as(service_launch("actor", NULL), nothing, NULL));
}

static uint32_t from_wire;

static void deliver(void)
{
	static struct errand e = { .run = count_done };

	post_errand(from_wire, &e);
}

static void what_the_poller_brings_runs_and_somebody_waits_again(void **state)
{
	(void)state;
	from_wire = service_launch("actor", NULL);
	wire.on_input = deliver;
	for (unsigned i = 1; i <= 500; i++) {
		wire_input();
		eventually(atomic_load(&done) == i);
	}
	eventually(atomic_load(&wire.waiting) == 1);
}

static void no_wake_up_is_lost(void **state)
{
	uint32_t s = service_launch("actor", NULL);

	(void)state;
	/* each send finds the node anywhere between awake and asleep */
	for (unsigned i = 0; i < 20000; i++)
		if (!run_as(s, nothing, NULL))
			fail_msg("send %u was slept over", i);
}

static void fire(struct timer *t)
{
	(void)t;
	atomic_fetch_add(&done, 1);
}

static void an_earlier_timer_wakes_the_poller(void **state)
{
	static struct timer far = { .fire = fire }, near[100];

	(void)state;
	timer_arm(&far, clock_mono_ns() + 3600 * NS_PER_SEC);
	for (unsigned i = 0; i < 100; i++) {
		near[i] = (struct timer){ .fire = fire };
		timer_arm(&near[i], clock_mono_ns() + NS_PER_MS / 2);
		eventually(atomic_load(&done) == i + 1);
	}
	assert_true(timer_disarm(&far));
}

static void io_and_timers_go_on_while_all_workers_are_stuck(void **state)
{
	static struct errand block[2];
	static struct timer t = { .fire = fire };

	(void)state;
	atomic_store(&hold, true);
	for (unsigned i = 0; i < 2; i++) {
		block[i] = (struct errand){ .run = hold_the_worker };
		post_errand(service_launch("actor", NULL), &block[i]);
	}
	eventually(atomic_load(&running) == 2);
	timer_arm(&t, clock_mono_ns() + 5 * NS_PER_MS);
	eventually(atomic_load(&done) == 1); /* the overseer */
	wire_input();
	eventually(atomic_load(&wire.inputs) == 1);
	assert_int_equal(atomic_load(&running), 2);
}

static void call_long(struct service *s, void *arg)
{
	(void)s;
	(void)arg;
	sched_long_call();
	hold_the_worker(s, arg);
}

static void during_a_long_call_a_parked_worker_waits_for_io(void **state)
{
	static struct errand block = { .run = call_long };
	uint32_t s = service_launch("actor", NULL);

	(void)state;
	atomic_store(&hold, true);
	post_errand(s, &block);
	eventually(atomic_load(&running) == 1);
	eventually(atomic_load(&wire.waiting) == 1);
}

/* Regression: a glance of the overseer held the poll right while every worker fell idle; all of
 *             them parked, and
 * nobody waited for I/O any more. */
static void somebody_polls_after_a_slow_glance_of_the_overseer(void **state)
{
	static struct errand block[2] = { { .run = hold_the_worker }, { .run = hold_the_worker } };
	uint32_t s[2] = { service_launch("actor", NULL), service_launch("actor", NULL) };

	(void)state;
	for (unsigned round = 0; round < 10; round++) {
		atomic_store(&hold, true);
		for (unsigned i = 0; i < 2; i++)
			post_errand(s[i], &block[i]);
		eventually(atomic_load(&running) == 2);
		atomic_store(&wire.slow_ms, 20);
		eventually(atomic_load(&wire.inside) == 1); /* it is in its glance */
		atomic_store(&hold, false);
		eventually(atomic_load(&running) == 0);
		atomic_store(&wire.slow_ms, 0);
		eventually(atomic_load(&wire.waiting) == 1);
	}
}

/* ---- several loops ---- */

static void each_loop_has_a_worker_that_waits(void **state)
{
	(void)state;
	from_wire = service_launch("actor", NULL);
	wire.on_input = deliver;
	for (unsigned i = 1; i <= 300; i++) {
		eventually(atomic_load(&wire.waiting) == 3);
		wire_input_at(i % 3);
		eventually(atomic_load(&done) == i);
	}
	/* and several at once */
	for (unsigned i = 1; i <= 300; i++) {
		for (unsigned loop = 0; loop < 3; loop++)
			wire_input_at(loop);
		eventually(atomic_load(&done) == 300 + 3 * i);
	}
	eventually(atomic_load(&wire.waiting) == 3);
}

static void one_sleeper_gets_up_for_a_timer(void **state)
{
	enum { TIMERS = 20 };
	static struct timer t;
	unsigned before, waits = 0;

	(void)state;
	for (unsigned i = 1; i <= TIMERS; i++) {
		eventually(atomic_load(&wire.waiting) == 3);
		before = atomic_load(&wire.waits);
		t = (struct timer){ .fire = fire };
		timer_arm(&t, clock_mono_ns() + 2 * NS_PER_MS);
		eventually(atomic_load(&done) == i);
		eventually(atomic_load(&wire.waiting) == 3);
		waits += atomic_load(&wire.waits) - before;
	}
	/* Once it is told of the deadline, once the deadline comes; now and then the overseer finds
	 * it up and asks another to keep the time. All three would be four times or more. */
	assert_in_range(waits, TIMERS, 3 * TIMERS);
}

static void timers_go_on_while_one_of_two_sleepers_is_stuck(void **state)
{
	static struct errand block = { .run = hold_the_worker };
	static struct timer t;

	(void)state;
	for (unsigned i = 1; i <= 20; i++) {
		atomic_store(&hold, true);
		post_errand(service_launch("actor", NULL), &block);
		eventually(atomic_load(&running) == 1);
		t = (struct timer){ .fire = fire };
		timer_arm(&t, clock_mono_ns() + 5 * NS_PER_MS);
		wire_input_at(0);
		wire_input_at(1);
		eventually(atomic_load(&done) == i && atomic_load(&wire.inputs) == 2 * i);
		assert_int_equal(atomic_load(&running), 1);
		atomic_store(&hold, false);
		eventually(atomic_load(&running) == 0);
		eventually(atomic_load(&wire.waiting) == 2);
	}
}

static void what_comes_at_once_wakes_every_sleeper(void **state)
{
	static struct errand block[2] = { { .run = hold_the_worker }, { .run = hold_the_worker } };
	uint32_t s[2] = { service_launch("actor", NULL), service_launch("actor", NULL) };

	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		eventually(atomic_load(&wire.waiting) == 2);
		atomic_store(&hold, true);
		/* the second finds a sleeper that is being woken for the first */
		for (unsigned i = 0; i < 2; i++)
			post_errand(s[i], &block[i]);
		eventually(atomic_load(&running) == 2);
		atomic_store(&hold, false);
		eventually(atomic_load(&running) == 0);
	}
}

static void more_loops_than_workers_are_refused(void **state)
{
	(void)state;
	wire_init_loops(2);
	assert_true(sched_start(1) < 0);
	wire_fini();
}

/* ---- hooks ---- */

static struct turn_hook hook;
static atomic_uint hook_runs;

static void run_hook(struct turn_hook *h)
{
	assert_ptr_equal(h, &hook);
	atomic_fetch_add(&hook_runs, 1);
}

static void ask_for_hook(struct service *s, void *arg)
{
	(void)s;
	(void)arg;
	if (!sched_at_turn_end(&hook) || atomic_load(&hook_runs) != 0)
		abort();
}

static void a_hook_runs_at_the_end_of_the_turn(void **state)
{
	(void)state;
	atomic_store(&hook_runs, 0);
	hook.run = run_hook;
	assert_false(sched_at_turn_end(&hook)); /* this is no worker */
	assert_false(sched_on_worker());
	assert_true(run_as(service_launch("actor", NULL), ask_for_hook, NULL));
	eventually(atomic_load(&hook_runs) == 1);
}

/* ---- all at once ---- */

#define STORM_SERVICES 64
#define STORM_SENDS 20000

static void *storm(void *arg)
{
	static struct errand e = { .run = count_done };
	unsigned seed = *(unsigned *)arg;

	for (unsigned i = 0; i < STORM_SENDS; i++) {
		seed = seed * 1664525 + 1013904223;
		struct msg *m = msg_create_copy(&(struct errand *){ &e }, sizeof(struct errand *));

		m->dest = 1 + (seed >> 16) % STORM_SERVICES;
		m->type = PTYPE_ERRAND;
		if (service_send(m) != SEND_OK)
			abort();
		if (i % 1000 == 0)
			poll(NULL, 0, 1); /* lets the node fall idle */
	}
	return NULL;
}

static void a_storm_from_many_threads_loses_nothing(void **state)
{
	static unsigned seeds[4] = { 1, 2, 3, 4 };
	pthread_t t[4];

	(void)state;
	for (unsigned i = 0; i < STORM_SERVICES; i++)
		assert_int_equal(service_launch("actor", NULL), i + 1);
	for (unsigned i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, storm, &seeds[i]);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	eventually(atomic_load(&done) == 4 * STORM_SENDS);
	eventually(atomic_load(&wire.waiting) == sched_loops());
}

static void *trim_again_and_again(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop))
		sched_trim();
	return NULL;
}

static void a_storm_of_trims_loses_no_wake_up(void **state)
{
	uint32_t s = service_launch("actor", NULL);
	pthread_t t;

	(void)state;
	assert_int_equal(pthread_create(&t, NULL, trim_again_and_again, NULL), 0);
	for (unsigned i = 0; i < 5000; i++)
		if (!run_as(s, nothing, NULL))
			fail_msg("send %u was slept over", i);
	atomic_store(&stop, true);
	pthread_join(t, NULL);
	eventually(atomic_load(&wire.waiting) == sched_loops());
}

static unsigned awake(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < sched_workers(); i++) {
		struct worker_view v;

		sched_view(i, &v);
		n += !v.sleeping;
	}
	return n;
}

static void sleep_in_a_callback(struct service *s, void *arg)
{
	(void)s;
	(void)arg;
	atomic_fetch_add(&running, 1);
	while (atomic_load(&hold))
		usleep(1000);
	atomic_fetch_sub(&running, 1);
}

/* Other processes take the processor in the middle of turns, which are long then and let others
 * in. */
static bool is_host_crowded(void)
{
	double load;

	return getloadavg(&load, 1) == 1 && load > 3 * (double)sysconf(_SC_NPROCESSORS_ONLN);
}

static void workers_beyond_the_processors_are_for_those_that_block(void **state)
{
	static struct errand block = { .run = sleep_in_a_callback };
	uint32_t busy[3], other;

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		atomic_store(&hold, true);
		for (unsigned i = 0; i < 3; i++)
			post_errand(service_launch("actor", NULL), &block);
		/* each of them is let in because those before block, and so is what comes then */
		eventually(atomic_load(&running) == 3);
		other = service_launch("actor", NULL);
		assert_true(run_as(other, nothing, NULL));
		atomic_store(&hold, false);
		eventually(atomic_load(&running) == 0);
	}
	if (is_host_crowded())
		skip();
	/* three that never rest, and one processor: the others go back to sleep */
	again = (struct errand){ .run = send_to_myself };
	for (unsigned i = 0; i < 3; i++) {
		busy[i] = service_launch("actor", NULL);
		post_errand(busy[i], &again);
	}
	for (unsigned i = 0; i < 100; i++) {
		eventually(awake() <= 1);
		assert_true(run_as(other, nothing, NULL));
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < 3; i++)
		assert_true(run_as(busy[i], nothing, NULL));
}

/* Three that never rest: as many workers run them as there are processors just now. */
static void the_number_of_processors_may_change(void **state)
{
	uint32_t busy[3], other = service_launch("actor", NULL);

	(void)state;
	again = (struct errand){ .run = send_to_myself };
	for (unsigned i = 0; i < 3; i++) {
		busy[i] = service_launch("actor", NULL);
		post_errand(busy[i], &again);
	}
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(sched_follow(1), 0);
		assert_int_equal(sched_processors(), 1);
		if (!is_host_crowded())
			eventually(awake() <= 1);
		assert_true(run_as(other, nothing, NULL));
		assert_int_equal(sched_follow(8), 0);
		eventually(awake() >= 3);
		assert_true(run_as(other, nothing, NULL));
	}
	assert_int_equal(sched_workers(), 4); /* it was said how many there are */
	atomic_store(&stop, true);
	for (unsigned i = 0; i < 3; i++)
		assert_true(run_as(busy[i], nothing, NULL));
}

static void too_many_workers_are_refused(void **state)
{
	(void)state;
	assert_true(sched_start(SCHED_WORKERS_MAX + 1) < 0);
}

int main(void)
{
#define T(f, workers) cmocka_unit_test_setup_teardown(f, workers, teardown)
	const struct CMUnitTest tests[] = {
		T(a_service_that_never_rests_lets_others_run, one_worker),
		T(a_turn_is_bounded_by_time_not_by_messages, one_worker),
		T(two_that_wake_each_other_let_a_third_run, one_worker),
		T(what_a_long_turn_wakes_is_stolen, two_workers),
		T(the_one_in_the_slot_of_a_long_turn_is_stolen_too, two_workers),
		T(work_from_outside_finds_a_worker_while_others_are_stuck, four_workers),
		T(an_idle_node_waits_in_the_poller_once, two_workers),
		T(who_sleeps_gets_up_to_trim_and_sleeps_again, four_workers),
		T(what_the_poller_brings_runs_and_somebody_waits_again, two_workers),
		T(no_wake_up_is_lost, four_workers),
		T(an_earlier_timer_wakes_the_poller, two_workers),
		T(io_and_timers_go_on_while_all_workers_are_stuck, two_workers),
		T(during_a_long_call_a_parked_worker_waits_for_io, two_workers),
		T(somebody_polls_after_a_slow_glance_of_the_overseer, two_workers),
		T(a_hook_runs_at_the_end_of_the_turn, one_worker),
		T(a_storm_from_many_threads_loses_nothing, four_workers),
		T(a_storm_of_trims_loses_no_wake_up, four_workers),
		T(workers_beyond_the_processors_are_for_those_that_block, four_workers_on_one_cpu),
		T(the_number_of_processors_may_change, four_workers),
		T(no_wake_up_is_lost, four_workers_on_one_cpu),
		T(a_storm_from_many_threads_loses_nothing, four_workers_on_one_cpu),
		T(io_and_timers_go_on_while_all_workers_are_stuck, four_workers_on_one_cpu),
		T(no_wake_up_is_lost, three_workers_three_loops),
		T(no_wake_up_is_lost, four_workers_three_loops),
		T(an_earlier_timer_wakes_the_poller, three_workers_three_loops),
		T(io_and_timers_go_on_while_all_workers_are_stuck, two_workers_two_loops),
		T(a_storm_from_many_threads_loses_nothing, four_workers_three_loops),
		T(a_storm_of_trims_loses_no_wake_up, four_workers_three_loops),
		T(each_loop_has_a_worker_that_waits, three_workers_three_loops),
		T(each_loop_has_a_worker_that_waits, four_workers_three_loops),
		T(one_sleeper_gets_up_for_a_timer, three_workers_three_loops),
		T(one_sleeper_gets_up_for_a_timer, four_workers_three_loops),
		T(timers_go_on_while_one_of_two_sleepers_is_stuck, two_workers_two_loops),
		T(what_comes_at_once_wakes_every_sleeper, two_workers_two_loops),
		cmocka_unit_test(more_loops_than_workers_are_refused),
		cmocka_unit_test(too_many_workers_are_refused),
	};

	return cmocka_run_group_tests_name("core/sched", tests, NULL, NULL);
}

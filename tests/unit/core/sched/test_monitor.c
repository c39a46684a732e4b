/* SPDX-License-Identifier: MIT */
/* The overseer: who does not come back is named, and nobody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/node/command.h"
#include "core/sched/monitor.h"
#include "core/sched/worker.h"
#include "core/sched/workers.h"
#include "core/actor/life.h"
#include "core/actor/send.h"
#include "tests/unit/core/actor.h"
#include "tests/unit/core/lines.h"
#include "tests/unit/core/waiting.h"

#define CHECK_NS (40 * NS_PER_MS)
#define REPORT "maybe in an endless loop"

static atomic_bool hold;
static atomic_uint running, interrupted;
static atomic_uint interrupted_handle;

static void on_interrupt(struct service *s)
{
	atomic_store(&interrupted_handle, service_handle(s));
	atomic_fetch_add(&interrupted, 1);
}

static int setup(void **state)
{
	(void)state;
	atomic_store(&hold, false);
	atomic_store(&running, 0);
	atomic_store(&interrupted, 0);
	wire_init();
	monitor_set_check_ns(CHECK_NS);
	sched_set_interrupt(on_interrupt);
	lines_begin(LOG_LEVEL_WARNING);
	return actors_start(2);
}

static int teardown(void **state)
{
	int r;

	(void)state;
	atomic_store(&hold, false);
	r = actors_stop();
	lines_end();
	sched_set_interrupt(NULL);
	monitor_set_check_ns(MONITOR_CHECK_NS);
	wire_fini();
	return r;
}

static void loop(struct service *s, void *arg)
{
	(void)s;
	(void)arg;
	atomic_fetch_add(&running, 1);
	while (atomic_load(&hold))
		cpu_relax();
	atomic_fetch_sub(&running, 1);
}

/* Sends `to` into an endless loop, in the name of `from`. */
static void hang(uint32_t to, uint32_t from, struct errand *e)
{
	struct msg *m;
	unsigned before = atomic_load(&running);

	*e = (struct errand){ .run = loop };
	m = msg_create_copy(&e, sizeof(e));
	atomic_store(&hold, true);
	m->dest = to;
	m->source = from;
	m->session = 77;
	m->type = PTYPE_ERRAND;
	assert_int_equal(service_send(m), SEND_OK);
	eventually(atomic_load(&running) == before + 1);
}

static void an_endless_callback_is_named_with_both_ends(void **state)
{
	static struct errand e;
	uint32_t from = service_launch("actor", NULL),
		 to = service_launch("actor", "with these words");
	char who[64];

	(void)state;
	hang(to, from, &e);
	eventually(lines_with(REPORT) >= 1);
	snprintf(who, sizeof(who), "from [ :%08x ] to [ :%08x ]", from, to);
	assert_true(lines_with(who) >= 1);
	assert_true(lines_with("session 77") >= 1);
	assert_true(lines_with("with these words") >= 1);
	/* on the worker's own thread: for the Lua stack */
	eventually(atomic_load(&interrupted) >= 1);
	assert_int_equal(atomic_load(&interrupted_handle), to);
	assert_int_equal(monitor_stuck(), 1);
	atomic_store(&hold, false);
	eventually(monitor_stuck() == 0);
}

static void nap(struct service *s, void *arg)
{
	(void)s;
	(void)arg;
	poll(NULL, 0, (int)(CHECK_NS / NS_PER_MS / 2));
}

/* Runs it. Returns whether the machine was quick enough: what ran for longer than the overseer
 * waits is named with reason. */
static bool run_in_time(uint32_t service, void (*run)(struct service *, void *))
{
	uint64_t began = clock_mono_ns();

	assert_true(run_as(service, run, NULL));
	return clock_mono_ns() - began < CHECK_NS;
}

static void it_is_named_again_as_long_as_it_lasts(void **state)
{
	static struct errand e;
	uint32_t s = service_launch("actor", NULL);
	unsigned seen;

	(void)state;
	hang(s, 0, &e);
	eventually(lines_with(REPORT) >= 3);
	atomic_store(&hold, false);
	assert_true(run_as(s, nothing, NULL));
	eventually(monitor_stuck() == 0);
	seen = lines_with(REPORT);
	for (int i = 0; i < 20; i++) {
		if (run_in_time(s, nothing))
			assert_int_equal(lines_with(REPORT), seen);
		seen = lines_with(REPORT);
		poll(NULL, 0, 10);
	}
}

static void read_endless(struct service *s, void *arg)
{
	char *seen = arg;

	strcpy(seen, command_run(s, "STAT", "endless"));
}

static void the_flag_tells_the_service_once(void **state)
{
	static struct errand e;
	uint32_t s = service_launch("actor", NULL);
	char seen[16];

	(void)state;
	assert_true(run_as(s, read_endless, seen));
	assert_string_equal(seen, "0");
	hang(s, 0, &e);
	eventually(lines_with(REPORT) >= 1);
	atomic_store(&hold, false);
	assert_true(run_as(s, read_endless, seen));
	assert_string_equal(seen, "1");
	assert_true(run_as(s, read_endless, seen));
	assert_string_equal(seen, "0");
}

static void many_short_messages_are_no_loop(void **state)
{
	uint32_t s = service_launch("actor", NULL);
	uint64_t until = clock_mono_ns() + 5 * CHECK_NS;

	(void)state;
	while (clock_mono_ns() < until) {
		unsigned seen = lines_with(REPORT);

		if (run_in_time(s, nothing))
			assert_int_equal(lines_with(REPORT), seen);
	}
}

/* Regression: while the node was idle nobody looked, and what ran first afterwards seemed to run
 *             since then. */
static void idle_time_is_nobodys_loop(void **state)
{
	uint32_t s = service_launch("actor", NULL), other = service_launch("actor", NULL);
	unsigned seen;

	(void)state;
	assert_true(run_as(s, nothing, NULL));
	poll(NULL, 0, (int)(MONITOR_REST_NS / NS_PER_MS) + 200);
	if (run_in_time(s, nap))
		assert_int_equal(lines_with(REPORT), 0);
	seen = lines_with(REPORT);
	poll(NULL, 0, (int)(MONITOR_REST_NS / NS_PER_MS) + 200);
	assert_true(service_retire(s)); /* its end is a turn without a message */
	if (run_in_time(other, nap))
		assert_int_equal(lines_with(REPORT), seen);
}

/* One that looked about instead would be at rest between two looks only. */
static void the_overseer_of_an_idle_node_sleeps(void **state)
{
	uint64_t end = clock_mono_ns() + 20 * NS_PER_SEC;
	unsigned at_rest = 0;

	(void)state;
	while (at_rest < 100 && clock_mono_ns() < end) {
		at_rest = atomic_load(&sched.overseer_rests) ? at_rest + 1 : 0;
		poll(NULL, 0, 1);
	}
	assert_int_equal(at_rest, 100);
}

static void a_killed_service_is_asked_to_leave_its_loop(void **state)
{
	static struct errand e;
	uint32_t s = service_launch("actor", NULL);

	(void)state;
	monitor_stop();
	monitor_set_check_ns(3600 * NS_PER_SEC); /* so it is not the report that interrupts */
	assert_int_equal(monitor_start(), 0);
	hang(s, 0, &e);
	poll(NULL, 0, 150);
	assert_int_equal(atomic_load(&interrupted), 0);
	assert_true(service_retire(s));
	eventually(atomic_load(&interrupted) >= 1);
	assert_int_equal(atomic_load(&interrupted_handle), s);
	atomic_store(&hold, false);
	assert_true(actors_ended(1));
}

static void all_workers_stuck_are_all_counted(void **state)
{
	static struct errand e[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		hang(service_launch("actor", NULL), 0, &e[i]);
	eventually(monitor_stuck() == 2);
	atomic_store(&hold, false);
	eventually(monitor_stuck() == 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(an_endless_callback_is_named_with_both_ends),
		T(it_is_named_again_as_long_as_it_lasts),
		T(the_flag_tells_the_service_once),
		T(many_short_messages_are_no_loop),
		T(idle_time_is_nobodys_loop),
		T(the_overseer_of_an_idle_node_sleeps),
		T(a_killed_service_is_asked_to_leave_its_loop),
		T(all_workers_stuck_are_all_counted),
	};

	return cmocka_run_group_tests_name("core/monitor", tests, NULL, NULL);
}

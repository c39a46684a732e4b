/* SPDX-License-Identifier: MIT */
/* The command table of the C contract, run by real services. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/node/command.h"
#include "core/node/env.h"
#include "core/actor/names.h"
#include "core/sched/timeout.h"
#include "core/sched/timer.h"
#include "core/actor/handle.h"
#include "core/actor/life.h"
#include "core/actor/send.h"
#include "tests/unit/core/actor.h"
#include "tests/unit/core/lines.h"

static uint32_t a, b;

struct order {
	const char *command, *parm;
	bool null;
	char result[128];
};

static void give_order(struct service *s, void *arg)
{
	struct order *o = arg;
	const char *r = command_run(s, o->command, o->parm);

	o->null = r == NULL;
	snprintf(o->result, sizeof(o->result), "%s", r ? r : "");
}

/* What a service gets for a command; NULL as in the contract. Valid until the next call. */
static const char *command(uint32_t handle, const char *name, const char *parm)
{
	static struct order o;

	o = (struct order){ .command = name, .parm = parm };
	assert_true(run_as(handle, give_order, &o));
	return o.null ? NULL : o.result;
}

static const char *text(const char *fmt, uint32_t handle)
{
	static char t[64];

	snprintf(t, sizeof(t), fmt, handle);
	return t;
}

static int setup(void **state)
{
	int r;

	(void)state;
	lines_begin(LOG_LEVEL_INFO);
	r = actors_start(2);
	a = service_launch("actor", NULL);
	b = service_launch("actor", NULL);
	lines_begin(LOG_LEVEL_INFO);
	return r ? r : a && b ? 0 : -1;
}

static int teardown(void **state)
{
	int r = actors_stop();

	(void)state;
	lines_end();
	return r;
}

static void an_unknown_command_gives_null(void **state)
{
	(void)state;
	assert_null(command(a, "NOTHING", NULL));
	assert_null(command(a, "", ""));
	assert_null(command(a, "reg", NULL));
	assert_null(command(a, "LOGON", text(":%x", b)));
}

static void reg_gives_the_own_handle_or_takes_a_local_name(void **state)
{
	(void)state;
	assert_string_equal(command(a, "REG", NULL), text(":%x", a));
	assert_string_equal(command(a, "REG", ""), text(":%x", a));
	assert_string_equal(command(a, "REG", ".first"), "first");
	assert_int_equal(names_find("first"), a);
	assert_null(command(b, "REG", ".first"));
	assert_int_equal(names_find("first"), a);
	assert_int_equal(lines_count(), 0);
	assert_null(command(a, "REG", "GLOBAL"));
	assert_int_equal(lines_with("Can't register global name GLOBAL in C"), 1);
}

static void query_finds_local_names_only(void **state)
{
	(void)state;
	names_register("first", b);
	assert_string_equal(command(a, "QUERY", ".first"), text(":%x", b));
	assert_null(command(a, "QUERY", ".second"));
	assert_null(command(a, "QUERY", "first"));
	assert_null(command(a, "QUERY", NULL));
}

static void name_names_another_service(void **state)
{
	(void)state;
	assert_string_equal(command(a, "NAME", text(".two :%x", b)), "two");
	assert_int_equal(names_find("two"), b);
	assert_null(command(a, "NAME", text(".two :%x", a)));
	assert_int_equal(names_find("two"), b);
	assert_null(command(a, "NAME", ".three"));
	assert_null(command(a, "NAME", ".three :0"));
	assert_null(command(a, "NAME", ".three two"));
	assert_null(command(a, "NAME", NULL));
	assert_int_equal(names_find("three"), 0);
	assert_null(command(a, "NAME", text("GLOBAL :%x", b)));
	assert_int_equal(lines_with("Can't set global name GLOBAL in C"), 1);
}

static void exit_ends_the_caller(void **state)
{
	(void)state;
	assert_null(command(a, "EXIT", NULL));
	assert_true(actors_ended(1));
	assert_null(service_grab(a));
	assert_int_equal(lines_with("KILL self"), 1);
	assert_int_equal(lines.line[0].source, a);
}

static void kill_ends_another_by_handle_or_name(void **state)
{
	uint32_t c = service_launch("actor", NULL);

	(void)state;
	names_register("victim", c);
	assert_null(command(a, "KILL", text(":%x", b)));
	assert_null(command(a, "KILL", ".victim"));
	assert_true(actors_ended(2));
	assert_null(service_grab(b));
	assert_null(service_grab(c));
	assert_int_equal(lines_with(text("KILL :%x", b)), 1);
	assert_int_equal(lines_with(text("KILL :%x", c)), 1);
}

static void kill_of_nobody_harms_nobody(void **state)
{
	(void)state;
	assert_null(command(a, "KILL", ":abcdef"));
	assert_int_equal(lines_with("KILL :abcdef"), 1);
	assert_null(command(a, "KILL", ".nobody"));
	assert_int_equal(lines_count(), 1);
	assert_null(command(a, "KILL", "GLOBAL"));
	assert_int_equal(lines_with("Can't convert GLOBAL to handle"), 1);
	assert_null(command(a, "KILL", NULL));
	assert_int_equal(service_count(), 2);
}

static void the_exit_monitor_hears_of_exits_and_kills_before_they_happen(void **state)
{
	struct letter l;
	uint32_t c = service_launch("actor", NULL);

	(void)state;
	assert_null(command(a, "MONITOR", NULL));
	assert_null(command(a, "MONITOR", text(":%x", a)));
	assert_string_equal(command(b, "MONITOR", ""), text(":%x", a));
	command(b, "EXIT", NULL);
	l = letter_to(a, 0);
	assert_int_equal(l.type, PTYPE_CLIENT);
	assert_int_equal(l.source, b);
	assert_int_equal(l.session, 0);
	assert_int_equal(l.size, 0);
	command(a, "KILL", text(":%x", c));
	assert_int_equal(letter_to(a, 1).source, c);
}

static void abort_ends_all_without_a_word(void **state)
{
	(void)state;
	assert_null(command(a, "MONITOR", text(":%x", a)));
	assert_null(command(b, "ABORT", NULL));
	assert_true(actors_ended(2));
	assert_int_equal(lines_with("KILL"), 0);
	assert_int_equal(letters_to(a), 0);
	while (!node_is_empty())
		node_wait(); /* returns when it is told of the abort, and when nobody is left */
	assert_int_equal(service_count(), 0);
	assert_true(node_aborted());
}

static atomic_int waiter; /* its thread id; seq_cst by default, nothing hangs on it */

static void *wait_for_the_end(void *arg)
{
	atomic_store(&waiter, gettid());
	node_wait();
	return arg;
}

/* Until it sleeps, in node_wait. */
static void until_waiting(void)
{
	uint64_t until = clock_mono_ns() + 10 * NS_PER_SEC;
	char state = 0;

	while (state != 'S' && clock_mono_ns() < until) {
		char path[64];
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%d/stat", atomic_load(&waiter));
		f = fopen(path, "re");
		if (f && fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
			state = 0;
		if (f)
			fclose(f);
	}
	assert_int_equal(state, 'S');
}

static void the_end_of_the_last_service_ends_the_wait(void **state)
{
	struct timespec until;
	pthread_t t;

	(void)state;
	assert_int_equal(pthread_create(&t, NULL, wait_for_the_end, NULL), 0);
	until_waiting();
	assert_true(service_retire(a));
	assert_true(actors_ended(1));
	assert_true(service_retire(b));
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 10;
	assert_int_equal(pthread_timedjoin_np(t, NULL, &until), 0);
	assert_true(node_is_empty());
	assert_false(node_aborted());
}

static void launch_gives_the_handle_in_upper_case(void **state)
{
	const char *r;
	uint32_t h;

	(void)state;
	for (unsigned i = 0; i < 7; i++)
		assert_int_not_equal(service_launch("actor", NULL), 0);
	r = command(a, "LAUNCH", "actor  some args\nand more");
	assert_non_null(r);
	h = (uint32_t)strtoul(r + 1, NULL, 16);
	assert_string_equal(r, text(":%08X", h));
	assert_int_equal(h, 10);
	assert_string_equal(r, ":0000000A");
	assert_int_equal(lines_with("LAUNCH actor some args"), 1);
	assert_int_equal(lines_with("and more"), 0);
}

static void a_failed_launch_gives_null(void **state)
{
	(void)state;
	assert_null(command(a, "LAUNCH", "actor fail"));
	assert_int_equal(lines_with("FAILED launch actor fail"), 1);
	assert_null(command(a, "LAUNCH", "nothing"));
	assert_null(command(a, "LAUNCH", NULL));
	assert_int_equal(service_count(), 2);
}

static void the_environment_is_set_once(void **state)
{
	(void)state;
	assert_null(command(a, "GETENV", "color"));
	assert_null(command(a, "SETENV", "color dark red"));
	assert_string_equal(command(b, "GETENV", "color"), "dark red");
	assert_null(command(a, "SETENV", "empty "));
	assert_string_equal(command(b, "GETENV", "empty"), "");
	assert_null(command(a, "SETENV", "nospace"));
	assert_null(command(a, "GETENV", "nospace"));
	assert_int_equal(lines_count(), 0);
	assert_null(command(a, "SETENV", "color blue"));
	assert_int_equal(lines_with("Can't setenv exist key : color"), 1);
	assert_string_equal(command(b, "GETENV", "color"), "dark red");
}

static void starttime_and_now_make_the_wall_clock(void **state)
{
	double started, now, wall;

	(void)state;
	started = atof(command(a, "STARTTIME", NULL));
	now = started + (double)clock_now_cs() / 100;
	wall = (double)clock_wall_ns() / NS_PER_SEC;
	assert_true(now > wall - 1 && now < wall + 1);
	assert_int_equal((uint32_t)started, clock_start_seconds());
}

static void a_timeout_answers_its_session_and_not_before(void **state)
{
	uint64_t began = clock_mono_ns();
	int session = atoi(command(a, "TIMEOUT", "3"));
	struct letter l = letter_to(a, 0);

	(void)state;
	assert_true(session > 0);
	assert_int_equal(l.type, PTYPE_RESPONSE);
	assert_int_equal(l.session, session);
	assert_int_equal(l.source, 0);
	assert_int_equal(l.size, 0);
	assert_true(l.came_ns - began >= 30 * NS_PER_MS);
}

static bool waits_for_timeout(uint32_t handle)
{
	struct service *s = service_grab(handle);
	bool waits = service_waits_for_timeout(s);

	service_unref(s);
	return waits;
}

static void who_has_a_timeout_on_its_way_waits_for_it(void **state)
{
	int session;

	(void)state;
	assert_false(waits_for_timeout(a));
	session = atoi(command(a, "TIMEOUT", "3"));
	assert_true(waits_for_timeout(a));
	assert_false(waits_for_timeout(b));
	assert_int_equal(letter_to(a, 0).session, session);
	assert_false(waits_for_timeout(a));
}

static void a_timeout_of_nothing_answers_at_once(void **state)
{
	int first = atoi(command(a, "TIMEOUT", "0"));
	int second = atoi(command(a, "TIMEOUT", "-5"));

	(void)state;
	assert_int_not_equal(first, second);
	assert_int_equal(letter_to(a, 0).session, first);
	assert_int_equal(letter_to(a, 1).session, second);
	assert_int_equal(timer_count(), 0);
}

static void a_huge_timeout_does_not_come_round(void **state)
{
	int session[2];

	(void)state;
	session[0] = atoi(command(a, "TIMEOUT", "9223372036854775807"));
	session[1] = atoi(command(a, "TIMEOUT", "1844674407371"));
	assert_int_equal(timer_count(), 2);
	assert_true(timer_next() > clock_mono_ns() + 200 * 86400 * NS_PER_SEC);
	/* at the end of all time they do come; a worker may be at it just now, then again */
	for (uint64_t until = clock_mono_ns() + 10 * NS_PER_SEC;
	     timer_count() && clock_mono_ns() < until;)
		(void)timer_run(UINT64_MAX);
	assert_int_equal(letter_to(a, 0).session, session[0]);
	assert_int_equal(letter_to(a, 1).session, session[1]);
}

static void stat_tells_of_the_caller(void **state)
{
	(void)state;
	assert_string_equal(command(a, "STAT", "mqlen"), "0");
	assert_string_equal(command(a, "STAT", "nothing"), "");
	assert_string_equal(command(a, "STAT", ""), "");
	assert_string_equal(command(a, "STAT", NULL), "");
	assert_string_equal(command(a, "STAT", "endless"), "0");
}

/* Messages are counted at the end of a turn, which may hold several: waits until it has ended. */
static bool counted(uint32_t handle, unsigned want)
{
	uint64_t until = clock_mono_ns() + 10 * NS_PER_SEC;
	struct service *s = service_grab(handle);
	bool there = false;

	while (s && !there && clock_mono_ns() < until)
		there = atomic_load_explicit(&s->messages, memory_order_relaxed) == want;
	if (s)
		service_unref(s);
	return there;
}

static void stat_message_counts_what_was_processed(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		assert_true(run_as(a, nothing, NULL));
	assert_true(counted(a, 5));
	assert_string_equal(command(a, "STAT", "message"), "5");
	assert_true(counted(a, 6)); /* the question itself */
	assert_string_equal(command(a, "STAT", "message"), "6");
	assert_string_equal(command(b, "STAT", "message"), "0");
}

static void set_endless(struct service *s, void *arg)
{
	(void)arg;
	atomic_store_explicit(&s->endless, true, memory_order_relaxed);
}

static void stat_endless_is_read_once(void **state)
{
	(void)state;
	assert_true(run_as(a, set_endless, NULL));
	assert_string_equal(command(a, "STAT", "endless"), "1");
	assert_string_equal(command(a, "STAT", "endless"), "0");
}

struct spent {
	double cpu_before, time, cpu;
};

static void work_and_look(struct service *s, void *arg)
{
	struct spent *r = arg;
	uint64_t until = clock_mono_ns() + 20 * NS_PER_MS;

	r->cpu_before = atof(command_run(s, "STAT", "cpu"));
	while (clock_mono_ns() < until)
		cpu_relax();
	r->time = atof(command_run(s, "STAT", "time"));
	r->cpu = atof(command_run(s, "STAT", "cpu"));
}

static void stat_time_and_cpu_are_seconds(void **state)
{
	struct spent r = { 0 };

	(void)state;
	assert_true(run_as(a, work_and_look, &r));
	assert_true(r.time >= 0.02 && r.time < 10);
	assert_true(r.cpu - r.cpu_before >= 0.0199 && r.cpu < 10);
	assert_non_null(strchr(command(a, "STAT", "cpu"), '.'));
	/* and it stays after the turn */
	assert_true(atof(command(a, "STAT", "cpu")) >= 0.0199);
}

static void stat_time_is_0_when_the_profile_is_off(void **state)
{
	struct spent r = { 0 };

	(void)state;
	env_set("profile", "false");
	assert_true(run_as(a, work_and_look, &r));
	assert_true(r.time == 0);
	assert_string_equal(command(a, "STAT", "time"), "0");
	assert_true(r.cpu >= 0.0199);
}

struct queued {
	char length[16];
};

static void fill_own_mailbox(struct service *s, void *arg)
{
	struct queued *q = arg;

	for (int i = 0; i < 3; i++)
		service_send_error_text(0, service_handle(s), 1, "x");
	snprintf(q->length, sizeof(q->length), "%s", command_run(s, "STAT", "mqlen"));
}

static void stat_mqlen_counts_what_waits(void **state)
{
	struct queued q;

	(void)state;
	assert_true(run_as(a, fill_own_mailbox, &q));
	assert_string_equal(q.length, "3");
}

static void a_signal_reaches_the_module_by_handle_or_name(void **state)
{
	(void)state;
	names_register("bee", b);
	assert_null(command(a, "SIGNAL", text(":%x", b)));
	assert_int_equal(post.signals, 1);
	assert_int_equal(post.signal, 0);
	assert_null(command(a, "SIGNAL", text(":%x 0x10", b)));
	assert_int_equal(post.signals, 2);
	assert_int_equal(post.signal, 16);
	assert_null(command(a, "SIGNAL", ".bee 7"));
	assert_int_equal(post.signals, 3);
	assert_int_equal(post.signal, 7);
	assert_null(command(a, "SIGNAL", ".bee"));
	assert_int_equal(post.signals, 4);
	assert_null(command(a, "SIGNAL", ":abcdef 1"));
	assert_null(command(a, "SIGNAL", NULL));
	assert_int_equal(post.signals, 4);
}

static void a_module_without_a_signal_function_is_left_alone(void **state)
{
	static const struct module deaf = { .name = "deaf",
					    .init = actor_init,
					    .release = actor_release };
	uint32_t handle;

	(void)state;
	module_add(&deaf);
	handle = service_launch("deaf", NULL);
	assert_null(command(a, "SIGNAL", text(":%x 1", handle)));
	assert_int_equal(post.signals, 0);
	assert_true(run_as(handle, nothing, NULL));
}

static void chain(struct service *s, void *arg)
{
	/* the result of one command is the parameter of the next */
	const char *r = command_run(s, "REG", ".x");

	*(bool *)arg = r && strcmp(r, "x") == 0;
	r = command_run(s, "REG", NULL);
	r = command_run(s, "KILL", r);
	*(bool *)arg = *(bool *)arg && !r;
}

static void a_result_may_be_the_next_parameter(void **state)
{
	bool well = false;

	(void)state;
	assert_true(run_as(a, chain, &well));
	assert_true(well);
	assert_true(actors_ended(1));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(an_unknown_command_gives_null),
		T(reg_gives_the_own_handle_or_takes_a_local_name),
		T(query_finds_local_names_only),
		T(name_names_another_service),
		T(exit_ends_the_caller),
		T(kill_ends_another_by_handle_or_name),
		T(kill_of_nobody_harms_nobody),
		T(the_exit_monitor_hears_of_exits_and_kills_before_they_happen),
		T(abort_ends_all_without_a_word),
		T(the_end_of_the_last_service_ends_the_wait),
		T(launch_gives_the_handle_in_upper_case),
		T(a_failed_launch_gives_null),
		T(the_environment_is_set_once),
		T(starttime_and_now_make_the_wall_clock),
		T(a_timeout_answers_its_session_and_not_before),
		T(who_has_a_timeout_on_its_way_waits_for_it),
		T(a_timeout_of_nothing_answers_at_once),
		T(a_huge_timeout_does_not_come_round),
		T(stat_tells_of_the_caller),
		T(stat_message_counts_what_was_processed),
		T(stat_endless_is_read_once),
		T(stat_time_and_cpu_are_seconds),
		T(stat_time_is_0_when_the_profile_is_off),
		T(stat_mqlen_counts_what_waits),
		T(a_signal_reaches_the_module_by_handle_or_name),
		T(a_module_without_a_signal_function_is_left_alone),
		T(a_result_may_be_the_next_parameter),
	};

	return cmocka_run_group_tests_name("core/command", tests, NULL, NULL);
}

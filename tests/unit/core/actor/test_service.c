/* SPDX-License-Identifier: MIT */
/* Services on real workers: handles, life and death, calls, timers, stress. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "core/base/clock.h"
#include "core/actor/handle.h"
#include "core/log/log.h"
#include "core/base/mem.h"
#include "core/actor/module.h"
#include "core/sched/monitor.h"
#include "core/actor/names.h"
#include "core/node/node.h"
#include "core/actor/life.h"
#include "core/actor/send.h"
#include "core/actor/service.h"
#include "core/sched/timeout.h"
#include "core/sched/timer.h"

/* Waits until *n reaches at least `want`; false after 10 s. */
static bool reaches(atomic_uint *n, unsigned want)
{
	uint64_t until = clock_mono_ns() + 10 * NS_PER_SEC;
	struct timespec ms = { 0, 1000000 };

	while (atomic_load_explicit(n, memory_order_acquire) < want) {
		if (clock_mono_ns() > until)
			return false;
		nanosleep(&ms, NULL);
	}
	return true;
}

static atomic_uint answers, errors, delivered, released, block;

static void reset(void)
{
	atomic_store_explicit(&answers, 0, memory_order_release);
	atomic_store_explicit(&errors, 0, memory_order_release);
	atomic_store_explicit(&delivered, 0, memory_order_release);
	atomic_store_explicit(&released, 0, memory_order_release);
	atomic_store_explicit(&block, 0, memory_order_release);
}

/* ---- echo: answers requests; "block" waits until told ---- */

static int echo_cb(struct service *s, void *ud, int type, int session, uint32_t source,
		   const void *data, size_t size)
{
	(void)ud;
	atomic_fetch_add_explicit(&delivered, 1, memory_order_release);
	if (type == PTYPE_SYSTEM)
		while (atomic_load_explicit(&block, memory_order_acquire))
			cpu_relax();
	if (session && type != PTYPE_RESPONSE && type != PTYPE_ERROR) {
		struct msg *m = msg_create_copy(data, size);

		m->source = service_handle(s);
		m->dest = source;
		m->session = session;
		m->type = PTYPE_RESPONSE;
		service_forward(m);
	}
	return 0;
}

static int echo_init(void *inst, struct service *s, const char *args)
{
	(void)inst;
	if (args && strcmp(args, "fail") == 0)
		return 1;
	service_set_callback(s, NULL, echo_cb);
	return 0;
}

static void echo_release(void *inst)
{
	(void)inst;
	atomic_fetch_add_explicit(&released, 1, memory_order_release);
}

static const struct module echo = { .name = "echo", .init = echo_init, .release = echo_release };

/* ---- probe: counts what comes back; a chain of calls when `left` is set ---- */

static atomic_uint left;
static uint32_t target;

/* Never below 0, whoever takes at the same time. */
static bool take_one_left(void)
{
	unsigned n = atomic_load_explicit(&left, memory_order_acquire);

	while (n && !atomic_compare_exchange_weak_explicit(&left, &n, n - 1, memory_order_acq_rel,
							   memory_order_acquire))
		;
	return n > 0;
}

static int probe_cb(struct service *s, void *ud, int type, int session, uint32_t source,
		    const void *data, size_t size)
{
	(void)ud;
	(void)source;
	(void)data;
	(void)size;
	(void)session;
	if (type == PTYPE_ERROR)
		atomic_fetch_add_explicit(&errors, 1, memory_order_release);
	else
		atomic_fetch_add_explicit(&answers, 1, memory_order_release);
	if (type != PTYPE_ERROR && take_one_left()) {
		struct msg *m = msg_create_copy("x", 1);

		m->source = service_handle(s);
		m->dest = target;
		m->session = service_new_session(s);
		m->type = PTYPE_TEXT;
		service_forward(m);
	}
	return 0;
}

static int probe_init(void *inst, struct service *s, const char *args)
{
	(void)inst;
	(void)args;
	service_set_callback(s, NULL, probe_cb);
	return 0;
}

static const struct module probe = { .name = "probe", .init = probe_init };

static int ask(uint32_t from, uint32_t to, int type, int session)
{
	struct msg *m = msg_create_copy("hello", 5);

	m->source = from;
	m->dest = to;
	m->session = session;
	m->type = (uint8_t)type;
	return service_send(m);
}

static int setup(void **state)
{
	const struct node_config c = { .threads = 3 };

	(void)state;
	reset();
	log_set_level(LOG_LEVEL_ERROR);
	assert_int_equal(node_init(&c), 0);
	module_add(&echo);
	module_add(&probe);
	return node_start();
}

static int teardown(void **state)
{
	(void)state;
	atomic_store_explicit(&left, 0, memory_order_release);
	return node_stop(10 * NS_PER_SEC) ? 0 : -1;
}

static void handles_count_up_from_one(void **state)
{
	(void)state;
	assert_int_equal(service_launch("echo", NULL), 1);
	assert_int_equal(service_launch("echo", NULL), 2);
	assert_int_equal(service_count(), 2);
}

static void a_failed_init_leaves_nothing(void **state)
{
	(void)state;
	assert_int_equal(service_launch("echo", "fail"), 0);
	assert_int_equal(service_launch("nothere", NULL), 0);
	assert_int_equal(service_count(), 0);
	assert_int_equal(service_launch("echo", NULL), 2); /* ids are not reused at once */
}

static void a_request_is_answered(void **state)
{
	uint32_t p, e;

	(void)state;
	p = service_launch("probe", NULL);
	e = service_launch("echo", NULL);
	assert_int_equal(ask(p, e, PTYPE_TEXT, 5), SEND_OK);
	assert_true(reaches(&answers, 1));
}

static void a_send_to_nobody_is_refused(void **state)
{
	(void)state;
	assert_int_equal(ask(0, 99, PTYPE_TEXT, 1), SEND_NO_SERVICE);
	assert_int_equal(ask(0, 0, PTYPE_TEXT, 1), SEND_INVALID);
}

static void a_request_for_another_gets_an_error_when_it_cannot_be_delivered(void **state)
{
	uint32_t p = service_launch("probe", NULL);
	struct msg *m;

	(void)state;
	for (int type = PTYPE_TEXT; type <= PTYPE_LUA; type++) {
		m = msg_create(0);
		m->source = p;
		m->dest = 99;
		m->session = 7;
		m->type = (uint8_t)type;
		assert_int_equal(service_forward(m), SEND_NO_SERVICE);
	}
	/* eleven types, and three of them are no requests: response, error, multicast */
	assert_true(reaches(&errors, 8));
	m = msg_create(0);
	m->source = p;
	m->session = 8;
	assert_int_equal(service_forward_name(".nobody", m), SEND_NO_SERVICE);
	assert_true(reaches(&errors, 9));
}

static int mute_init(void *inst, struct service *s, const char *args)
{
	(void)inst;
	(void)s;
	(void)args;
	return 0;
}

static const struct module mute = { .name = "mute", .init = mute_init };

static void a_request_to_a_service_without_a_callback_fails(void **state)
{
	uint32_t p = service_launch("probe", NULL), m;

	(void)state;
	module_add(&mute);
	m = service_launch("mute", NULL);
	assert_int_equal(ask(p, m, PTYPE_TEXT, 5), SEND_OK);
	assert_int_equal(ask(p, m, PTYPE_TEXT, 0), SEND_OK);
	assert_int_equal(ask(p, m, PTYPE_LUA, 6), SEND_OK);
	assert_true(reaches(&errors, 2));
	assert_int_equal(answers, 0);
}

static void names_go_with_their_service(void **state)
{
	uint32_t e;

	(void)state;
	e = service_launch("echo", NULL);
	assert_int_equal(names_register("one", e), 0);
	assert_int_equal(names_register("two", e), 0);
	assert_int_not_equal(names_register("one", 7), 0);
	assert_int_equal(service_find(".two"), e);
	assert_true(service_retire(e));
	assert_int_equal(service_find(".one"), 0);
	assert_int_equal(ask(0, e, PTYPE_TEXT, 1), SEND_NO_SERVICE);
	assert_false(service_retire(e));
	assert_true(reaches(&released, 1));
}

/* Whoever lists services holds a reference and reads what is written about them. */
static void a_reference_keeps_what_people_read(void **state)
{
	uint64_t until = clock_mono_ns() + 10 * NS_PER_SEC;
	const unsigned before = service_count();
	uint32_t e = service_launch("echo", "with arguments");
	struct service *s = service_grab(e);

	(void)state;
	assert_non_null(s);
	assert_true(service_retire(e));
	while (service_count() > before && clock_mono_ns() < until)
		cpu_relax();
	assert_int_equal(service_count(), before);
	assert_non_null(s->args);
	assert_string_equal(s->args, "echo with arguments");
	service_unref(s);
}

static void queued_requests_of_a_dead_service_get_errors(void **state)
{
	uint32_t p, e;

	(void)state;
	p = service_launch("probe", NULL);
	e = service_launch("echo", NULL);
	atomic_store_explicit(&block, 1, memory_order_release);
	ask(0, e, PTYPE_SYSTEM, 0);
	assert_true(reaches(&delivered, 1));
	for (int i = 1; i <= 10; i++)
		assert_int_equal(ask(p, e, PTYPE_TEXT, i), SEND_OK);
	assert_true(service_retire(e));
	atomic_store_explicit(&block, 0, memory_order_release);
	assert_true(reaches(&errors, 10));
	assert_true(reaches(&released, 1));
	assert_int_equal(answers, 0);
}

static void work_behind_a_long_callback_is_done_by_others(void **state)
{
	uint32_t p, e, b[3];

	(void)state;
	p = service_launch("probe", NULL);
	e = service_launch("echo", NULL);
	atomic_store_explicit(&block, 1, memory_order_release);
	/* two of three workers are held */
	for (unsigned i = 0; i < 2; i++) {
		b[i] = service_launch("echo", NULL);
		ask(0, b[i], PTYPE_SYSTEM, 0);
	}
	assert_true(reaches(&delivered, 2));
	for (int i = 1; i <= 100; i++)
		ask(p, e, PTYPE_TEXT, i);
	assert_true(reaches(&answers, 100));
	atomic_store_explicit(&block, 0, memory_order_release);
}

static struct msg *arm(uint32_t handle, int32_t session, uint64_t delay_ns)
{
	struct service *s = service_grab(handle);
	struct msg *m = service_timeout(s, session, 7, delay_ns);

	service_unref(s);
	return m;
}

static void a_timeout_comes_never_early_and_once(void **state)
{
	uint32_t p;
	uint64_t began;

	(void)state;
	p = service_launch("probe", NULL);
	began = clock_mono_ns();
	arm(p, 1, 30 * NS_PER_MS);
	assert_true(reaches(&answers, 1));
	assert_true(clock_mono_ns() - began >= 30 * NS_PER_MS);
	struct msg *far = arm(p, 2, 3600 * NS_PER_SEC);

	assert_true(service_timeout_cancel(far));
	assert_int_equal(timer_count(), 0);
}

static void a_timeout_of_a_dead_service_is_dropped(void **state)
{
	uint32_t p, q;

	(void)state;
	p = service_launch("probe", NULL);
	q = service_launch("probe", NULL);
	arm(p, 1, 5 * NS_PER_MS);
	service_retire(p);
	arm(q, 1, 10 * NS_PER_MS);
	assert_true(reaches(&answers, 1));
}

static atomic_uint seen_first, seen_second;

static void see_first(const struct msg *m)
{
	if (m->type == PTYPE_MULTICAST)
		atomic_fetch_add_explicit(&seen_first, 1, memory_order_release);
}

static void see_second(const struct msg *m)
{
	(void)m;
	atomic_fetch_add_explicit(&seen_second, 1, memory_order_release);
}

static void unread_messages_are_shown_to_all_and_only_requests_bounce(void **state)
{
	uint32_t p, e;

	(void)state;
	msg_add_on_drop(see_first);
	msg_add_on_drop(see_second);
	msg_add_on_drop(see_first); /* once is enough */
	p = service_launch("probe", NULL);
	e = service_launch("echo", NULL);
	atomic_store_explicit(&block, 1, memory_order_release);
	ask(0, e, PTYPE_SYSTEM, 0);
	assert_true(reaches(&delivered, 1));
	for (int channel = 1; channel <= 5; channel++)
		ask(p, e, PTYPE_MULTICAST, channel);
	ask(p, e, PTYPE_TEXT, 1);
	service_retire(e);
	atomic_store_explicit(&block, 0, memory_order_release);
	assert_true(reaches(&seen_second, 6));
	assert_int_equal(seen_first, 5);
	assert_true(reaches(&errors, 1));
	assert_int_equal(errors, 1);
}

static void many_chains_of_calls_lose_nothing(void **state)
{
	enum { PROBES = 32 };

	(void)state;
	target = service_launch("echo", NULL);
	atomic_store_explicit(&left, 40000, memory_order_release);
	for (int i = 0; i < PROBES; i++) {
		uint32_t p = service_launch("probe", NULL);

		ask(0, p, PTYPE_RESPONSE, 1);
	}
	assert_true(reaches(&answers, PROBES + 40000));
}

static atomic_uint churn_errors;

static void births_and_deaths_under_fire_answer_every_request(void **state)
{
	uint32_t p;
	unsigned asked = 0, refused = 0;

	(void)state;
	(void)churn_errors;
	p = service_launch("probe", NULL);
	for (unsigned round = 0; round < 2000; round++) {
		uint32_t e = service_launch("echo", NULL);

		for (int i = 0; i < 3; i++) {
			asked++;
			if (ask(p, e, PTYPE_TEXT, (int)asked) != SEND_OK)
				refused++;
		}
		service_retire(e);
		asked++;
		if (ask(p, e, PTYPE_TEXT, (int)asked) != SEND_OK)
			refused++;
	}
	/* each request: answered, bounced, or refused on the spot */
	uint64_t until = clock_mono_ns() + 10 * NS_PER_SEC;

	while (atomic_load_explicit(&answers, memory_order_acquire) +
			       atomic_load_explicit(&errors, memory_order_acquire) + refused <
		       asked &&
	       clock_mono_ns() < until)
		cpu_relax();
	assert_int_equal(answers + errors + refused, asked);
	assert_true(reaches(&released, 2000));
}

static void handles_wrap_and_skip_who_is_there(void **state)
{
	uint32_t one = service_launch("echo", NULL), two = service_launch("echo", NULL), last;

	(void)state;
	assert_int_equal(one, 1);
	assert_int_equal(two, 2);
	assert_true(service_retire(two));
	assert_true(reaches(&released, 1));
	handle_set_next(0xfffffe);
	assert_int_equal(service_launch("echo", NULL), 0xfffffe);
	last = service_launch("echo", NULL);
	assert_int_equal(last, 0xffffff);
	assert_int_equal(service_launch("echo", NULL), 2); /* 0 is nobody, 1 is taken */
	assert_int_equal(ask(one, last, PTYPE_TEXT, 1), SEND_OK);
	assert_true(reaches(&delivered, 2)); /* the request there, the answer here */
	/* every place of the table in turn, round after round, with a few that stay */
	for (unsigned i = 0; i < 2000; i++) {
		uint32_t h = service_launch("echo", NULL);

		assert_int_not_equal(h, 0);
		assert_true(h != one && h != last && h != 2 && h != 0xfffffe);
		service_unref(service_grab(h));
		assert_true(service_retire(h));
		assert_null(service_grab(h));
	}
	assert_int_equal(service_count() >= 4, 1);
}

static void the_table_grows_and_finds_all(void **state)
{
	enum { N = 5000 };
	static uint32_t h[N];

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		h[i] = service_launch("echo", NULL);
		assert_int_not_equal(h[i], 0);
		if (i % 3 == 0)
			service_retire(h[i]);
	}
	for (unsigned i = 0; i < N; i++) {
		struct service *s = service_grab(h[i]);

		assert_int_equal(s != NULL, i % 3 != 0);
		if (s) {
			assert_int_equal(service_handle(s), h[i]);
			service_unref(s);
		}
	}
}

static void an_endless_callback_is_noticed(void **state)
{
	uint32_t e;

	(void)state;
	e = service_launch("echo", NULL);
	atomic_store_explicit(&block, 1, memory_order_release);
	ask(0, e, PTYPE_SYSTEM, 0);
	assert_true(reaches(&delivered, 1));
	uint64_t until = clock_mono_ns() + 10 * NS_PER_SEC;

	while (monitor_stuck() == 0 && clock_mono_ns() < until)
		cpu_relax();
	assert_int_equal(monitor_stuck(), 1);
	struct service *s = service_grab(e);

	assert_true(atomic_load_explicit(&s->endless, memory_order_relaxed));
	service_unref(s);
	atomic_store_explicit(&block, 0, memory_order_release);
}

static int setup_quick_monitor(void **state)
{
	monitor_set_check_ns(100 * NS_PER_MS);
	return setup(state);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(handles_count_up_from_one),
		T(a_failed_init_leaves_nothing),
		T(a_request_is_answered),
		T(a_send_to_nobody_is_refused),
		T(a_request_for_another_gets_an_error_when_it_cannot_be_delivered),
		T(a_request_to_a_service_without_a_callback_fails),
		T(names_go_with_their_service),
		T(a_reference_keeps_what_people_read),
		T(queued_requests_of_a_dead_service_get_errors),
		T(work_behind_a_long_callback_is_done_by_others),
		T(a_timeout_comes_never_early_and_once),
		T(a_timeout_of_a_dead_service_is_dropped),
		T(unread_messages_are_shown_to_all_and_only_requests_bounce),
		T(many_chains_of_calls_lose_nothing),
		T(births_and_deaths_under_fire_answer_every_request),
		T(handles_wrap_and_skip_who_is_there),
		T(the_table_grows_and_finds_all),
		cmocka_unit_test_setup_teardown(an_endless_callback_is_noticed, setup_quick_monitor,
						teardown),
	};

	return cmocka_run_group_tests_name("core/service", tests, NULL, NULL);
}

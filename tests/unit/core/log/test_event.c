/* SPDX-License-Identifier: MIT */
/* The list of events. Each test reads behind what the ones before it left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/log/log.h"
#include "tests/unit/core/lines.h"

static int setup(void **state)
{
	(void)state;
	lines_begin(LOG_LEVEL_INFO);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	lines_end();
	return 0;
}

static void names_and_ids_are_unique_and_well_formed(void **state)
{
	(void)state;
	for (unsigned i = LOG_EVENT_none + 1; i < LOG_EVENTS; i++) {
		const char *id = event_id((enum log_event)i);

		assert_int_equal(strlen(id), 32);
		assert_int_equal(strspn(id, "0123456789abcdef"), 32);
		assert_int_equal(event_parse(event_name((enum log_event)i)), i);
		for (unsigned k = LOG_EVENT_none + 1; k < i; k++)
			assert_string_not_equal(id, event_id((enum log_event)k));
	}
	assert_int_equal(event_parse("nothing"), LOG_EVENT_none);
	assert_int_equal(event_parse(""), LOG_EVENT_none);
}

static void a_line_that_tells_one_enters_it_whatever_the_level_is(void **state)
{
	uint64_t before = event_last();
	struct event e;

	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	log_event(link_up, "n2", "link to %s is up", "n2");
	log_event_of(0x0100000a, name_lost, "@x", "%s is lost", "@x");
	log_info("no event");
	assert_int_equal(lines_count(), 0);
	assert_true(event_next(before, 0, &e));
	assert_int_equal(e.kind, LOG_EVENT_link_up);
	assert_string_equal(e.peer, "n2");
	assert_string_equal(e.text, "link to n2 is up");
	assert_int_equal(e.source, 0);
	assert_true(event_next(e.number, 0, &e));
	assert_int_equal(e.kind, LOG_EVENT_name_lost);
	assert_int_equal(e.source, 0x0100000a);
	assert_int_equal(e.number, event_last());
	assert_false(event_next(e.number, 0, &e));
}

static void a_kind_that_comes_often_leaves_the_others_alone(void **state)
{
	uint64_t before = event_last(), pushed = event_pushed_out(), at = before;
	struct event e;
	unsigned n = 0;

	(void)state;
	event_add(LOG_EVENT_node_joined, 0, "n3", "n3 joins", 8);
	for (unsigned i = 0; i < 3 * EVENT_KEPT; i++)
		event_add(LOG_EVENT_name_changed, 0, NULL, "x", 1);
	while (event_next(at, 0, &e)) {
		if (n == 0)
			assert_int_equal(e.kind, LOG_EVENT_node_joined);
		assert_true(e.number > at);
		at = e.number;
		n++;
	}
	assert_int_equal(n, EVENT_KEPT + 1);
	assert_int_equal(event_pushed_out() - pushed, 2 * EVENT_KEPT);
}

static void long_texts_are_cut_and_time_is_a_bound(void **state)
{
	char text[2 * EVENT_TEXT], peer[2 * EVENT_PEER];
	uint64_t before = event_last();
	struct event e;

	(void)state;
	memset(text, 't', sizeof(text));
	memset(peer, 'p', sizeof(peer) - 1);
	peer[sizeof(peer) - 1] = 0;
	event_add(LOG_EVENT_link_lost, 0, peer, text, sizeof(text));
	assert_true(event_next(before, 0, &e));
	assert_int_equal(strlen(e.text), EVENT_TEXT - 1);
	assert_int_equal(strlen(e.peer), EVENT_PEER - 1);
	assert_true(event_next(before, e.wall_ns, &e));
	assert_false(event_next(before, e.wall_ns + 1, &e));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(names_and_ids_are_unique_and_well_formed),
		TEST(a_line_that_tells_one_enters_it_whatever_the_level_is),
		TEST(a_kind_that_comes_often_leaves_the_others_alone),
		TEST(long_texts_are_cut_and_time_is_a_bound),
	};

	return cmocka_run_group_tests_name("core/event", tests, NULL, NULL);
}

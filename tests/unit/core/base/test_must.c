/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/base/must.h"
#include "core/ds/map.h"
#include "core/ds/wheel.h"
#include "core/log/log.h"
#include "tests/unit/core/ending.h"

static unsigned looked;

static unsigned look(unsigned n)
{
	looked++;
	return n;
}

static void hold(void)
{
	must(look(1) == 1);
	must_slow(look(1) == 1);
}

static void breaks(void)
{
	must(look(1) == 2);
}

static void what_is_true_goes_on_and_is_looked_at_once(void **state)
{
	(void)state;
	looked = 0;
	assert_false(ends_by_abort(hold));
	assert_string_equal(ending_text, "");
	hold();
#ifdef CHECKS
	assert_int_equal(looked, 2);
#else
	assert_int_equal(looked, 1); /* must_slow is not evaluated */
#endif
}

static void what_is_not_ends_the_process_with_the_place_and_the_thread(void **state)
{
	char place[128];

	(void)state;
	pthread_setname_np(pthread_self(), "tester");
	assert_true(ends_by_abort(breaks));
	snprintf(place, sizeof(place), "harbord: must(look(1) == 2) failed at %s:", __FILE__);
	assert_memory_equal(ending_text, place, strlen(place));
	assert_non_null(strstr(ending_text, ", thread tester ("));
	assert_string_equal(strchr(ending_text, '\n'), "\n"); /* one line */
}

static void fail_in_words(const char *text, size_t size)
{
	dprintf(STDERR_FILENO, "words: %.*s\n", (int)size, text);
	must(!"words that fail");
}

static void fail_with_words(void)
{
	must_set_last_words(fail_in_words);
	breaks();
}

static void last_words_are_said_once_also_when_they_fail(void **state)
{
	char *words;

	(void)state;
	assert_true(ends_by_abort(fail_with_words));
	words = strstr(ending_text, "\nwords: harbord: must(look(1) == 2) failed at ");
	assert_non_null(words);
	assert_null(strstr(words + 1, "\nwords: "));
	assert_non_null(strstr(words, "words that fail"));
}

static void sink_write(void *ud, const struct log_record *r)
{
	dprintf(STDERR_FILENO, "sink: %s %.*s|", log_level_name(r->level), (int)r->size, r->text);
	if (ud)
		breaks();
}

static void sink_flush(void *ud)
{
	(void)ud;
	dprintf(STDERR_FILENO, "flushed");
}

static const struct log_sink sink = { .write = sink_write, .flush = sink_flush };

static void fail_with_log(void)
{
	log_set_sink(&sink, NULL);
	must_set_last_words(log_last_words);
	breaks();
}

static void fail_in_sink(void)
{
	log_set_sink(&sink, (void *)(uintptr_t)&sink);
	must_set_last_words(log_last_words);
	log_error("hello");
}

static void the_log_has_the_line_unless_the_sink_is_busy(void **state)
{
	(void)state;
	assert_true(ends_by_abort(fail_with_log));
	assert_non_null(strstr(ending_text, "sink: error harbord: must(look(1) == 2) failed at "));
	assert_non_null(strstr(ending_text, "|flushed"));
	assert_true(ends_by_abort(fail_in_sink));
	assert_non_null(
		strstr(ending_text, "sink: error hello|harbord: must(look(1) == 2) failed at "));
	assert_null(strstr(ending_text, "sink: error harbord"));
}

static void arm_twice(void)
{
	struct wheel_entry e = { 0 };
	static struct wheel w;

	wheel_init(&w, 0);
	wheel_arm(&w, &e, 1);
	wheel_arm(&w, &e, 2);
}

static void remove_a_strange_item(void)
{
	struct map m = { 0 };
	struct map_item stranger = { 0 };

	map_add(&m, "a");
	map_remove(&m, &stranger);
}

static void set_no_level(void)
{
	log_set_level((enum log_level)4);
}

static void callers_that_break_the_rules_are_found_at_the_door(void **state)
{
	(void)state;
	assert_true(ends_by_abort(arm_twice));
	assert_non_null(
		strstr(ending_text, "must(!wheel_entry_armed(e)) failed at core/ds/wheel.c:"));
	assert_true(ends_by_abort(remove_a_strange_item));
	assert_non_null(strstr(ending_text, "must(at < m->count) failed at core/ds/map.c:"));
	assert_true(ends_by_abort(set_no_level));
	assert_non_null(strstr(ending_text, "core/log/source.c:"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_true_goes_on_and_is_looked_at_once),
		cmocka_unit_test(what_is_not_ends_the_process_with_the_place_and_the_thread),
		cmocka_unit_test(last_words_are_said_once_also_when_they_fail),
		cmocka_unit_test(the_log_has_the_line_unless_the_sink_is_busy),
		cmocka_unit_test(callers_that_break_the_rules_are_found_at_the_door),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* The log, into a sink that keeps the lines (lines.h). */
#include <errno.h>
#include <pthread.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

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
	lines_shut(false);
	log_stop();
	lines_end();
	return 0;
}

static void levels_have_names(void **state)
{
	(void)state;
	for (int l = LOG_LEVEL_DEBUG; l <= LOG_LEVEL_ERROR; l++)
		assert_int_equal(log_level_parse(log_level_name((enum log_level)l)), l);
	assert_int_equal(log_level_parse("info"), LOG_LEVEL_INFO);
	assert_int_equal(log_level_parse("INFO"), -1);
	assert_int_equal(log_level_parse(""), -1);
}

static void lines_below_the_level_are_not_made(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_WARNING);
	assert_int_equal(log_get_level(), LOG_LEVEL_WARNING);
	log_info("no");
	log_write(NULL, LOG_LEVEL_DEBUG, 0, "no", 2);
	log_warning("yes");
	log_error("yes");
	assert_int_equal(lines_count(), 2);
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("now");
	assert_int_equal(lines_count(), 3);
}

static void before_start_and_after_stop_lines_reach_the_sink_at_once(void **state)
{
	(void)state;
	log_info("before");
	assert_int_equal(lines_count(), 1);
	assert_int_equal(log_start(), 0);
	log_info("while");
	log_stop();
	assert_int_equal(lines_count(), 2);
	log_info("after");
	assert_int_equal(lines_count(), 3);
	assert_string_equal(lines.line[0].text, "before");
	assert_string_equal(lines.line[1].text, "while");
	assert_string_equal(lines.line[2].text, "after");
}

static void it_starts_once_and_again_after_a_stop(void **state)
{
	(void)state;
	assert_int_equal(log_start(), 0);
	assert_int_equal(log_start(), -EALREADY);
	log_stop();
	log_stop();
	assert_int_equal(log_start(), 0);
	log_info("again");
	log_flush();
	assert_int_equal(lines_count(), 1);
}

static void a_record_carries_level_source_and_time(void **state)
{
	(void)state;
	log_printf(LOG_LEVEL_ERROR, 0x0100000a, "%s %d", "answer", 42);
	assert_int_equal(lines.line[0].level, LOG_LEVEL_ERROR);
	assert_int_equal(lines.line[0].source, 0x0100000a);
	assert_int_equal(lines.line[0].size, 9);
	assert_string_equal(lines.line[0].text, "answer 42");
}

static void newlines_and_nuls_are_kept(void **state)
{
	static const char text[] = "one\ntwo\0three";

	(void)state;
	assert_int_equal(log_start(), 0);
	log_write(NULL, LOG_LEVEL_INFO, 1, text, sizeof(text) - 1);
	log_flush();
	assert_int_equal(lines.line[0].size, sizeof(text) - 1);
	assert_memory_equal(lines.line[0].text, text, sizeof(text) - 1);
}

static void a_long_line_is_not_cut(void **state)
{
	static char text[20000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	log_info("%s", text);
	assert_int_equal(lines.line[0].size, sizeof(text) - 1);
	assert_int_equal(log_start(), 0);
	log_info("%s!", text);
	log_flush();
	assert_int_equal(lines.line[1].size, sizeof(text));
}

static void a_flush_waits_for_all_lines_in_their_order(void **state)
{
	char text[16];

	(void)state;
	assert_int_equal(log_start(), 0);
	for (unsigned i = 0; i < 3000; i++)
		log_info("line %u", i);
	log_flush();
	assert_int_equal(lines_count(), 3000);
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(text, sizeof(text), "line %u", i);
		assert_string_equal(lines.line[i].text, text);
	}
}

static void a_slow_sink_holds_up_nobody_and_what_is_dropped_is_told(void **state)
{
	enum { N = 300 };
	static char text[65536];
	uint64_t dropped = log_dropped();
	unsigned arrived, told = 0;

	(void)state;
	assert_int_equal(log_start(), 0);
	lines_shut(true);
	log_info("the first");
	assert_true(lines_reach(&lines.waiting, 1));
	/* 20 MB into a buffer of 4; this returns although nothing is written */
	for (unsigned i = 0; i < N; i++) {
		memset(text, 'a' + (int)(i % 26), sizeof(text));
		text[0] = (char)i;
		log_write(NULL, LOG_LEVEL_INFO, i, text, sizeof(text));
	}
	dropped = log_dropped() - dropped;
	assert_true(dropped >= N / 2 && dropped < N);
	lines_shut(false);
	log_stop();
	for (unsigned i = 0; i < lines.count; i++) {
		const char *at = strstr(lines.line[i].text, " log lines were dropped");

		if (at) {
			assert_int_equal(lines.line[i].level, LOG_LEVEL_WARNING);
			told += (unsigned)atoi(lines.line[i].text);
		}
	}
	assert_int_equal(told, dropped);
	arrived = lines_count() - 1 - lines_with("dropped");
	assert_int_equal(arrived + dropped, N);
}

static void repetitions_are_held_back_and_counted(void **state)
{
	(void)state;
	assert_int_equal(log_start(), 0);
	for (unsigned i = 0; i < LOG_BURST + 100; i++)
		log_printf(LOG_LEVEL_WARNING, 5, "same");
	log_flush();
	assert_int_equal(lines_count(), LOG_BURST + 1);
	assert_string_equal(lines.line[LOG_BURST].text, "same... repeated 100 times");
	assert_int_equal(lines.line[LOG_BURST].level, LOG_LEVEL_WARNING);
	assert_int_equal(lines.line[LOG_BURST].source, 5);
}

static void the_count_comes_when_the_window_ends_without_another_line(void **state)
{
	(void)state;
	assert_int_equal(log_start(), 0);
	for (unsigned i = 0; i < LOG_BURST; i++)
		log_info("same");
	/* the writer has nothing to do and sleeps, then one more is held back */
	assert_true(lines_reach(&lines.count, LOG_BURST));
	log_info("same");
	assert_true(lines_reach(&lines.count, LOG_BURST + 1));
	assert_string_equal(lines.line[LOG_BURST].text, "same... repeated 1 times");
}

static void held_lines_are_told_at_the_stop(void **state)
{
	(void)state;
	assert_int_equal(log_start(), 0);
	for (unsigned i = 0; i < LOG_BURST + 7; i++)
		log_info("same");
	log_stop();
	assert_int_equal(lines_count(), LOG_BURST + 1);
	assert_int_equal(lines_with("repeated 7 times"), 1);
}

static void log_another_line(void *ud, const struct log_record *r)
{
	lines_write(ud, r);
	if (memmem(r->text, r->size, "repeated", 8)) /* no NUL ends the text */
		log_info("the last");
}

/* The held line goes with the last that the writer takes; the sink logs one more meanwhile. */
static void a_line_that_comes_while_the_last_are_written_is_written(void **state)
{
	static const struct log_sink sink = { log_another_line, lines_flush, lines_reopen };

	(void)state;
	log_set_sink(&sink, NULL);
	assert_int_equal(log_start(), 0);
	for (unsigned i = 0; i < LOG_BURST + 1; i++)
		log_info("same");
	log_stop();
	assert_int_equal(lines_with("repeated"), 1);
	assert_int_equal(lines_with("the last"), 1);
}

static void lines_that_differ_in_anything_are_not_repetitions(void **state)
{
	unsigned n = LOG_BURST / 2 + 1;

	(void)state;
	assert_int_equal(log_start(), 0);
	for (unsigned i = 0; i < n; i++)
		log_printf(LOG_LEVEL_INFO, 1, "same");
	for (unsigned i = 0; i < n; i++)
		log_printf(LOG_LEVEL_INFO, 2, "same");
	for (unsigned i = 0; i < n; i++)
		log_printf(LOG_LEVEL_ERROR, 1, "same");
	for (unsigned i = 0; i < n; i++)
		log_printf(LOG_LEVEL_INFO, 1, "sama");
	log_flush();
	assert_int_equal(lines_count(), 4 * n);
}

static void a_reopen_reaches_the_sink_started_or_not(void **state)
{
	(void)state;
	log_reopen();
	assert_int_equal(lines.reopened, 1);
	assert_int_equal(log_start(), 0);
	log_info("line");
	log_flush();
	assert_int_equal(lines.reopened, 1); /* not once more */
	log_reopen();
	assert_true(lines_reach(&lines.reopened, 2));
}

static void a_reopen_that_is_waited_for_comes_after_the_lines_before_it(void **state)
{
	(void)state;
	lines.reopen_result = -EACCES;
	assert_int_equal(log_reopen_now(), -EACCES);
	assert_int_equal(log_start(), 0);
	for (unsigned i = 1; i <= 100; i++) {
		lines.reopen_result = i % 2 ? -ENOSPC : 0;
		log_info("line %u", i);
		assert_int_equal(log_reopen_now(), lines.reopen_result);
		assert_int_equal(lines.reopened, i + 1);
		assert_int_equal(lines.count, i);
	}
}

static void the_built_in_sink_writes_time_level_source_and_text(void **state)
{
	char text[256] = "";
	int fd[2], saved = dup(STDERR_FILENO);
	regex_t r;
	ssize_t n;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	dup2(fd[1], STDERR_FILENO);
	log_set_sink(NULL, NULL);
	log_printf(LOG_LEVEL_WARNING, 0x0200001f, "two\nlines");
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fd[1]);
	n = read(fd[0], text, sizeof(text) - 1);
	close(fd[0]);
	assert_true(n > 0);
	assert_int_equal(regcomp(&r,
				 "^20[0-9]{2}-[01][0-9]-[0-3][0-9] [0-2][0-9]:[0-5][0-9]:[0-6]"
				 "[0-9]\\.[0-9]{3} warning +\\[:0200001f\\] two\nlines\n$",
				 REG_EXTENDED | REG_NOSUB),
			 0);
	assert_int_equal(regexec(&r, text, 0, NULL, 0), 0);
	regfree(&r);
}

#define WRITERS 4
#define EACH 2000

static void *write_many(void *arg)
{
	uint32_t me = *(uint32_t *)arg;

	for (unsigned i = 0; i < EACH; i++)
		log_printf(LOG_LEVEL_INFO, me, "%u", i);
	return NULL;
}

/* Start, flush, reopen and stop while others write: nothing is lost, each writer's order stays. */
static void threads_write_through_start_and_stop(void **state)
{
	pthread_t thread[WRITERS];
	uint32_t id[WRITERS];
	unsigned seen[WRITERS] = { 0 };

	(void)state;
	for (uint32_t i = 0; i < WRITERS; i++) {
		id[i] = i;
		assert_int_equal(pthread_create(&thread[i], NULL, write_many, &id[i]), 0);
	}
	assert_int_equal(log_start(), 0);
	log_flush();
	log_reopen();
	assert_true(lines_reach(&lines.count, EACH));
	for (unsigned i = 0; i < WRITERS; i++)
		pthread_join(thread[i], NULL);
	log_stop();
	assert_int_equal(lines_count(), WRITERS * EACH);
	for (unsigned i = 0; i < lines.count; i++) {
		uint32_t who = lines.line[i].source;

		assert_in_range(who, 0, WRITERS - 1);
		assert_int_equal(atoi(lines.line[i].text), seen[who]);
		seen[who]++;
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(levels_have_names),
		T(lines_below_the_level_are_not_made),
		T(before_start_and_after_stop_lines_reach_the_sink_at_once),
		T(it_starts_once_and_again_after_a_stop),
		T(a_record_carries_level_source_and_time),
		T(newlines_and_nuls_are_kept),
		T(a_long_line_is_not_cut),
		T(a_flush_waits_for_all_lines_in_their_order),
		T(a_slow_sink_holds_up_nobody_and_what_is_dropped_is_told),
		T(repetitions_are_held_back_and_counted),
		T(the_count_comes_when_the_window_ends_without_another_line),
		T(held_lines_are_told_at_the_stop),
		T(a_line_that_comes_while_the_last_are_written_is_written),
		T(lines_that_differ_in_anything_are_not_repetitions),
		T(a_reopen_reaches_the_sink_started_or_not),
		T(a_reopen_that_is_waited_for_comes_after_the_lines_before_it),
		T(the_built_in_sink_writes_time_level_source_and_text),
		T(threads_write_through_start_and_stop),
	};

	return cmocka_run_group_tests_name("core/log", tests, NULL, NULL);
}

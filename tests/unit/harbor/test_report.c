/* SPDX-License-Identifier: MIT */
/* The lines that come in crowds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/clock.h"
#include "core/log/log.h"
#include "harbor/report.h"

#define T0 (1000 * NS_PER_SEC)

static struct {
	unsigned count;
	char last[1024];
} lines;

static void on_line(void *ud, const struct log_record *r)
{
	(void)ud;
	lines.count++;
	snprintf(lines.last, sizeof(lines.last), "%.*s", (int)r->size, r->text);
}

static const struct log_sink sink = { .write = on_line };

static int setup(void **state)
{
	(void)state;
	log_set_sink(&sink, NULL);
	report_flush();
	memset(&lines, 0, sizeof(lines));
	return 0;
}

static void say(enum report_kind kind, unsigned node, uint64_t now)
{
	char name[16];

	snprintf(name, sizeof(name), "n%u", node);
	report(kind, name, now, "node %s is away", name);
}

static void a_single_line_comes_at_once(void **state)
{
	(void)state;
	say(REPORT_GONE, 1, T0);
	assert_int_equal(lines.count, 1);
	assert_string_equal(lines.last, "node n1 is away");
	assert_int_equal(report_tick(T0), UINT64_MAX);
	say(REPORT_GONE, 2, T0 + REPORT_QUIET_NS);
	assert_int_equal(lines.count, 2);
}

static void the_second_of_two_comes_as_it_is(void **state)
{
	(void)state;
	say(REPORT_GONE, 1, T0);
	say(REPORT_GONE, 2, T0 + 1);
	say(REPORT_TIRED, 3, T0 + 1); /* another kind */
	assert_int_equal(lines.count, 2);
	assert_int_equal(report_tick(T0 + 1), T0 + REPORT_QUIET_NS);
	assert_int_equal(report_tick(T0 + REPORT_QUIET_NS), UINT64_MAX);
	assert_int_equal(lines.count, 3);
	assert_string_equal(lines.last, "node n2 is away");
}

static void a_crowd_is_one_line_a_second(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= 4; i++)
		say(REPORT_TIRED, i, T0 + i);
	(void)report_tick(T0 + REPORT_QUIET_NS + 1);
	assert_int_equal(lines.count, 2);
	assert_string_equal(lines.last, "node n4 is away (and so it is with 2 more: n2, n3)");
	/* the next second begins with what was just written */
	for (unsigned i = 1; i <= 255; i++)
		say(REPORT_TIRED, i, T0 + REPORT_QUIET_NS + 2);
	assert_int_equal(lines.count, 2);
	report_flush();
	assert_int_equal(lines.count, 3);
	assert_non_null(
		strstr(lines.last, "node n255 is away (and so it is with 254 more: n1, n2,"));
	assert_non_null(strstr(lines.last, ", ...)"));
	assert_true(strlen(lines.last) < 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_single_line_comes_at_once, setup),
		cmocka_unit_test_setup(the_second_of_two_comes_as_it_is, setup),
		cmocka_unit_test_setup(a_crowd_is_one_line_a_second, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Prometheus' text format: lines, labels with what must be escaped, long values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/state/exposition.h"

static void lines_are_as_prometheus_wants(void **state)
{
	struct text t = { 0 };
	char labels[EXPOSITION_LABELS] = "";

	(void)state;
	exposition_counter(&t, "a_total", 7, "Sevens.");
	exposition_label(labels, "service", "x");
	exposition_label(labels, "peer", "y z");
	exposition_family(&t, "b_seconds", EXPOSITION_GAUGE, "Time.");
	exposition_seconds(&t, "b_seconds", labels, 1500000001);
	assert_string_equal(text_string(&t), "# HELP a_total Sevens.\n# TYPE a_total counter\n"
					     "a_total 7\n# HELP b_seconds Time.\n"
					     "# TYPE b_seconds gauge\n"
					     "b_seconds{service=\"x\",peer=\"y z\"} 1.500000001\n");
	text_fini(&t);
}

static void labels_are_escaped_and_cut(void **state)
{
	char labels[EXPOSITION_LABELS] = "", longest[1000];

	(void)state;
	exposition_label(labels, "a", "\"\\\n");
	assert_string_equal(labels, "a=\"\\\"\\\\\\n\"");
	memset(longest, '"', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	labels[0] = 0;
	for (int i = 0; i < 3; i++)
		exposition_label(labels, "b", longest);
	assert_int_equal(strlen(labels), 3 * (strlen("b=\"\"") + 2 * EXPOSITION_VALUE) + 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_as_prometheus_wants),
		cmocka_unit_test(labels_are_escaped_and_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

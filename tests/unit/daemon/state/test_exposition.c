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

struct row {
	uint64_t things, ns;
};

static bool label_even(const void *row, unsigned index, char labels[EXPOSITION_LABELS])
{
	const struct row *r = row;

	if (r->things % 2)
		return false;
	exposition_label(labels, "row", index ? "last" : "first");
	return true;
}

static void tables_are_families(void **state)
{
	static const struct exposition_figure figures[] = {
		{ "a_total", "As.", EXPOSITION_COUNTER, EXPOSITION_PLAIN,
		  offsetof(struct row, things) },
		{ "b_seconds", "Bs.", EXPOSITION_GAUGE, EXPOSITION_NS, offsetof(struct row, ns) },
		{ "c_seconds", "Cs.", EXPOSITION_GAUGE, EXPOSITION_MEASURED,
		  offsetof(struct row, ns) },
	};
	const struct row rows[] = { { 2, 0 }, { 3, 1 }, { 4, 2000000000 } };
	struct text t = { 0 };

	(void)state;
	exposition_table(&t, &(struct exposition_table){ .figures = figures,
							 .figure_count = 3,
							 .rows = rows,
							 .row_size = sizeof(*rows),
							 .row_count = 3,
							 .label = label_even });
	assert_string_equal(text_string(&t), "# HELP a_total As.\n# TYPE a_total counter\n"
					     "a_total{row=\"first\"} 2\na_total{row=\"last\"} 4\n"
					     "# HELP b_seconds Bs.\n# TYPE b_seconds gauge\n"
					     "b_seconds{row=\"first\"} 0.000000000\n"
					     "b_seconds{row=\"last\"} 2.000000000\n"
					     "# HELP c_seconds Cs.\n# TYPE c_seconds gauge\n"
					     "c_seconds{row=\"last\"} 2.000000000\n");
	text_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_as_prometheus_wants),
		cmocka_unit_test(labels_are_escaped_and_cut),
		cmocka_unit_test(tables_are_families),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

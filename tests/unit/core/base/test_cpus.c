/* SPDX-License-Identifier: MIT */
/* Processors that the process may use: affinity, and the quotas of a made-up tree of cgroups. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/base/cpus.h"

static char root[] = "/tmp/test_cpus.XXXXXX";

static void write_quota(const char *group, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", root, group);
	(void)mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s%s/cpu.max", root, group);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int clean(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static void the_least_quota_on_the_way_up_counts(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(root));
	assert_int_equal(cpus_quota(root, "/a/b"), 0);
	write_quota("/a", "max 100000\n");
	write_quota("/a/b", "250000 100000\n");
	assert_int_equal(cpus_quota(root, "/a/b"), 3);
	assert_int_equal(cpus_quota(root, "/a"), 0);
	write_quota("/a", "100000 100000\n");
	assert_int_equal(cpus_quota(root, "/a/b"), 1);
	write_quota("/a", "10 100000\n");
	assert_int_equal(cpus_quota(root, "/a/b"), 1);
	write_quota("/a", "nonsense\n");
	assert_int_equal(cpus_quota(root, "/a/b"), 3);
	write_quota("/a", "100000 0\n");
	assert_int_equal(cpus_quota(root, "/a/b"), 3);
	write_quota("", "200000 100000\n");
	assert_int_equal(cpus_quota(root, "/a/b"), 2);
	assert_int_equal(cpus_quota(root, ""), 2);
}

static void write_file(const char *group, const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", root, group);
	(void)mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s%s/%s", root, group, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void a_quota_of_version_1_counts(void **state)
{
	(void)state;
	write_file("/v1", "cpu.cfs_quota_us", "-1\n");
	write_file("/v1", "cpu.cfs_period_us", "100000\n");
	assert_int_equal(cpus_quota(root, "/v1"), 2); /* of the root above */
	write_file("/v1", "cpu.cfs_quota_us", "50000\n");
	assert_int_equal(cpus_quota(root, "/v1"), 1);
}

static void affinity_counts(void **state)
{
	cpu_set_t all, one;
	unsigned cpu = 0;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(cpus_usable(), 1);
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
	assert_in_range(cpus_usable(), 1, (unsigned)CPU_COUNT(&all));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least_quota_on_the_way_up_counts),
		cmocka_unit_test_teardown(a_quota_of_version_1_counts, clean),
		cmocka_unit_test(affinity_counts),
	};

	return cmocka_run_group_tests_name("core/cpus", tests, NULL, NULL);
}

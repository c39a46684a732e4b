/* SPDX-License-Identifier: MIT */
/* Processors: see cpus.h. */
#include "core/base/cpus.h"

#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/base/cgroup.h"

/* The first line of a file, without its end. */
static bool read_line(const char *file, char *ret, int size)
{
	FILE *f = fopen(file, "re");
	bool read = f && fgets(ret, size, f);

	if (f)
		fclose(f);
	if (read)
		ret[strcspn(ret, "\n")] = 0;
	return read;
}

/* Makes the line of version 2 of the two files of version 1, where "-1" is no quota. */
static bool read_quota_v1(const char *folder, char line[64])
{
	char file[PATH_MAX + 32], quota[24], period[24];

	snprintf(file, sizeof(file), "%s/cpu.cfs_quota_us", folder);
	if (!read_line(file, quota, sizeof(quota)) || quota[0] == '-')
		return false;
	snprintf(file, sizeof(file), "%s/cpu.cfs_period_us", folder);
	if (!read_line(file, period, sizeof(period)))
		return false;
	snprintf(line, 64, "%s %s", quota, period);
	return true;
}

/* "max 100000" or "150000 100000": the time that the group may use in each period. */
static unsigned quota_of(const char *folder)
{
	unsigned long long quota, period;
	char file[PATH_MAX + 16], line[64];

	snprintf(file, sizeof(file), "%s/cpu.max", folder);
	if (!read_line(file, line, sizeof(line)) && !read_quota_v1(folder, line))
		return 0;
	if (sscanf(line, "%llu %llu", &quota, &period) != 2 || !period)
		return 0;
	quota = (quota + period - 1) / period;
	return quota > UINT_MAX ? 0 : quota ? (unsigned)quota : 1;
}

unsigned cpus_quota(const char *root, const char *path)
{
	char folder[PATH_MAX];
	int n = snprintf(folder, sizeof(folder), "%s%s", root, path);
	size_t end = strlen(root);
	unsigned least = 0;

	if (n < 0 || (size_t)n >= sizeof(folder))
		return 0;
	for (;;) {
		unsigned quota = quota_of(folder);
		char *slash;

		if (quota && (!least || quota < least))
			least = quota;
		slash = strrchr(folder, '/');
		if (!slash || slash < folder + end)
			return least;
		*slash = 0;
	}
}

static unsigned own_quota(void)
{
	char group[PATH_MAX];
	unsigned quota = 0;

	if (cgroup_path(group, sizeof(group)))
		quota = cpus_quota(CGROUP_ROOT, strcmp(group, "/") == 0 ? "" : group);
	if (!quota && cgroup_path_of("cpu", group, sizeof(group)))
		quota = cpus_quota(CGROUP_ROOT "/cpu", strcmp(group, "/") == 0 ? "" : group);
	return quota;
}

void cpus_count(unsigned *ret_mask, unsigned *ret_quota)
{
	cpu_set_t set;

	*ret_mask = 1;
	if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set))
		*ret_mask = (unsigned)CPU_COUNT(&set);
	*ret_quota = own_quota();
}

unsigned cpus_usable(void)
{
	unsigned n, quota;

	cpus_count(&n, &quota);
	return quota && quota < n ? quota : n;
}

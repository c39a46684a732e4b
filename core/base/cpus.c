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

/* "max 100000" or "150000 100000": the time that the group may use in each period. */
static unsigned quota_of(const char *folder)
{
	unsigned long long quota, period;
	char file[PATH_MAX + 16], line[64];

	snprintf(file, sizeof(file), "%s/cpu.max", folder);
	if (!read_line(file, line, sizeof(line)) ||
	    sscanf(line, "%llu %llu", &quota, &period) != 2 || !period)
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

	if (!cgroup_path(group, sizeof(group)))
		return 0;
	return cpus_quota(CGROUP_ROOT, strcmp(group, "/") == 0 ? "" : group);
}

unsigned cpus_usable(void)
{
	unsigned quota = own_quota(), n = 1;
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set))
		n = (unsigned)CPU_COUNT(&set);
	return quota && quota < n ? quota : n;
}

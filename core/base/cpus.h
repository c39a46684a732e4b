/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * How many processors this process may use.
 */

/* The least of: the processors of its affinity mask (sched_getaffinity(2)), and the CPU quotas of
 * its cgroup and of those above it (cpu.max of cgroup v2, or cpu.cfs_quota_us of v1), rounded up.
 * At least 1. Reads files: not for what is often asked. Any thread. */
unsigned cpus_usable(void);
/* The same two apart: the processors of the mask, and the quota in processors, 0 = none. */
void cpus_count(unsigned *ret_mask, unsigned *ret_quota);
/* The quota of the cgroup `path` ("/a/b") below `root` and above, in processors; 0: none. For
 * tests. */
unsigned cpus_quota(const char *root, const char *path);

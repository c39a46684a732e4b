/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * How many processors this process may use.
 */

/* The least of: the processors of its affinity mask (sched_getaffinity(2)), and the CPU quotas of
 * its cgroup and of those above it (cpu.max of cgroup v2), rounded up. At least 1. Reads files: not
 * for what is often asked. Any thread. */
unsigned cpus_usable(void);
/* The quota of the cgroup `path` ("/a/b") below `root` and above, in processors; 0: none. For
 * tests. */
unsigned cpus_quota(const char *root, const char *path);

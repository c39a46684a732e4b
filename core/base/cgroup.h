/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The control group of this process, in the one hierarchy of version 2.
 */
#include <stdbool.h>
#include <stddef.h>

#define CGROUP_ROOT "/sys/fs/cgroup"

/* Its path below CGROUP_ROOT, "/" or "/a/b", cut to the room there is. false: there is none. Any
 * thread. */
bool cgroup_path(char *ret, size_t size);

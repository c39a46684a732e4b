/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The control group of this process, in the one hierarchy of version 2, or in one of version 1.
 */
#include <stdbool.h>
#include <stddef.h>

#define CGROUP_ROOT "/sys/fs/cgroup"

/* Its path below CGROUP_ROOT, "/" or "/a/b", cut to the room there is. false: there is none. Any
 * thread. */
bool cgroup_path(char *ret, size_t size);
/* The same in the hierarchy of version 1 that has this controller, below CGROUP_ROOT/CONTROLLER:
 * hosts that have both keep their controllers there. */
bool cgroup_path_of(const char *controller, char *ret, size_t size);

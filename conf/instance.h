/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Instances: the nodes of this host that the service manager runs by their names. Each has a file
 * NAME.yaml in the folder of configurations, which is $CONFIGURATION_DIRECTORY, as systemd sets
 * it, and else /etc/harbor. harbor.yaml there is no node's: what all nodes share stands in it.
 *
 * Threads: any.
 */
#include <limits.h>
#include <stdbool.h>
#include "conf/nodename.h"

#define INSTANCE_WHY 512

struct instance {
	char name[CONFIG_NAME_MAX + 1];
	char file[PATH_MAX], shared[PATH_MAX];
};

/* Finds what belongs to the instance, whose name may be written as systemd-escape(1) does it
 * ("a\x2db" for "a-b"). Returns false, and why: it is no name of a node, or there is no such file,
 * and which ones there are. */
bool instance_find(const char *instance, struct instance *ret, char why[INSTANCE_WHY]);

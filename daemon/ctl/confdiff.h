/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * harborctl config --diff: in what the nodes of the cluster are configured differently. Of each
 * such key one row a node, with its value and where that was said. Keys in which each node differs
 * from all others, as a name or a port must, come last. Values that are hidden, those of secrets,
 * are not compared.
 */
#include <stdbool.h>
#include "daemon/ctl/ask.h"

/* to: the socket of any of them. Returns an exit status; CTL_PARTLY: some nodes gave no answer,
 * which is said. */
int confdiff_command(const struct ask *to, bool json);

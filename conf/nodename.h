/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Names of nodes: which are legal, and what a node is called that was given none. A name becomes
 * part of paths and of other nodes' tables.
 *
 * Threads: any.
 */
#include <stdbool.h>
#include "conf/config.h"

#define CONFIG_NAME_MAX 63

/* Is it 1 to CONFIG_NAME_MAX letters, digits, '_', '-' and '.', which is not the first? */
bool config_name_ok(const char *name);
/* Returns HOST-ID, or HOST-FILE for a node without an id, so that the nodes of one host have names
 * of their own without being given them. mem_free. */
char *config_default_name(const struct config *c);

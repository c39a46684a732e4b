/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Values: those of a configuration that is read, as text and from one configuration to another.
 *
 * Threads: one at a time for each configuration.
 */
#include "conf/config.h"
#include "conf/schema.h"

/* Returns the value of the key as it would stand in a file, a list with ", " between its items
 * (mem_free); NULL: it has none. */
char *config_value(const struct config *c, const struct schema_key *k);
/* Takes the value of the key, and its place, from one configuration into another, which gives its
 * own for it: both stay whole. */
void config_exchange(struct config *to, struct config *from, const struct schema_key *k);

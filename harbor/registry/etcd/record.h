/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What is kept of a node, a name and a candidate, as values in etcd: a JSON object each, so that
 * etcdctl shows something to people. Numbers of 64 bits are texts. Pure; any thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include "harbor/registry/registry.h"

/* Return the value (mem_free). */
char *record_of_node(const struct registry_node *n);
char *record_of_name(const struct registry_change *c);
char *record_of_leader(const struct registry_leader *l);
char *record_of_number(uint64_t number);
/* Return false: the value is none of that kind. id, name: as the key says. */
bool record_to_node(const char *value, size_t n, unsigned id, struct registry_node *ret);
bool record_to_name(const char *value, size_t n, const char *name, struct registry_change *ret);
bool record_to_leader(const char *value, size_t n, struct registry_leader *ret);
bool record_to_number(const char *value, size_t n, uint64_t *ret);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Who a service is, for people: its handle, a local name, and what it was started with.
 *
 * Threads: any; a struct naming is its maker's.
 */
#include <stddef.h>
#include <stdint.h>
#include "core/base/json.h"

struct naming_item;

/* The local names as they are now. */
struct naming {
	struct naming_item *items;
	size_t count, capacity;
};

void naming_init(struct naming *ret);
void naming_fini(struct naming *n);
/* Writes "handle", "name" (".shop", or "" if it has none) and "service". of: what it was started
 * with; NULL: is looked up, "" if it has ended. */
void naming_json(const struct naming *n, struct json *j, uint32_t handle, const char *of);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A sorted map from strings to a number or a string, for the few hundred things a node names.
 * Binary search over an array; no lock of its own.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_item {
	char *key;
	char *text; /* owned, may be NULL */
	uint32_t number;
	uint64_t stamp; /* the user's: when it was added, say */
};

struct map {
	struct map_item *items;
	size_t count, capacity;
};

/* NULL: not there. Valid until the next change. */
struct map_item *map_find(const struct map *m, const char *key);
/* A new item with a copy of key, or NULL if the key is there already. */
struct map_item *map_add(struct map *m, const char *key);
void map_remove(struct map *m, struct map_item *item);
/* Removes all items that are to go: goes says so of each, in their order. */
void map_sweep(struct map *m, bool (*goes)(struct map_item *item, void *ud), void *ud);
void map_fini(struct map *m);

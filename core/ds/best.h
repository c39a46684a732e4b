/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Best: the few entries with the highest keys among many that are shown to it one by one. A heap
 * with the worst of them on top, so the many cost one comparison each. No lock of its own.
 *
 *   struct row { struct best_entry entry; ... };       the entry is the first member
 *   struct best b = best_of(20, sizeof(struct row));
 *   best_add(&b, &row.entry);                           copies the row if it is one of the 20
 *   best_sort(&b);                                      highest first: best_at(&b, 0) ...
 *   best_fini(&b);
 *
 * Of equal keys those that were shown first stay.
 */
#include <stddef.h>
#include <stdint.h>

struct best_entry {
	double key;
	uint64_t order; /* its own: when it was shown */
};

struct best {
	size_t limit, size, count;
	uint64_t shown;
	char *items;
};

/* limit: entries that are kept, of so many bytes each. Neither is 0. */
struct best best_of(size_t limit, size_t size);
void best_add(struct best *b, const struct best_entry *entry);
/* Nothing is added any more. */
void best_sort(struct best *b);
/* Returns the entry of that number, of b->count. */
void *best_at(struct best *b, size_t i);
void best_fini(struct best *b);

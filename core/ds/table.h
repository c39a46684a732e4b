/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Table: records found by a number that is not 0, say a handle. Open addressing, doubled when it is
 * half full; nothing is ever taken out but all. No lock of its own.
 *
 *   struct record { uint32_t key; ... };        the key is the first member
 *   struct table t = table_of(sizeof(struct record));
 */
#include <stddef.h>
#include <stdint.h>

struct table {
	size_t size, count, capacity;
	char *items;
};

struct table table_of(size_t size);
/* Returns the record, or NULL. Valid until the next table_add. */
void *table_find(const struct table *t, uint32_t key);
/* Returns the record, a new one with zeros behind its key if there was none. */
void *table_add(struct table *t, uint32_t key);
/* Returns the next record from place *at on, or NULL at the end. Begin with 0. */
void *table_next(const struct table *t, size_t *at);
void table_fini(struct table *t);

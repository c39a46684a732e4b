/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A table of entries that are part of the user's structs, found by a hash of 64 bits that the user
 * makes and compares what he means by it.
 *
 *   for (e = kcp_table_first(&t, hash); e; e = kcp_table_next(e))
 *           if (is_it(container_of(e, struct mine, entry))) ...
 *
 * Threads: none of its own. Ownership: the entries are the user's. Limits: memory.
 */
#include <stddef.h>
#include <stdint.h>

struct kcp_entry {
	struct kcp_entry *next;
	uint64_t hash;
};

/* Zeros are an empty table. */
struct kcp_table {
	struct kcp_entry **places;
	size_t size, count; /* places: a power of two or 0 */
	size_t from;	    /* all places before this one are empty */
};

void kcp_table_add(struct kcp_table *t, struct kcp_entry *e, uint64_t hash);
/* The entry is in the table. */
void kcp_table_remove(struct kcp_table *t, struct kcp_entry *e);
/* Frees the places; the entries are the user's affair. */
void kcp_table_fini(struct kcp_table *t);
/* Any entry, NULL: the table is empty. To take out all of them with it costs one walk. */
struct kcp_entry *kcp_table_any(struct kcp_table *t);

static inline struct kcp_entry *kcp_table_same(struct kcp_entry *e, uint64_t hash)
{
	while (e && e->hash != hash)
		e = e->next;
	return e;
}

static inline struct kcp_entry *kcp_table_first(const struct kcp_table *t, uint64_t hash)
{
	return t->size ? kcp_table_same(t->places[hash & (t->size - 1)], hash) : NULL;
}

static inline struct kcp_entry *kcp_table_next(const struct kcp_entry *e)
{
	return kcp_table_same(e->next, e->hash);
}

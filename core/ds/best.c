/* SPDX-License-Identifier: MIT */
/* The best of many: see best.h. */
#include "core/ds/best.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/must.h"

struct best best_of(size_t limit, size_t size)
{
	must(limit && size >= sizeof(struct best_entry));
	return (struct best){ .limit = limit, .size = size };
}

void *best_at(struct best *b, size_t i)
{
	must(i < b->count);
	return b->items + i * b->size;
}

static bool is_worse(const struct best_entry *a, const struct best_entry *b)
{
	return a->key < b->key || (a->key == b->key && a->order > b->order);
}

static void put(struct best *b, size_t i, const struct best_entry *entry)
{
	memcpy(b->items + i * b->size, entry, b->size);
}

/* The place i is free: what is worse than the entry moves down the way to the top. */
static void rise(struct best *b, size_t i, const struct best_entry *entry)
{
	for (; i > 0 && is_worse(entry, best_at(b, (i - 1) / 2)); i = (i - 1) / 2)
		put(b, i, best_at(b, (i - 1) / 2));
	put(b, i, entry);
}

/* The top is free: the worse child moves up. */
static void sink(struct best *b, const struct best_entry *entry)
{
	size_t i = 0, child;

	while ((child = 2 * i + 1) < b->count) {
		if (child + 1 < b->count && is_worse(best_at(b, child + 1), best_at(b, child)))
			child++;
		if (!is_worse(best_at(b, child), entry))
			break;
		put(b, i, best_at(b, child));
		i = child;
	}
	put(b, i, entry);
}

/* The memory is made for what there is, not for the limit: that may be a stranger's word. */
static void make_room(struct best *b)
{
	if (b->count == 0 || (b->count & (b->count - 1)) == 0)
		b->items = mem_realloc(b->items, (b->count ? b->count * 2 : 1) * b->size);
	b->count++;
}

void best_add(struct best *b, const struct best_entry *entry)
{
	cleanup(mem_freep) struct best_entry *copy = NULL;

	if (b->count == b->limit && entry->key <= ((struct best_entry *)best_at(b, 0))->key) {
		b->shown++;
		return;
	}
	copy = mem_alloc(b->size);
	memcpy(copy, entry, b->size);
	copy->order = b->shown++;
	if (b->count == b->limit) {
		sink(b, copy);
		return;
	}
	make_room(b);
	rise(b, b->count - 1, copy);
}

static int best_first(const void *a, const void *b)
{
	return is_worse(a, b) ? 1 : -1;
}

void best_sort(struct best *b)
{
	if (b->count)
		qsort(b->items, b->count, b->size, best_first);
}

void best_fini(struct best *b)
{
	mem_free(b->items);
	*b = (struct best){ 0 };
}

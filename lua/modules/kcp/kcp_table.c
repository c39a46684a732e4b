/* SPDX-License-Identifier: MIT */
#include "lua/modules/kcp/kcp_table.h"

#include "core/base/mem.h"
#include "core/base/must.h"

static void put(struct kcp_table *t, struct kcp_entry *e)
{
	size_t place = e->hash & (t->size - 1);

	e->next = t->places[place];
	t->places[place] = e;
	if (place < t->from)
		t->from = place;
}

static void grow(struct kcp_table *t)
{
	struct kcp_table old = *t;

	t->size = t->from = old.size ? old.size * 2 : 8;
	t->places = mem_zalloc(t->size * sizeof(*t->places));
	for (size_t i = 0; i < old.size; i++) {
		for (struct kcp_entry *e = old.places[i], *next; e; e = next) {
			next = e->next;
			put(t, e);
		}
	}
	mem_free(old.places);
}

void kcp_table_add(struct kcp_table *t, struct kcp_entry *e, uint64_t hash)
{
	if (t->count >= t->size)
		grow(t);
	e->hash = hash;
	put(t, e);
	t->count++;
}

void kcp_table_remove(struct kcp_table *t, struct kcp_entry *e)
{
	struct kcp_entry **at = &t->places[e->hash & (t->size - 1)];

	while (*at != e) {
		must(*at != NULL);
		at = &(*at)->next;
	}
	*at = e->next;
	t->count--;
}

void kcp_table_fini(struct kcp_table *t)
{
	mem_free(t->places);
	*t = (struct kcp_table){ .size = 0 };
}

struct kcp_entry *kcp_table_any(struct kcp_table *t)
{
	for (; t->from < t->size; t->from++)
		if (t->places[t->from])
			return t->places[t->from];
	return NULL;
}

/* SPDX-License-Identifier: MIT */
/* A sorted array of named things: see map.h. */
#include "core/ds/map.h"

#include <string.h>

#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/ds/sorted.h"

static const char *key_of(const void *items, size_t index)
{
	return ((const struct map_item *)items)[index].key;
}

static size_t position(const struct map *m, const char *key, bool *ret_found)
{
	return sorted_place(m->items, m->count, key_of, key, ret_found);
}

struct map_item *map_find(const struct map *m, const char *key)
{
	bool found;
	size_t at = position(m, key, &found);

	return found ? &m->items[at] : NULL;
}

struct map_item *map_add(struct map *m, const char *key)
{
	bool found;
	size_t at = position(m, key, &found);

	if (found)
		return NULL;
	if (m->count == m->capacity) {
		m->capacity = m->capacity ? m->capacity * 2 : 16;
		m->items = mem_realloc(m->items, m->capacity * sizeof(*m->items));
	}
	memmove(&m->items[at + 1], &m->items[at], (m->count - at) * sizeof(*m->items));
	m->count++;
	m->items[at] = (struct map_item){ .key = mem_strdup(key) };
	return &m->items[at];
}

void map_remove(struct map *m, struct map_item *item)
{
	size_t at = (size_t)(item - m->items);

	must(at < m->count);
	mem_free(item->key);
	mem_free(item->text);
	m->count--;
	memmove(&m->items[at], &m->items[at + 1], (m->count - at) * sizeof(*m->items));
}

void map_sweep(struct map *m, bool (*goes)(struct map_item *item, void *ud), void *ud)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->count; i++) {
		if (goes(&m->items[i], ud)) {
			mem_free(m->items[i].key);
			mem_free(m->items[i].text);
		} else {
			m->items[kept++] = m->items[i];
		}
	}
	m->count = kept;
}

void map_fini(struct map *m)
{
	while (m->count)
		map_remove(m, &m->items[m->count - 1]);
	mem_free(m->items);
	*m = (struct map){ 0 };
}

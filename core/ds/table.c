/* SPDX-License-Identifier: MIT */
/* Records by number: see table.h. */
#include "core/ds/table.h"

#include <string.h>

#include "core/base/mem.h"
#include "core/base/must.h"

#define CAPACITY_MIN 64u

struct table table_of(size_t size)
{
	must(size >= sizeof(uint32_t));
	return (struct table){ .size = size };
}

static char *item(const struct table *t, size_t i)
{
	return t->items + i * t->size;
}

static uint32_t key_of(const char *record)
{
	uint32_t key;

	memcpy(&key, record, sizeof(key));
	return key;
}

/* Returns the record of the key, or the free place where it would stand. */
static char *place(const struct table *t, uint32_t key)
{
	size_t mask = t->capacity - 1, i = (key * UINT32_C(2654435769)) & mask;

	while (key_of(item(t, i)) && key_of(item(t, i)) != key)
		i = (i + 1) & mask;
	return item(t, i);
}

void *table_find(const struct table *t, uint32_t key)
{
	char *record = t->count ? place(t, key) : NULL;

	must(key);
	return record && key_of(record) ? record : NULL;
}

static void grow(struct table *t)
{
	struct table old = *t;
	char *record;

	t->capacity = old.capacity ? 2 * old.capacity : CAPACITY_MIN;
	t->items = mem_zalloc(t->capacity * t->size);
	for (size_t at = 0; (record = table_next(&old, &at));)
		memcpy(place(t, key_of(record)), record, t->size);
	mem_free(old.items);
}

void *table_add(struct table *t, uint32_t key)
{
	char *record;

	must(key);
	if (2 * (t->count + 1) > t->capacity)
		grow(t);
	record = place(t, key);
	if (!key_of(record)) {
		memcpy(record, &key, sizeof(key));
		t->count++;
	}
	return record;
}

void *table_next(const struct table *t, size_t *at)
{
	while (*at < t->capacity) {
		char *record = item(t, (*at)++);

		if (key_of(record))
			return record;
	}
	return NULL;
}

void table_fini(struct table *t)
{
	mem_free(t->items);
	*t = (struct table){ .size = t->size };
}

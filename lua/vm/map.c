/* SPDX-License-Identifier: MIT */
/* Address -> address: open addressing, half full at most, nothing is ever taken out. */
#include "share_priv.h"

#include <stdint.h>
#include <stdlib.h>

static size_t place_of(const struct ptrmap *m, const void *key)
{
	size_t h = (size_t)(((uint64_t)(uintptr_t)key * UINT64_C(0x9e3779b97f4a7c15)) >> 20);

	for (h &= m->size - 1; m->pairs[h].key && m->pairs[h].key != key;
	     h = (h + 1) & (m->size - 1))
		continue;
	return h;
}

void **ptrmap_find(const struct ptrmap *m, const void *key)
{
	size_t i;

	if (!m->size)
		return NULL;
	i = place_of(m, key);
	return m->pairs[i].key ? &m->pairs[i].value : NULL;
}

static bool grow(struct ptrmap *m)
{
	struct ptrmap n = { .size = m->size ? m->size * 2 : 64, .used = m->used };

	n.pairs = calloc(n.size, sizeof(*n.pairs));
	if (!n.pairs)
		return false;
	for (size_t i = 0; i < m->size; i++)
		if (m->pairs[i].key)
			n.pairs[place_of(&n, m->pairs[i].key)] = m->pairs[i];
	free(m->pairs);
	*m = n;
	return true;
}

void **ptrmap_add(struct ptrmap *m, const void *key)
{
	size_t i;

	if (m->used * 2 >= m->size && !grow(m))
		return NULL;
	i = place_of(m, key);
	if (!m->pairs[i].key) {
		m->pairs[i] = (struct pair){ key, NULL };
		m->used++;
	}
	return &m->pairs[i].value;
}

void ptrmap_free(struct ptrmap *m)
{
	free(m->pairs);
	*m = (struct ptrmap){ NULL, 0, 0 };
}

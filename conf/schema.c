/* SPDX-License-Identifier: MIT */
/* The table of keys, and the search in it. It is short and read once a start: every search walks
 * it from the beginning. */
#include "conf/schema.h"

#include <limits.h>
#include <string.h>

#include "conf/config.h"
#include "core/base/base.h"

const struct schema_key schema_keys[SCHEMA_KEYS] = {
#define KEY(section, name, type, member, low, high, fallback, help)                                \
	{ #section, #name, SCHEMA_##type, offsetof(struct config, member),                         \
	  low, high, fallback, help },
#include "conf/schema.def"
#undef KEY
};

const char *const schema_sections[SCHEMA_SECTIONS] = { "node", "cluster", "master", "lua",
						       "net",  "log",     "admin",  "env" };

const struct schema_key *schema_find(const char *section, const char *name)
{
	for (size_t i = 0; i < SCHEMA_KEYS; i++) {
		const struct schema_key *k = &schema_keys[i];

		if (strcmp(k->section, section) == 0 && strcmp(k->name, name) == 0)
			return k;
	}
	return NULL;
}

int schema_section(const char *section)
{
	for (int i = 0; i < SCHEMA_SECTIONS; i++)
		if (strcmp(schema_sections[i], section) == 0)
			return i;
	return -1;
}

bool schema_is_list(const struct schema_key *k)
{
	return k->type == SCHEMA_ADDRESSES || k->type == SCHEMA_TEMPLATES;
}

size_t schema_fallback_length(const struct schema_key *k)
{
	return k->type == SCHEMA_CHOICE ? strcspn(k->fallback, "|") : strlen(k->fallback);
}

/* ---- did you mean ---- */

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Returns the edit distance of two words; a second word of 64 bytes and more is far from all. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[64];
	size_t n = strlen(b);

	if (n >= array_len(row))
		return UINT_MAX;
	for (size_t j = 0; j <= n; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; a[i - 1]; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= n; j++) {
			unsigned best = least(diagonal + (a[i - 1] != b[j - 1]),
					      least(row[j], row[j - 1]) + 1);

			diagonal = row[j];
			row[j] = best;
		}
	}
	return row[n];
}

struct nearest {
	const char *word, *best;
	unsigned distance; /* of the best; what is no nearer than this is no suggestion */
};

static void consider(struct nearest *n, const char *candidate)
{
	unsigned d = distance(n->word, candidate);

	if (d < n->distance) {
		n->distance = d;
		n->best = candidate;
	}
}

const char *schema_nearest(const char *section, const char *word)
{
	struct nearest n = { .word = word, .distance = 4 };

	for (size_t i = 0; !section && i < SCHEMA_SECTIONS; i++)
		consider(&n, schema_sections[i]);
	for (size_t i = 0; section && i < SCHEMA_KEYS; i++)
		if (strcmp(schema_keys[i].section, section) == 0)
			consider(&n, schema_keys[i].name);
	return n.best;
}

/* SPDX-License-Identifier: MIT */
/* The table of keys, and the search in it. It is short and read once a start: every search walks
 * it from the beginning. */
#include "conf/schema.h"

#include <string.h>

#include "conf/config.h"
#include "core/base/must.h"
#include "core/base/nearest.h"

const struct schema_key schema_keys[SCHEMA_KEYS] = {
#define ROW(live, section, name, type, member, low, high, fallback, help)             \
	{ #section, #name, SCHEMA_##type, offsetof(struct config, member), low, high, \
	  fallback, help,  live },
#define KEY(...) ROW(false, __VA_ARGS__)
#define LIVE_KEY(...) ROW(true, __VA_ARGS__)
#include "conf/schema.def"
#undef ROW
};

const char *const schema_sections[SCHEMA_SECTIONS] = {
	"node", "cluster", "master", "federation", "lua", "net", "log", "admin", "web", "env",
};

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
	return k->type == SCHEMA_ADDRESSES || k->type == SCHEMA_CLUSTERS ||
	       k->type == SCHEMA_TEMPLATES;
}

bool schema_is_text(const struct schema_key *k)
{
	switch (k->type) {
	case SCHEMA_STRING:
	case SCHEMA_ADDRESS:
	case SCHEMA_SOCKET:
	case SCHEMA_CHOICE:
	case SCHEMA_PATH:
	case SCHEMA_SECRET:
		return true;
	default:
		return false;
	}
}

size_t schema_fallback_length(const struct schema_key *k)
{
	must(k->fallback);
	return k->type == SCHEMA_CHOICE ? strcspn(k->fallback, "|") : strlen(k->fallback);
}

/* ---- did you mean ---- */

const char *schema_nearest(const char *section, const char *word)
{
	struct nearest n = nearest_begin(word);
	const char *best = NULL;

	for (size_t i = 0; !section && i < SCHEMA_SECTIONS; i++)
		if (nearest_is_better(&n, schema_sections[i]))
			best = schema_sections[i];
	for (size_t i = 0; section && i < SCHEMA_KEYS; i++)
		if (strcmp(schema_keys[i].section, section) == 0 &&
		    nearest_is_better(&n, schema_keys[i].name))
			best = schema_keys[i].name;
	return best;
}

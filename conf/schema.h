/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The schema: the table of conf/schema.def, and how a key is found in it. It knows nothing of a
 * file that is being read.
 *
 * Threads: any; nothing changes.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a value must look like. */
enum schema_type {
	SCHEMA_STRING,
	SCHEMA_BOOL,
	SCHEMA_UINT,
	SCHEMA_MS,	/* a duration */
	SCHEMA_BYTES,	/* a size */
	SCHEMA_ADDRESS, /* host:port */
	SCHEMA_ADDRESSES,
	SCHEMA_CLUSTERS, /* NAME=host:port, or a list of them */
	SCHEMA_SOCKET,	 /* unix:PATH */
	SCHEMA_CHOICE,
	SCHEMA_HARBOR, /* a harbor id, or auto */
	SCHEMA_THREADS,
	SCHEMA_PATH,
	SCHEMA_SECRET,	  /* a path, or credential:NAME */
	SCHEMA_TEMPLATES, /* paths with a ? */
};

struct schema_key {
	const char *section, *name;
	enum schema_type type;
	size_t offset; /* of the value in struct config */
	uint64_t low, high;
	const char *fallback; /* the default; of a CHOICE all values */
	const char *help;
	bool live; /* a change is put into force by a reload */
};

enum {
	SCHEMA_SECTIONS = 10, /* those of the keys, and env, whose keys are anybody's */
	SCHEMA_KEYS = 0
#define KEY(...) +1
#include "conf/schema.def"
};

extern const struct schema_key schema_keys[SCHEMA_KEYS];
extern const char *const schema_sections[SCHEMA_SECTIONS];

/* Returns the key, or NULL: there is no section.name. */
const struct schema_key *schema_find(const char *section, const char *name);
/* Returns the index of the section, or -1: there is none of that name. */
int schema_section(const char *section);
/* May the value be a list? */
bool schema_is_list(const struct schema_key *k);
/* Returns the known word that is nearest to this one, for "did you mean": a key of the section, or
 * a section if that is NULL. NULL: none is near. */
const char *schema_nearest(const char *section, const char *word);
/* Is the value one text on the heap, or NULL? */
bool schema_is_text(const struct schema_key *k);
/* Returns the length of the default: of a CHOICE the first value. The key has one. */
size_t schema_fallback_length(const struct schema_key *k);

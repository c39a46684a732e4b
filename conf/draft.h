/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Draft: a configuration while it is being read. A loader (yaml.c, skynet.c) notes in it what
 * stands where and sets keys from text; each value is checked as it is set, and what belongs
 * together when all are there (check.h). Nothing ends the reading: errors gather in the draft.
 * Several files may be read into one draft: what a later one sets replaces what stood before.
 *
 * Threads: one. Ownership: the configuration and the errors are the caller's, the rest the draft's.
 */
#include <stdbool.h>
#include <stddef.h>
#include "conf/config.h"
#include "conf/errors.h"
#include "conf/schema.h"

/* An address is judged when the whole file is known: cluster.insecure may come later. */
struct draft_address {
	const struct schema_key *key;
	char *text;
	struct place at;
};

struct draft {
	const char *file; /* that is being read; one of the configuration's */
	struct config *c;
	struct config_errors *errors;
	const char *name; /* of the node, unless a file says another; NULL: none */
	struct place sections[SCHEMA_SECTIONS]; /* where each begins; line 0: not seen */
	bool good[SCHEMA_KEYS];			/* the key has a value that passed its checks */
	struct draft_address *addresses;
	size_t address_count;
};

void draft_fini(struct draft *d);
void draft_error(struct draft *d, struct place at, const char *fmt, ...) printf_like(3, 4);
/* Is there such a key? If not an error at this place says so, and names the nearest one. */
bool draft_check_key(struct draft *d, const char *section, const char *name, struct place at);
/* Sets section.name from its text. The key keeps the value that it had after an error, which is
 * about this place; so is every later one about the value. */
void draft_set(struct draft *d, const char *section, const char *name, const char *text,
	       struct place at);
/* Notes the text that the key's value was made of, with its variables; NULL: the value itself. */
void draft_set_written(struct draft *d, const char *section, const char *name, const char *text);
/* Returns the place with the file that is being read. */
struct place draft_here(const struct draft *d, struct place at);
/* Gives every key that has no good value its default. */
void draft_set_defaults(struct draft *d);
/* Returns where the key's value stands, good or bad; line 0: nobody set it, its place is not known,
 * or there is no such key. */
struct place draft_place(const struct draft *d, const char *section, const char *name);
/* Has the key a value that was set and is good? There is such a key. */
bool draft_is_good(const struct draft *d, const char *section, const char *name);
/* Was the place noted while the file was read that is being read? */
bool draft_is_here(const struct draft *d, struct place at);
/* Returns where the section begins, for the loader to write and others to read; NULL: there is
 * no section of that name. */
struct place *draft_section(struct draft *d, const char *section);

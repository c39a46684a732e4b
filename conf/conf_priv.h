/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the files of conf/ share. One thread, at start.
 */
#include <stddef.h>
#include "conf/config.h"
#include "core/base/base.h"

#define CONF_ERRORS_MAX 100u

/* The number of keys in schema.def, and of sections. */
enum {
	CONF_SECTIONS = 8,
	CONF_KEYS = 0
#define KEY(...) +1
#include "conf/schema.def"
#undef KEY
};

/* Where something stands in a file, from 1; line 0: nowhere. */
struct place {
	unsigned line, column;
};

/* An address is judged when the whole file is known: cluster.insecure may come later. */
struct conf_address {
	const char *section, *name;
	char *text;
	struct place at;
};

/* One load in progress. */
struct load {
	const char *file;
	const char *text; /* of a skynet-style file, as it stands there */
	struct config *c;
	struct config_errors *errors;
	struct place sections[CONF_SECTIONS];
	struct place keys[CONF_KEYS]; /* where the value stands, good or bad */
	bool good[CONF_KEYS];         /* the key has a value that passed its checks */
	struct conf_address *addresses;
	size_t address_count;
};

extern const struct config_lua_ops *config_lua;

void conf_error(struct load *l, unsigned line, unsigned column, const char *fmt, ...) printf_like(4, 5);
struct place conf_place_at(const char *text, size_t offset);
void conf_list_add(struct config_list *list, const char *item);
/* A later value of the same key wins, conf_finish drops the earlier one. */
void conf_env_add(struct config *c, const char *key, const char *value);
/* Sorts the environment, of each key the last value. */
void conf_env_settle(struct config *c);
/* Returns the whole of a regular file with a NUL behind it, or NULL and why not. mem_free. */
char *conf_read_file(const char *file, size_t *ret_size, const char **ret_why);

void conf_load_yaml(struct load *l, const char *text, size_t size);
void conf_load_skynet(struct load *l, const char *text, size_t size);

/* Sets every key that has no good value to its default, then checks what belongs together. */
void conf_finish(struct load *l);
/* false after an error that names the nearest key: there is no section.name. */
bool conf_check_key(struct load *l, const char *section, const char *name, unsigned line, unsigned column);
/* Sets section.name from text; line and column are for errors. */
void conf_set(struct load *l, const char *section, const char *name, const char *text, unsigned line,
	      unsigned column);
/* Returns the place of a section that has been seen; NULL: there is no section of that name. The caller notes in it where
 * the section stands. */
struct place *conf_section(struct load *l, const char *section);
/* Returns where the key was set before, or NULL: it was not, or there is no such key. */
const struct place *conf_seen(const struct load *l, const char *section, const char *name);
/* "did you mean ...": the nearest of the known words, or NULL. section NULL: sections. */
const char *conf_nearest(const char *section, const char *word);
/* ${VAR}, ${VAR:-default}, $$. NULL after an error. mem_free. */
char *conf_expand(struct load *l, const char *text, unsigned line, unsigned column);
/* HOST-ID or HOST-FILE, so that the nodes of one host have names of their own without being given
 * them. mem_free. */
char *conf_default_name(const struct config *c);
bool conf_key_is_list(const char *section, const char *name);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the files of conf/ share. One thread, at start.
 */
#include <stddef.h>
#include "conf/config.h"
#include "core/base.h"

#define CONF_ERRORS_MAX 100u

/* One load in progress. */
struct load {
	const char *file;
	struct config *c;
	struct config_errors *errors;
};

extern const struct config_lua_ops *config_lua;

void conf_error(struct load *l, unsigned line, unsigned column, const char *fmt, ...) printf_like(4, 5);
void conf_list_add(struct config_list *list, const char *item);
void conf_env_add(struct config *c, const char *key, const char *value);
char *conf_read_file(const char *file, size_t *ret_size);

void conf_load_yaml(struct load *l, const char *text, size_t size);
void conf_load_skynet(struct load *l, const char *text, size_t size);

/* Sets every key that has not been set to its default, then checks what belongs together. */
void conf_finish(struct load *l);
/* false after an error that names the nearest key: there is no section.name. */
bool conf_check_key(struct load *l, const char *section, const char *name, unsigned line, unsigned column);
/* Sets section.name from text; line and column are for errors. */
void conf_set(struct load *l, const char *section, const char *name, const char *text, unsigned line,
	      unsigned column);
bool conf_is_section(const char *section);
/* "did you mean ...": the nearest of the known words, or NULL. section NULL: sections. */
const char *conf_nearest(const char *section, const char *word);
/* ${VAR}, ${VAR:-default}, $$. NULL after an error. mem_free. */
char *conf_expand(struct load *l, const char *text, unsigned line, unsigned column);
bool conf_key_is_list(const char *section, const char *name);

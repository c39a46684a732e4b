/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Configurations in the style of skynet: a Lua chunk that assigns globals.
 *
 * $NAME is replaced in the raw text by the environment's value, then Lua evaluates it. Every key
 * goes to the environment; those that mean something here go to struct config as well. What only
 * harbord has is said with the keys of the schema behind a prefix that no game uses:
 * harbord_admin_listen is admin.listen.
 *
 * Limits: 16 MiB of text with its variables replaced; the length of a file (file.h).
 */
#include <stdbool.h>
#include <stddef.h>
#include "conf/draft.h"

/* How a skynet-style file is evaluated: <lua.h> stays in lua/, so daemon/ plugs this in. `text`
 * is the file after $NAME substitution; include(path) calls back. Calls emit for every key of
 * the result. Returns 0, or -EINVAL with *ret_error (mem_free) and *ret_line. */
struct config_lua_ops {
	int (*eval)(const char *file, const char *text, size_t size,
		    int (*include)(const char *path, char **ret_text, size_t *ret_size,
				   char **ret_error, void *ud),
		    void (*emit)(const char *key, const char *value, void *ud), void *ud,
		    char **ret_error, unsigned *ret_line);
};
/* Before the first file is read. NULL: every file is YAML. */
void config_set_lua(const struct config_lua_ops *ops);

/* Is this a skynet-style file? By its name, or by its first statement. */
bool skynet_is(const char *file, const char *text);
/* Fills the draft from the text; a NUL stands behind its size bytes. Returns false if nothing could
 * be made of it, which an error says. */
bool skynet_read(struct draft *d, const char *text, size_t size);

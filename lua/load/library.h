/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * C modules of ours that need libraries which most services do without (OpenSSL, c-ares, zlib): a
 * shared object each, opened when a service first requires it, so that a node which uses none of
 * them does not pay for them.
 *
 * Threads: library_init before others, library_fini after them; else any.
 */
#include <lua.h>
#include <stdbool.h>

/* Lists the shared objects in a folder and below it: skynet/crypt.so is `skynet.crypt`. The folder
 * may be missing, and NULL. */
void library_init(const char *dir);
void library_fini(void);
/* Returns the function that opens the module, or NULL: there is none of that name. Raises what the
 * dynamic linker says when its shared object cannot be loaded. */
lua_CFunction library_find(lua_State *L, const char *name);
/* Whether there is one of that name. */
bool library_has(const char *name);
/* Calls f with the name of each. */
void library_each(void (*f)(const char *name, void *ud), void *ud);

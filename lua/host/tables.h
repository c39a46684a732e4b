/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Metatables that the host and its modules use again and again. All may raise for want of memory.
 *
 * Threads: the worker that runs the service.
 */
#include <lua.h>

/* The table on top of the stack gets weak keys ("k") or values ("v"). */
void tables_set_weak(lua_State *L, const char *mode);
/* Pushes the table with weak keys that the registry has under this name, and makes it the first
 * time. */
void tables_push_weak_keys(lua_State *L, const char *name);
/* The userdata on top of the stack gets `gc` for a finalizer. The metatable is made once in a state
 * and kept in the registry at `key`, an address. */
void tables_set_gc(lua_State *L, const void *key, lua_CFunction gc);

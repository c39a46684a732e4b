/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Metatables that the host and its modules use again and again. All may raise for want of memory.
 *
 * Threads: the worker that runs the service.
 */
#include <lua.h>
#include <lauxlib.h>

/* The table on top of the stack gets weak keys ("k") or values ("v"). */
void tables_set_weak(lua_State *L, const char *mode);
/* Pushes the table with weak keys that the registry has under this name, and makes it the first
 * time. */
void tables_push_weak_keys(lua_State *L, const char *name);
/* The table on top of the stack gets a metatable of its own with these functions, an entry without
 * a name behind them. */
void tables_set_meta(lua_State *L, const luaL_Reg *functions);
/* The userdata on top of the stack gets a metatable with these functions. It is made once in a
 * state and kept in the registry at `key`, an address. */
void tables_set_class(lua_State *L, const void *key, const luaL_Reg *functions);
/* The same with `gc` for a finalizer and nothing else. */
void tables_set_gc(lua_State *L, const void *key, lua_CFunction gc);
/* For an __index that was called with a table and a key, and has the value on top of the stack: the
 * table keeps it. Returns 1, the number of results. */
int tables_keep(lua_State *L);

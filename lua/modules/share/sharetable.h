/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Shared tables: what the standard library sees of them.
 *
 * Threads: the worker that runs the service.
 */
#include <lua.h>

enum sharetable_look {
	SHARETABLE_NONE,
	SHARETABLE_NEXT,
	SHARETABLE_RAWGET,
	SHARETABLE_RAWSET,
	SHARETABLE_GETMETATABLE,
	SHARETABLE_SETMETATABLE,
};

/* If the first argument is a shared table: does what the function does to a table with that
 * content, or raises, and returns the number of results. Else -1, and the stack is as it was. */
int sharetable_redirect(lua_State *L, enum sharetable_look look);

/* Proxies with the metatable at index are shared tables, to sharetable_redirect; it has __index and
 * __next. */
void sharetable_mark(lua_State *L, int index);

/* The module skynet.sharetable.core. */
int luaopen_skynet_sharetable_core(lua_State *L);

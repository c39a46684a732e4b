/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Shared tables: what the standard library sees of them, and how they are made.
 */
#include <lua.h>

struct image;

enum sharetable_look {
	SHARETABLE_NONE,
	SHARETABLE_NEXT,
	SHARETABLE_RAWGET,
	SHARETABLE_RAWSET,
	SHARETABLE_GETMETATABLE,
	SHARETABLE_SETMETATABLE,
};

/* If the first argument is a shared table: does what the function does to a table with that content, or raises, and
 * gives the number of results. Else -1, and the stack is as it was. */
int sharetable_redirect(lua_State *L, enum sharetable_look look);

/* Proxies with the metatable at index are shared tables, to sharetable_redirect; it has __index and __next. */
void sharetable_mark(lua_State *L, int index);

/* publish(name, table, plain, only_new): the number of the version, 0: only_new, and there is one. */
int sharetable_publish(lua_State *L);
/* query, copy and update for images that the VM reads. */
int sharetable_native_query(lua_State *L, struct image *im_take);
int sharetable_native_copy(lua_State *L);
/* held(): { count =, bytes =, old =, old_bytes = } of what this service keeps of code and tables that are shared. */
int sharetable_held(lua_State *L);
int sharetable_native_update(lua_State *L, struct image *im_take);
/* load(name, file or nil, source, ...): publishes what the chunk gives. */
int sharetable_load(lua_State *L);

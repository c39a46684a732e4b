/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Functions of the standard library that look past metatables, on shared tables.
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

/* If the first argument is a shared table: does what the function does to a table with that content, or raises, and
 * gives the number of results. Else -1, and the stack is as it was. */
int sharetable_redirect(lua_State *L, enum sharetable_look look);

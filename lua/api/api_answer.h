/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * skynet: answering a request.
 *
 * Functions of the skynet table, as Lua calls them.
 */
#include <lua.h>

int api_context(lua_State *L);
/* handon(response): whoever gets the request again under this source and session owes the answer
 * now. Returns the two, or nothing: nobody waits any more. Not in the skynet table. */
int api_handon(lua_State *L);
int api_ignoreret(lua_State *L);
int api_response(lua_State *L);
int api_ret(lua_State *L);
int api_retpack(lua_State *L);

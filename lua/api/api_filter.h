/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * skynet: what stands before the dispatch of a whole service.
 *
 * Functions of the skynet table, as Lua calls them.
 */
#include <lua.h>

int api_filter(lua_State *L);
int api_forward_type(lua_State *L);

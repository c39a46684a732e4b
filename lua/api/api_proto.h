/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * skynet: protocols and their dispatch functions.
 *
 * Functions of the skynet table, as Lua calls them.
 */
#include <lua.h>

/* Raises unless the argument can be called. */
void api_check_callable(lua_State *L, int arg);
int api_dispatch(lua_State *L);
int api_dispatch_message(lua_State *L);
int api_dispatch_unknown_request(lua_State *L);
int api_dispatch_unknown_response(lua_State *L);
int api_info_func(lua_State *L);
int api_register_protocol(lua_State *L);

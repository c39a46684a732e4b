/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * skynet: how a service starts, starts others, and ends.
 *
 * Functions of the skynet table, as Lua calls them.
 */
#include <lua.h>

int api_exit(lua_State *L);
int api_init(lua_State *L);
int api_init_service(lua_State *L);
int api_memlimit(lua_State *L);
int api_newservice(lua_State *L);
int api_queryservice(lua_State *L);
int api_start(lua_State *L);
int api_uniqueservice(lua_State *L);

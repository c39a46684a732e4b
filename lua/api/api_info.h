/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * skynet: addresses, clocks, environment, log, statistics, and values as bytes.
 *
 * Functions of the skynet table, as Lua calls them.
 */
#include <lua.h>

int api_address(lua_State *L);
int api_endless(lua_State *L);
int api_error(lua_State *L);
int api_genid(lua_State *L);
int api_getenv(lua_State *L);
int api_harbor(lua_State *L);
int api_hpc(lua_State *L);
int api_localname(lua_State *L);
int api_log(lua_State *L);
int api_mailbox(lua_State *L);
int api_mqlen(lua_State *L);
int api_now(lua_State *L);
int api_pack(lua_State *L);
int api_packstring(lua_State *L);
int api_self(lua_State *L);
int api_setenv(lua_State *L);
int api_starttime(lua_State *L);
int api_stat(lua_State *L);
int api_time(lua_State *L);
int api_tostring(lua_State *L);
int api_trash(lua_State *L);
int api_unpack(lua_State *L);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * skynet: time and tasks.
 *
 * Functions of the skynet table, as Lua calls them.
 */
#include <lua.h>

int api_checkwait(lua_State *L);
int api_fork(lua_State *L);
int api_killthread(lua_State *L);
int api_sleep(lua_State *L);
int api_task(lua_State *L);
int api_timeout(lua_State *L);
int api_timer(lua_State *L);
int api_wait(lua_State *L);
int api_wakeup(lua_State *L);
int api_yield(lua_State *L);

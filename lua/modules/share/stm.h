/* SPDX-License-Identifier: MIT */
#pragma once
#include <lua.h>

/* The module skynet.stm: a value with one writer and many readers. */
int luaopen_skynet_stm(lua_State *L);

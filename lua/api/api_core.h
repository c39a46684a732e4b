/* SPDX-License-Identifier: MIT */
#pragma once
#include <lua.h>

/* The module skynet.core: the low-level functions that some programs use directly. */
int luaopen_skynet_core(lua_State *L);

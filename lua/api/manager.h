/* SPDX-License-Identifier: MIT */
#pragma once
#include <lua.h>

/* The module skynet.manager: launching, killing and naming services. */
int luaopen_skynet_manager(lua_State *L);

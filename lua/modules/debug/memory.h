/* SPDX-License-Identifier: MIT */
#pragma once
#include <lua.h>

/* The module skynet.memory: what the process and its services have allocated. */
int luaopen_skynet_memory(lua_State *L);

/* SPDX-License-Identifier: MIT */
#pragma once
#include <lua.h>

/* The module skynet.group.core: what lua/lib/skynet/group.lua stands on. */
int luaopen_skynet_group_core(lua_State *L);

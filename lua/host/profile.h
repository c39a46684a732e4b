/* SPDX-License-Identifier: MIT */
#pragma once
#include <lua.h>

/* The module skynet.profile: how long a task has run. */
int luaopen_skynet_profile(lua_State *L);

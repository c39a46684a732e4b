/* SPDX-License-Identifier: MIT */
#pragma once
#include <lua.h>

/* The module skynet.remotedebug.core: stops a task at a line of its code. */
int luaopen_skynet_remotedebug_core(lua_State *L);

/* SPDX-License-Identifier: MIT */
#pragma once
#include <lua.h>

/* The module skynet.debugchannel: lines from one service to another that does not yield. */
int luaopen_skynet_debugchannel(lua_State *L);

/* SPDX-License-Identifier: MIT */
#pragma once
#include <lua.h>

/* The module skynet.netpack: cuts the streams of a gate into frames. */
int luaopen_skynet_netpack(lua_State *L);

/* SPDX-License-Identifier: MIT */
#pragma once
/* skynet.consolejson: Lua values as JSON, for what harborctl is answered with. See
 * consolejson.c. */
#include <lua.h>

int luaopen_skynet_consolejson(lua_State *L);

/* SPDX-License-Identifier: MIT */
#pragma once
#include <lua.h>

/*
 * The module bson: documents of MongoDB as Lua values.
 *
 * Values that Lua has no type for are strings: a zero byte, the type, and what the type needs
 * (bson_values.h). A document of its own is a userdata that holds its bytes.
 */
int luaopen_bson(lua_State *L);

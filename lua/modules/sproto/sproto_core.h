/* SPDX-License-Identifier: MIT */
#pragma once
#include <lua.h>

/* The module sproto.core: messages by a schema. */
int luaopen_sproto_core(lua_State *L);

/* SPDX-License-Identifier: MIT */
#pragma once
#include <lua.h>

/* The module http.deflate, a shared object of its own for it needs zlib; see http_deflate.c. */
int luaopen_http_deflate(lua_State *L);

/* SPDX-License-Identifier: MIT */
#pragma once
#include <lua.h>

/* The module http.core: what http.internal and http.websocket are made of; see http_core.c. */
int luaopen_http_core(lua_State *L);

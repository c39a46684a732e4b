/* SPDX-License-Identifier: MIT */
#pragma once
#include <lua.h>

/* The module skynet.harbor: the cluster that this node is part of. */
int luaopen_skynet_harbor(lua_State *L);

/* SPDX-License-Identifier: MIT */
#pragma once
#include <lua.h>

/* The module skynet.kcp.core: the KCP sessions of a service, for skynet.kcp. */
int luaopen_skynet_kcp_core(lua_State *L);

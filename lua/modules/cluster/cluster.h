/* SPDX-License-Identifier: MIT */
#pragma once
#include <lua.h>

/* The module skynet.cluster.core: the packets of a cluster of many machines. */
int luaopen_skynet_cluster_core(lua_State *L);

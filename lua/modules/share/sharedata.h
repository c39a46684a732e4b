/* SPDX-License-Identifier: MIT */
#pragma once
#include <lua.h>

/* The module skynet.sharedata.core: what a read of skynet.sharedata takes. */
int luaopen_skynet_sharedata_core(lua_State *L);

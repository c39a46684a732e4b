/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * skynet.handover.core: what skynet.handover (lua/lib/skynet/handover.lua) and the service .mover
 * need of the host and of core/actor/move.h.
 */
#include <lua.h>

int luaopen_skynet_handover_core(lua_State *L);

/* SPDX-License-Identifier: MIT */
#ifndef HARBORD_LUA_SERI_H
#define HARBORD_LUA_SERI_H
/*
 * Serialisation of Lua values for C libraries: lua_CFunctions, the same as skynet.pack and
 * skynet.unpack.
 */
#include <lua.h>
#ifdef __cplusplus
extern "C" {
#endif

/* (...) -> block, size. The block is of skynet_malloc and the caller's. No values: NULL and 0. */
int luaseri_pack(lua_State *L);
/* (block, size) or (string) -> ... The block stays the caller's. */
int luaseri_unpack(lua_State *L);

#ifdef __cplusplus
}
#endif
#endif

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * md5.core (RFC 1321), a shared object of its own for it needs OpenSSL.
 */
#include <lua.h>

int luaopen_md5_core(lua_State *L);

/* SPDX-License-Identifier: MIT */
#pragma once
/* The receive buffer as Lua sees it: the buffer functions of skynet.socketdriver. For lua/modules only.
 */
#include <lua.h>
#include <lauxlib.h>

/* Ends with an entry of NULLs. Light functions: they need no upvalue. */
extern const luaL_Reg sockbuf_functions[];

/* SPDX-License-Identifier: MIT */
/* A module that needs what Lua 5.4 has no more, for a test of the error. */
#include <lua.h>

void *lua_nosuchfunction(lua_State *L);
int luaopen_stale(lua_State *L);

int luaopen_stale(lua_State *L)
{
	return lua_nosuchfunction(L) != 0;
}

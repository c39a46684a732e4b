/* SPDX-License-Identifier: MIT */
/* Metatables that are used again and again: see tables.h. */
#include "lua/host/tables.h"

#include <lauxlib.h>

void tables_set_weak(lua_State *L, const char *mode)
{
	lua_createtable(L, 0, 1);
	lua_pushstring(L, mode);
	lua_setfield(L, -2, "__mode");
	lua_setmetatable(L, -2);
}

void tables_push_weak_keys(lua_State *L, const char *name)
{
	if (!luaL_getsubtable(L, LUA_REGISTRYINDEX, name))
		tables_set_weak(L, "k");
}

void tables_set_gc(lua_State *L, const void *key, lua_CFunction gc)
{
	if (lua_rawgetp(L, LUA_REGISTRYINDEX, key) != LUA_TTABLE) {
		lua_pop(L, 1);
		lua_createtable(L, 0, 1);
		lua_pushcfunction(L, gc);
		lua_setfield(L, -2, "__gc");
		lua_pushvalue(L, -1);
		lua_rawsetp(L, LUA_REGISTRYINDEX, key);
	}
	lua_setmetatable(L, -2);
}

/* SPDX-License-Identifier: MIT */
/* Metatables that are used again and again: see tables.h. */
#include "lua/host/tables.h"

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

static void push_meta(lua_State *L, const luaL_Reg *functions)
{
	int n = 0;

	while (functions[n].name)
		n++;
	lua_createtable(L, 0, n);
	luaL_setfuncs(L, functions, 0);
}

void tables_set_meta(lua_State *L, const luaL_Reg *functions)
{
	push_meta(L, functions);
	lua_setmetatable(L, -2);
}

void tables_set_class(lua_State *L, const void *key, const luaL_Reg *functions)
{
	if (lua_rawgetp(L, LUA_REGISTRYINDEX, key) != LUA_TTABLE) {
		lua_pop(L, 1);
		push_meta(L, functions);
		lua_pushvalue(L, -1);
		lua_rawsetp(L, LUA_REGISTRYINDEX, key);
	}
	lua_setmetatable(L, -2);
}

void tables_set_gc(lua_State *L, const void *key, lua_CFunction gc)
{
	tables_set_class(L, key, (luaL_Reg[]){ { "__gc", gc }, { NULL, NULL } });
}

int tables_keep(lua_State *L)
{
	lua_pushvalue(L, 2);
	lua_pushvalue(L, -2);
	lua_rawset(L, 1);
	return 1;
}

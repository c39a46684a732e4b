/* SPDX-License-Identifier: MIT */
/* The standard libraries of a service's state, opened when first used.
 *
 * All of them take 14 KB and 50 us a state, and most services use two or three. So `io`, `math` and
 * the others begin as empty tables; the first access to a field, a write too, fills the table for
 * good and removes its metatable. Afterwards nothing tells it from a table that luaL_openlibs made.
 * Strings get their methods through the table `string`, and their arithmetic metamethods at once.
 * Only the base library is opened as usual.
 */
#include <lualib.h>
#include <string.h>

#include "core/base.h"
#include "lua/host.h"

static const luaL_Reg lazy[] = {
	{ LUA_LOADLIBNAME, require_open_package },
	{ LUA_COLIBNAME, luaopen_coroutine }, { LUA_TABLIBNAME, luaopen_table },
	{ LUA_IOLIBNAME, luaopen_io },        { LUA_OSLIBNAME, luaopen_os },
	{ LUA_STRLIBNAME, luaopen_string },   { LUA_MATHLIBNAME, luaopen_math },
	{ LUA_UTF8LIBNAME, luaopen_utf8 },    { LUA_DBLIBNAME, luaopen_debug },
};

#define LAZY_META "harbord.lazy"

/* The metamethods of strings, as the string library has them. Set by libs_init, then constant. */
#define STRING_METAMETHODS 16
static struct {
	char name[16];
	lua_CFunction f;
} string_meta[STRING_METAMETHODS];
static unsigned string_meta_count;

void libs_init(void)
{
	lua_State *L = luaL_newstate();

	string_meta_count = 0;
	if (!L)
		return;
	luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 0);
	lua_pushliteral(L, "");
	if (lua_getmetatable(L, -1)) {
		for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
			lua_CFunction f = lua_tocfunction(L, -1);

			if (!f || string_meta_count == STRING_METAMETHODS)
				continue;
			strncpy(string_meta[string_meta_count].name, lua_tostring(L, -2),
			        sizeof(string_meta[0].name) - 1);
			string_meta[string_meta_count++].f = f;
		}
	}
	lua_close(L);
}

/* The library that the table at index is, or NULL. */
static const luaL_Reg *library_of(lua_State *L, int index)
{
	const luaL_Reg *found = NULL;

	luaL_getsubtable(L, LUA_REGISTRYINDEX, LAZY_META);
	for (size_t i = 0; i < array_len(lazy) && !found; i++) {
		lua_rawgeti(L, -1, (lua_Integer)i + 1);
		if (lua_rawequal(L, -1, index))
			found = &lazy[i];
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	return found;
}

/* Fills the table at index 1; the rest of the stack is kept. */
static void fill(lua_State *L)
{
	const luaL_Reg *lib = library_of(L, 1);
	int top = lua_gettop(L);

	if (!lib)
		return;
	/* Opening `string` would give strings a metatable of its own. */
	lua_pushliteral(L, "");
	if (!lua_getmetatable(L, -1))
		lua_pushnil(L);
	lua_pushcfunction(L, lib->func);
	lua_pushstring(L, lib->name);
	lua_call(L, 1, 1);
	for (lua_pushnil(L); lua_next(L, -2);) {
		lua_pushvalue(L, -2);
		lua_insert(L, -2);
		lua_rawset(L, 1);
	}
	lua_pop(L, 1);
	lua_setmetatable(L, -2);
	lua_pushnil(L);
	lua_setmetatable(L, 1);
	lua_settop(L, top);
}

static int lazy_index(lua_State *L)
{
	lua_settop(L, 2);
	fill(L);
	lua_rawget(L, 1);
	return 1;
}

static int lazy_newindex(lua_State *L)
{
	lua_settop(L, 3);
	fill(L);
	lua_rawset(L, 1);
	return 0;
}

static int lazy_next(lua_State *L)
{
	lua_settop(L, 2);
	return lua_next(L, 1) ? 2 : 0;
}

static int lazy_pairs(lua_State *L)
{
	lua_settop(L, 1);
	fill(L);
	lua_pushcfunction(L, lazy_next);
	lua_pushvalue(L, 1);
	lua_pushnil(L);
	return 3;
}

static void open_string_meta(lua_State *L)
{
	lua_pushliteral(L, "");
	lua_createtable(L, 0, (int)string_meta_count + 1);
	for (unsigned i = 0; i < string_meta_count; i++) {
		lua_pushcfunction(L, string_meta[i].f);
		lua_setfield(L, -2, string_meta[i].name);
	}
	lua_getglobal(L, LUA_STRLIBNAME);
	lua_setfield(L, -2, "__index");
	lua_setmetatable(L, -2);
	lua_pop(L, 1);
}

void libs_open(lua_State *L)
{
	/* Room for everything at once: no rehash, no garbage. */
	lua_createtable(L, 0, 40);
	lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
	/* The environment of the process is not the program's. */
	lua_pushboolean(L, 1);
	lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
	luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
	luaL_requiref(L, LUA_GNAME, luaopen_base, 1);
	lua_pop(L, 1);

	lua_createtable(L, (int)array_len(lazy), 0); /* which table is which library */
	lua_createtable(L, 0, 3);                    /* the metatable they share */
	lua_pushcfunction(L, lazy_index);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, lazy_newindex);
	lua_setfield(L, -2, "__newindex");
	lua_pushcfunction(L, lazy_pairs);
	lua_setfield(L, -2, "__pairs");
	for (size_t i = 0; i < array_len(lazy); i++) {
		lua_newtable(L);
		lua_pushvalue(L, -2);
		lua_setmetatable(L, -2);
		lua_pushvalue(L, -1);
		lua_rawseti(L, -4, (lua_Integer)i + 1);
		lua_pushvalue(L, -1);
		lua_setglobal(L, lazy[i].name);
		lua_setfield(L, -4, lazy[i].name);
	}
	lua_pop(L, 1);
	lua_setfield(L, LUA_REGISTRYINDEX, LAZY_META);
	lua_pop(L, 1);
	open_string_meta(L);
}

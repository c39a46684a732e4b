/* SPDX-License-Identifier: MIT */
/* What C modules of programs do around a yield. callk(f, ...) and pcallk(f, ...) call f so that it
 * may yield, call(f, ...) so that it may not. yieldk(...) yields by itself; resumed, it returns
 * what it got behind the text "back". hook(co): the next line of co yields out of a hook. minus()
 * returns a count below zero, which Lua forgives where no result is wanted. own() runs a coroutine
 * in a state of its own and returns the sum of what it yields. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

int luaopen_yields(lua_State *L);

static int called(lua_State *L, int status, lua_KContext ctx)
{
	(void)status;
	(void)ctx;
	return lua_gettop(L);
}

static int callk(lua_State *L)
{
	lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, called);
	return called(L, LUA_OK, 0);
}

static int pcalled(lua_State *L, int status, lua_KContext ctx)
{
	(void)ctx;
	lua_pushboolean(L, status == LUA_OK || status == LUA_YIELD);
	lua_insert(L, 1);
	return lua_gettop(L);
}

static int pcallk(lua_State *L)
{
	return pcalled(L, lua_pcallk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, 0, pcalled), 0);
}

static int call(lua_State *L)
{
	lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
	return lua_gettop(L);
}

static int back(lua_State *L, int status, lua_KContext ctx)
{
	(void)status;
	(void)ctx;
	lua_pushliteral(L, "back");
	lua_insert(L, 1);
	return lua_gettop(L);
}

static int yieldk(lua_State *L)
{
	return lua_yieldk(L, lua_gettop(L), 0, back);
}

static void on_line(lua_State *L, lua_Debug *ar)
{
	(void)ar;
	lua_sethook(L, NULL, 0, 0);
	lua_yield(L, 0);
}

static int hook(lua_State *L)
{
	lua_sethook(lua_tothread(L, 1), on_line, LUA_MASKLINE, 0);
	return 0;
}

static int minus(lua_State *L)
{
	(void)L;
	return -1;
}

static int own(lua_State *L)
{
	lua_State *mine = luaL_newstate(), *co;
	lua_Integer sum = 0;
	int n;

	if (!mine)
		return luaL_error(L, "no memory");
	luaL_openlibs(mine);
	lua_pushcfunction(mine, yieldk);
	lua_setglobal(mine, "yieldk");
	co = lua_newthread(mine);
	(void)luaL_loadstring(co, "for i = 1, 3 do coroutine.yield(i) yieldk(i * 10) end");
	while (lua_resume(co, mine, 0, &n) == LUA_YIELD) {
		sum += lua_tointeger(co, -1);
		lua_pop(co, n);
	}
	lua_close(mine);
	lua_pushinteger(L, sum);
	return 1;
}

int luaopen_yields(lua_State *L)
{
	static const luaL_Reg all[] = { { "callk", callk }, { "pcallk", pcallk },
					{ "call", call },   { "yieldk", yieldk },
					{ "hook", hook },   { "minus", minus },
					{ "own", own },	    { NULL, NULL } };

	luaL_newlib(L, all);
	return 1;
}

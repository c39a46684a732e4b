/* SPDX-License-Identifier: MIT */
/* The global `require` of a service (lua-core.md 5.14). In the main chunk it is Lua's own. In a
 * task, a module may wait for answers while it loads, and two tasks may want the same module: then
 * lua/lib/skynet/require.lua does it, which is loaded the first time this happens.
 */
#include "lua/host.h"

static int require_end(lua_State *L, int status, lua_KContext ctx)
{
	(void)status;
	(void)ctx;
	return lua_gettop(L);
}

static int require(lua_State *L)
{
	struct host *h = host_of(L);

	luaL_checkstring(L, 1);
	lua_settop(L, 1);
	luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
	lua_pushvalue(L, 1);
	lua_rawget(L, 2);
	if (lua_toboolean(L, 3))
		return 1;
	lua_settop(L, 2);
	lua_getfield(L, LUA_REGISTRYINDEX, REQUIRE_STOCK);
	if (!h->current || h->current != task_of(L)) {
		lua_insert(L, 1);
		lua_settop(L, 2);
		lua_call(L, 1, LUA_MULTRET);
		return lua_gettop(L);
	}
	lua_pushliteral(L, "skynet.require");
	lua_call(L, 1, 1);
	lua_getfield(L, -1, "require");
	lua_insert(L, 1);
	lua_settop(L, 2);
	lua_callk(L, 1, LUA_MULTRET, 0, require_end);
	return lua_gettop(L);
}

void require_open(lua_State *L)
{
	lua_getglobal(L, "require");
	lua_setfield(L, LUA_REGISTRYINDEX, REQUIRE_STOCK);
	lua_pushcfunction(L, require);
	lua_setglobal(L, "require");
}

/* SPDX-License-Identifier: MIT */
/* skynet.manager: extends the skynet table (lua-core.md 3.13). Light C functions. */
#include <stdio.h>
#include <string.h>

#include "core/command.h"
#include "core/log.h"
#include "core/names.h"
#include "core/remote.h"
#include "core/service.h"
#include "lua/lua_priv.h"
#include "lua/seri.h"

static int manager_launch(lua_State *L)
{
	struct service *s = luahost_service(L);
	int n = lua_gettop(L);
	luaL_Buffer b;
	const char *r;

	luaL_buffinit(L, &b);
	for (int i = 1; i <= n; i++) {
		if (i > 1)
			luaL_addchar(&b, ' ');
		luaL_checkstring(L, i);
		lua_pushvalue(L, i);
		luaL_addvalue(&b);
	}
	luaL_pushresult(&b);
	r = command_run(s, "LAUNCH", lua_tostring(L, -1));
	if (!r)
		return 0;
	lua_pushinteger(L, service_find(r));
	return 1;
}

static int manager_kill(lua_State *L)
{
	struct service *s = luahost_service(L);
	char address[32];

	if (lua_type(L, 1) == LUA_TNUMBER || lua_tostring(L, 1)[0] == ':') {
		uint32_t handle = lua_type(L, 1) == LUA_TNUMBER ? (uint32_t)lua_tointeger(L, 1) :
								  service_find(lua_tostring(L, 1));
		struct msg *m;
		size_t size;

		lua_settop(L, 0);
		lua_pushliteral(L, "REMOVE");
		lua_pushinteger(L, handle);
		lua_pushboolean(L, 1);
		m = msg_of(seri_pack(L, 1, &size));
		*m = (struct msg){ .size = size, .source = service_handle(s), .type = PTYPE_LUA };
		(void)service_send_name(".launcher", m);
		snprintf(address, sizeof(address), ":%x", handle);
		(void)command_run(s, "KILL", address);
	} else {
		(void)command_run(s, "KILL", luaL_checkstring(L, 1));
	}
	return 0;
}

static int manager_abort(lua_State *L)
{
	(void)command_run(luahost_service(L), "ABORT", NULL);
	return 0;
}

static void name_handle(lua_State *L, const char *name, uint32_t handle)
{
	struct service *s = luahost_service(L);

	if (name[0] == '.') {
		(void)names_register(name + 1, handle); /* a duplicate is ignored, says the contract */
		return;
	}
	if (!remote_name_valid(name))
		luaL_error(L, "assertion failed! Invalid global name %s", name);
	remote_get()->register_name(service_handle(s), 0, name, handle);
}

static int manager_register(lua_State *L)
{
	name_handle(L, luaL_checkstring(L, 1), service_handle(luahost_service(L)));
	return 0;
}

static int manager_name(lua_State *L)
{
	name_handle(L, luaL_checkstring(L, 1), (uint32_t)luaL_checkinteger(L, 2));
	return 0;
}

int luaopen_skynet_manager(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "launch", manager_launch },     { "kill", manager_kill }, { "abort", manager_abort },
		{ "register", manager_register }, { "name", manager_name }, { NULL, NULL },
	};

	luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
	lua_getfield(L, -1, "skynet");
	luaL_setfuncs(L, functions, 0);
	return 1;
}

/* SPDX-License-Identifier: MIT */
/* skynet.manager: extends the skynet table. Light C functions. */
#include "lua/api/manager.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/node/command.h"
#include "core/log/log.h"
#include "core/actor/names.h"
#include "core/actor/remote.h"
#include "core/actor/send.h"
#include "core/actor/service.h"
#include "lua/api/api_message.h"
#include "lua/host/host.h"
#include "lua/host/seri.h"

static int manager_launch(lua_State *L)
{
	struct service *s = host_service(L);
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
	struct service *s = host_service(L);
	bool is_number = lua_type(L, 1) == LUA_TNUMBER;
	const char *name = is_number ? NULL : luaL_checkstring(L, 1);
	uint32_t handle = is_number ? api_check_handle(L, 1) : service_find(name);
	char address[16];
	struct msg *m;
	size_t size;

	if (!handle) {
		if (!is_number && name[0] != '.')
			(void)command_run(s, "KILL", name); /* logs what is wrong with it */
		return 0;
	}
	/* The launcher hears of a kill by name, too: its list then holds no entry of the dead. */
	lua_settop(L, 0);
	lua_pushliteral(L, "REMOVE");
	lua_pushinteger(L, handle);
	lua_pushboolean(L, 1);
	m = msg_of(seri_pack(L, 1, &size));
	*m = (struct msg){ .size = size, .source = service_handle(s), .type = PTYPE_LUA };
	service_forward_name(".launcher", m);
	snprintf(address, sizeof(address), ":%x", handle);
	(void)command_run(s, "KILL", address);
	return 0;
}

static int manager_abort(lua_State *L)
{
	(void)command_run(host_service(L), "ABORT", NULL);
	return 0;
}

static void name_handle(lua_State *L, const char *name, uint32_t handle)
{
	struct service *s = host_service(L);

	if (name[0] == '.') {
		/* a duplicate is ignored, says the contract */
		(void)names_register(name + 1, handle);
		return;
	}
	if (!remote_name_valid(name))
		luaL_error(L,
			   "assertion failed! Invalid global name %s: 1 to 63 bytes, no number, "
			   "no ':' in front",
			   name);
	remote_get()->register_name(service_handle(s), 0, name, handle);
}

static int manager_register(lua_State *L)
{
	name_handle(L, luaL_checkstring(L, 1), service_handle(host_service(L)));
	return 0;
}

static int manager_name(lua_State *L)
{
	name_handle(L, luaL_checkstring(L, 1), api_check_handle(L, 2));
	return 0;
}

static int monitor_known(lua_State *L, int status, lua_KContext ctx)
{
	uint32_t handle = (uint32_t)luaL_checkinteger(L, -1);
	char address[16];

	(void)status;
	(void)ctx;
	snprintf(address, sizeof(address), ":%x", handle);
	(void)command_run(host_service(L), "MONITOR", address);
	lua_pushinteger(L, handle);
	return 1;
}

/* monitor(service[, query]): the cluster's one service of that name hears of every end on this
 * node. */
static int manager_monitor(lua_State *L)
{
	luaL_checkstring(L, 1);
	lua_settop(L, 2);
	luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
	lua_getfield(L, -1, "skynet");
	lua_getfield(L, -1, lua_toboolean(L, 2) ? "queryservice" : "uniqueservice");
	lua_pushboolean(L, 1);
	lua_pushvalue(L, 1);
	lua_callk(L, 2, 1, 0, monitor_known);
	return monitor_known(L, LUA_OK, 0);
}

int luaopen_skynet_manager(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "launch", manager_launch },
		{ "kill", manager_kill },
		{ "abort", manager_abort },
		{ "register", manager_register },
		{ "name", manager_name },
		{ "monitor", manager_monitor },
		{ NULL, NULL },
	};

	luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
	lua_getfield(L, -1, "skynet");
	luaL_setfuncs(L, functions, 0);
	return 1;
}

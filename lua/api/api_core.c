/* SPDX-License-Identifier: MIT */
/* skynet.core: the low-level functions that some programs use directly. Most are
 * the skynet table's own; the rest is here. */
#include "lua/api/api_core.h"

#include <string.h>

#include "core/node/command.h"
#include "core/base/mem.h"
#include "core/actor/send.h"
#include "core/actor/service.h"
#include "lua/api/api_message.h"
#include "lua/host/shown.h"
#include "lua/host/stacks.h"
#include "lua/host/trace.h"
#include "lua/host/wait.h"

static int send_message(lua_State *L, int addr, uint32_t source, int type_at)
{
	struct host *h = host_of(L);
	int type = (int)luaL_checkinteger(L, type_at);
	int32_t session = lua_isnil(L, type_at + 1) ? host_new_session(h)
						    : (int32_t)luaL_checkinteger(L, type_at + 1);
	uint32_t dest = lua_type(L, addr) == LUA_TNUMBER ? api_check_handle(L, addr) : 0;
	struct msg *m = api_take_message(L, type_at + 2);
	int r;

	m->source = source ? source : service_handle(h->s);
	m->session = session;
	m->type = (uint8_t)type;
	if (lua_type(L, addr) == LUA_TNUMBER) {
		m->dest = dest;
		if (!m->dest) {
			msg_destroy(m);
			return luaL_error(L, "Invalid service address 0");
		}
		r = source ? service_forward(m) : service_send(m);
	} else if (lua_type(L, addr) == LUA_TSTRING) {
		const char *name = lua_tostring(L, addr);

		r = source ? service_forward_name(name, m) : service_send_name(name, m);
	} else {
		msg_destroy(m);
		return luaL_error(L, "dest address type (%s) must be a string or number.",
				  luaL_typename(L, addr));
	}
	if (r != SEND_OK && r != SEND_REFUSED)
		return 0;
	lua_pushinteger(L, session);
	return 1;
}

static int core_send(lua_State *L)
{
	lua_settop(L, 5);
	return send_message(L, 1, 0, 2);
}

static int core_redirect(lua_State *L)
{
	lua_settop(L, 6);
	return send_message(L, 1, api_check_handle(L, 2), 3);
}

static const char *run_command(lua_State *L)
{
	const char *parm = NULL;

	if (!lua_isnoneornil(L, 2))
		parm = luaL_tolstring(L, 2, NULL);
	return command_run(host_of(L)->s, luaL_checkstring(L, 1), parm);
}

static int core_command(lua_State *L)
{
	const char *r = run_command(L);

	if (!r)
		return 0;
	lua_pushstring(L, r);
	return 1;
}

static int core_intcommand(lua_State *L)
{
	if (lua_type(L, 2) == LUA_TNUMBER && !lua_isinteger(L, 2))
		luaL_checkinteger(L, 2);
	const char *r = run_command(L);

	if (!r)
		return 0;
	if (!lua_stringtonumber(L, r))
		lua_pushinteger(L, 0);
	return 1;
}

static int core_addresscommand(lua_State *L)
{
	const char *r = run_command(L);

	if (!r || r[0] != ':')
		return 0;
	lua_pushinteger(L, service_find(r));
	return 1;
}

static int core_callback(lua_State *L)
{
	struct host *h = host_of(L);

	luaL_checktype(L, 1, LUA_TFUNCTION);
	h->raw_forward = lua_toboolean(L, 2);
	lua_settop(L, 1);
	int ref = luaL_ref(L, LUA_REGISTRYINDEX); /* may raise: the old one stays */

	luaL_unref(L, LUA_REGISTRYINDEX, h->raw_callback_ref);
	h->raw_callback_ref = ref;
	h->unusual = true;
	return 0;
}

/* askstack(handle): asks a service of this node for the stack of what it runs. false: no such
 * service. */
static int core_askstack(lua_State *L)
{
	lua_pushboolean(L, stacks_ask((uint32_t)luaL_checkinteger(L, 1)));
	return 1;
}

static int push_text(lua_State *L)
{
	lua_pushstring(L, lua_touserdata(L, 1));
	return 1;
}

/* stack(handle): what askstack asked for, or nil as long as no code of the service has run
 * since. */
static int core_stack(lua_State *L)
{
	char *text = stacks_take((uint32_t)luaL_checkinteger(L, 1));
	int status;

	if (!text)
		return 0;
	lua_pushcfunction(L, push_text);
	lua_pushlightuserdata(L, text);
	status = lua_pcall(L, 1, 1, 0);
	mem_free(text);
	return status == LUA_OK ? 1 : lua_error(L);
}

int luaopen_skynet_core(lua_State *L)
{
	static const luaL_Reg own[] = {
		{ "send", core_send },
		{ "redirect", core_redirect },
		{ "command", core_command },
		{ "intcommand", core_intcommand },
		{ "addresscommand", core_addresscommand },
		{ "callback", core_callback },
		{ "trace", trace_log },
		{ "askstack", core_askstack },
		{ "stack", core_stack },
		{ "shown", shown_text },
		{ NULL, NULL },
	};
	static const char *const shared[] = { "genid",	"error",      "harbor", "tostring", "pack",
					      "unpack", "packstring", "trash",	"now",	    "hpc" };

	luaL_newlib(L, own);
	luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
	lua_getfield(L, -1, "skynet");
	for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++) {
		lua_getfield(L, -1, shared[i]);
		lua_setfield(L, -4, shared[i]);
	}
	lua_pop(L, 2);
	return 1;
}

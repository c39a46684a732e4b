/* SPDX-License-Identifier: MIT */
/* skynet: protocols and their dispatch functions. */
#include "lua/api/api_proto.h"

#include <stdio.h>
#include <string.h>

#include "core/log/log.h"
#include "core/actor/service.h"
#include "lua/api/api_info.h"
#include "lua/host/dispatch.h"
#include "lua/host/proto.h"
#include "lua/host/trace.h"

static bool is_callable(lua_State *L, int index)
{
	if (lua_isfunction(L, index))
		return true;
	if (luaL_getmetafield(L, index, "__call") == LUA_TNIL)
		return false;
	lua_pop(L, 1);
	return true;
}

void api_check_callable(lua_State *L, int arg)
{
	if (unlikely(!is_callable(L, arg)))
		luaL_typeerror(L, arg, "function");
}

/* The field of the table that register_protocol was given is nil or can be called. */
static void check_field(lua_State *L, const char *key, const char *protocol)
{
	if (lua_getfield(L, 1, key) != LUA_TNIL && !is_callable(L, -1))
		luaL_argerror(
			L, 1,
			lua_pushfstring(L, "field '%s' of protocol %s: function expected, got %s",
					key, protocol, luaL_typename(L, -1)));
	lua_pop(L, 1);
}

/* A reference to table[key], or LUA_NOREF. */
static int ref_field(lua_State *L, int table, const char *key)
{
	if (lua_getfield(L, table, key) == LUA_TNIL) {
		lua_pop(L, 1);
		return LUA_NOREF;
	}
	return luaL_ref(L, LUA_REGISTRYINDEX);
}

int api_register_protocol(lua_State *L)
{
	struct host *h = host_of(L);
	const char *name;
	lua_Integer id;
	struct proto *p;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	lua_getfield(L, 1, "name");
	if (lua_type(L, 2) != LUA_TSTRING)
		return luaL_error(L, "assertion failed! a protocol's name is a string");
	name = lua_tostring(L, 2);
	lua_getfield(L, 1, "id");
	id = lua_isinteger(L, 3) ? lua_tointeger(L, 3) : -1;
	if (id < 0 || id > 255)
		return luaL_error(
			L, "assertion failed! the id of protocol %s is not an integer in 0..255",
			name);
	if (proto_find_name(h, name))
		return luaL_error(L, "assertion failed! protocol %s is registered already", name);
	p = proto_find_id(h, (int)id);
	if (p)
		return luaL_error(L, "assertion failed! protocol id %d is %s already", (int)id,
				  p->name);
	check_field(L, "pack", name);
	check_field(L, "unpack", name);
	check_field(L, "dispatch", name);
	/* All that may raise comes before the protocol exists. */
	lua_getfield(L, 1, "pack");
	lua_getfield(L, 1, "unpack");
	bool seri = lua_tocfunction(L, -2) == api_pack && lua_tocfunction(L, -1) == api_unpack;
	int pack = ref_field(L, 1, "pack"), unpack = ref_field(L, 1, "unpack");
	int dispatch = ref_field(L, 1, "dispatch");

	lua_pushvalue(L, 2);
	int name_ref = luaL_ref(L, LUA_REGISTRYINDEX);

	p = proto_add(h, (int)id);
	p->name = name;
	p->name_ref = name_ref;
	p->seri = seri;
	p->pack_ref = pack;
	p->unpack_ref = unpack;
	p->dispatch_ref = dispatch;
	if (lua_getfield(L, 1, "trace") != LUA_TNIL)
		trace_set_proto(L, p, -1);
	return 0;
}

int api_dispatch(lua_State *L)
{
	struct host *h = host_of(L);
	struct proto *p;
	int old;

	if (lua_isnoneornil(L, 2)) {
		p = lua_type(L, 1) == LUA_TNUMBER ? proto_find_id(h, (int)lua_tointeger(L, 1))
						  : proto_find_name(h, luaL_checkstring(L, 1));
		if (!p || p->dispatch_ref == LUA_NOREF)
			return 0;
		lua_rawgeti(L, LUA_REGISTRYINDEX, p->dispatch_ref);
		return 1;
	}
	p = proto_check(L, 1);
	api_check_callable(L, 2);
	lua_settop(L, 2);
	old = p->dispatch_ref;
	p->dispatch_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	p->native = false;
	if (old == LUA_NOREF)
		return 0;
	lua_rawgeti(L, LUA_REGISTRYINDEX, old);
	luaL_unref(L, LUA_REGISTRYINDEX, old);
	return 1;
}

/* Sets a function reference of the host and returns the previous one, `stock` if there was none. */
static int swap_function(lua_State *L, int *ref, lua_CFunction stock)
{
	int old = *ref;

	luaL_checkany(L, 1);
	if (!lua_isnil(L, 1))
		api_check_callable(L, 1);
	lua_settop(L, 1);
	*ref = lua_isnil(L, 1) ? LUA_NOREF : luaL_ref(L, LUA_REGISTRYINDEX);
	if (old != LUA_NOREF) {
		lua_rawgeti(L, LUA_REGISTRYINDEX, old);
		luaL_unref(L, LUA_REGISTRYINDEX, old);
	} else if (stock) {
		lua_pushcfunction(L, stock);
	} else {
		return 0;
	}
	return 1;
}

/* For programs that call what they replaced: (session, source, msg, size, protocol). dispatch.c
 * does the same without a function as long as nobody has set one. */
static int unknown_session(lua_State *L, const char *what)
{
	struct host *h = host_of(L);
	char from[16];
	size_t size = lua_touserdata(L, 3) ? (size_t)luaL_checkinteger(L, 4) : 0;

	log_printf(LOG_LEVEL_ERROR, service_handle(h->s), "%s: %.*s", what,
		   (int)(size > 200 ? 200 : size), size ? (const char *)lua_touserdata(L, 3) : "");
	snprintf(from, sizeof(from), "%x", (unsigned)luaL_checkinteger(L, 2));
	return luaL_error(L, "Unknown session : %d from %s", (int)luaL_checkinteger(L, 1), from);
}

static int stock_unknown_request(lua_State *L)
{
	return unknown_session(L, lua_pushfstring(L, "Unknown request (%s)",
						  luaL_tolstring(L, 5, NULL)));
}

static int stock_unknown_response(lua_State *L)
{
	return unknown_session(L, "Response message ");
}

int api_dispatch_unknown_request(lua_State *L)
{
	return swap_function(L, &host_of(L)->unknown_request_ref, stock_unknown_request);
}

int api_dispatch_unknown_response(lua_State *L)
{
	return swap_function(L, &host_of(L)->unknown_response_ref, stock_unknown_response);
}

/* info_func(f) sets what the debug command INFO answers; info_func() returns that. */
int api_info_func(lua_State *L)
{
	struct host *h = host_of(L);

	if (lua_isnone(L, 1)) {
		if (h->info_ref == LUA_NOREF)
			return 0;
		lua_rawgeti(L, LUA_REGISTRYINDEX, h->info_ref);
		return 1;
	}
	return swap_function(L, &h->info_ref, NULL);
}

/* dispatch_message(type, msg, size, session, source): for programs with their own
 * skynet.core.callback, which keeps the message. */
int api_dispatch_message(lua_State *L)
{
	struct host *h = host_of(L);
	void *payload = lua_touserdata(L, 2);
	struct msg empty = { .next = NULL }, *m = payload ? msg_of(payload) : &empty;

	if (h->current)
		return luaL_error(L, "skynet.dispatch_message belongs into skynet.core.callback");
	*m = (struct msg){ .type = (uint8_t)luaL_checkinteger(L, 1),
			   .size = payload ? (uint64_t)luaL_checkinteger(L, 3) : 0,
			   .session = (int32_t)luaL_optinteger(L, 4, 0),
			   .source = (uint32_t)luaL_optinteger(L, 5, 0),
			   .dest = service_handle(h->s),
			   .flags = payload ? host_payload_flags(h, payload) : 0 };
	host_message_borrowed(h, m);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* The `skynet` table. It is almost empty in a new state: its metatable finds a name among the
 * functions of api.def and keeps it in the state on first use, so a service pays for what it uses.
 * What is rarely used is Lua: modules that set fields of the table, required when one of these is
 * first wanted. Assignments by programs are plain.
 */
#include "lua/api/api_skynet.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/must.h"
#include "lua/api/api_answer.h"
#include "lua/api/api_filter.h"
#include "lua/api/api_info.h"
#include "lua/api/api_life.h"
#include "lua/api/api_message.h"
#include "lua/api/api_proto.h"
#include "lua/api/api_time.h"
#include "lua/host/proto.h"
#include "lua/host/tables.h"

static const luaL_Reg functions[] = {
#define API(name) { #name, api_##name },
#include "lua/api/api.def"
#undef API
};

/* Fields that a Lua module sets. Named here, so that a question for a field that nobody has loads
 * nothing. */
static const struct {
	const char *name, *module;
} extras[] = {
	{ "handover", "skynet.handover" },   { "handover_state", "skynet.handover" },
	{ "on_drain", "skynet.handover" },   { "on_handover", "skynet.handover" },
	{ "on_stop", "skynet.handover" },    { "request", "skynet.extra" },
	{ "uniqtask", "skynet.extra" },	     { "trace", "skynet.trace" },
	{ "trace_timeout", "skynet.trace" }, { "tracecall", "skynet.trace" },
	{ "tracelog", "skynet.trace" },	     { "traceproto", "skynet.trace" },
	{ "tracetag", "skynet.trace" },
};

static const struct {
	const char *name;
	int id;
} ptypes[] = {
	{ "PTYPE_TEXT", PTYPE_TEXT },
	{ "PTYPE_RESPONSE", PTYPE_RESPONSE },
	{ "PTYPE_MULTICAST", PTYPE_MULTICAST },
	{ "PTYPE_CLIENT", PTYPE_CLIENT },
	{ "PTYPE_SYSTEM", PTYPE_SYSTEM },
	{ "PTYPE_HARBOR", PTYPE_HARBOR },
	{ "PTYPE_SOCKET", PTYPE_SOCKET },
	{ "PTYPE_ERROR", PTYPE_ERROR },
	{ "PTYPE_QUEUE", PTYPE_QUEUE },
	{ "PTYPE_DEBUG", PTYPE_DEBUG },
	{ "PTYPE_LUA", PTYPE_LUA },
	{ "PTYPE_SNAX", PTYPE_SNAX },
	{ "PTYPE_TRACE", PTYPE_TRACE },
};

static void (*push_require)(lua_State *L); /* set by skynet_use_require, then constant */

void skynet_use_require(void (*push)(lua_State *L))
{
	must(push);
	push_require = push;
}

static int compare(const void *key, const void *item)
{
	return strcmp(key, ((const luaL_Reg *)item)->name);
}

/* require(module) by the stock function: it must not yield inside __index. */
static void require_module(lua_State *L, const char *module)
{
	push_require(L);
	lua_pushstring(L, module);
	lua_call(L, 1, 1);
}

static void push_ref(lua_State *L, int ref, const char *key)
{
	if (ref == LUA_NOREF)
		return;
	lua_rawgeti(L, LUA_REGISTRYINDEX, ref);
	lua_setfield(L, -2, key);
}

/* skynet._proto: a picture of the protocols by name and by id. Not kept, it would grow old. */
static void push_protos(lua_State *L)
{
	struct host *h = host_of(L);

	lua_newtable(L);
	for (int id = 0; id < 256; id++) {
		struct proto *p = proto_find_id(h, id);

		if (!p)
			continue;
		lua_createtable(L, 0, 5);
		lua_pushstring(L, p->name);
		lua_setfield(L, -2, "name");
		lua_pushinteger(L, id);
		lua_setfield(L, -2, "id");
		push_ref(L, p->dispatch_ref, "dispatch");
		if (p->seri) {
			lua_pushcfunction(L, api_pack);
			lua_setfield(L, -2, "pack");
			lua_pushcfunction(L, api_unpack);
			lua_setfield(L, -2, "unpack");
		}
		push_ref(L, p->pack_ref, "pack");
		push_ref(L, p->unpack_ref, "unpack");
		lua_pushvalue(L, -1);
		lua_setfield(L, -3, p->name);
		lua_rawseti(L, -2, id);
	}
}

/* Pushes skynet[name] and true, or nothing and false. */
static bool push_constant(lua_State *L, const char *name)
{
	if (strncmp(name, "PTYPE_", 6) == 0) {
		for (size_t i = 0; i < array_len(ptypes); i++) {
			if (strcmp(ptypes[i].name, name) != 0)
				continue;
			lua_pushinteger(L, ptypes[i].id);
			return true;
		}
	} else if (strcmp(name, "pcall") == 0) {
		lua_getglobal(L, "pcall");
		return true;
	} else if (strcmp(name, "cache") == 0) {
		require_module(L, "skynet.codecache");
		return true;
	}
	return false;
}

const char *skynet_known_field(size_t i)
{
	if (i < array_len(functions))
		return functions[i].name;
	i -= array_len(functions);
	if (i < array_len(extras))
		return extras[i].name;
	i -= array_len(extras);
	return i < array_len(ptypes) ? ptypes[i].name : NULL;
}

/* A program may ask for what is not there, and gets nil. If it then calls it, the text of the error
 * can say more. */
static void note_missing(lua_State *L, const char *name)
{
	struct host *h = host_of(L);
	size_t n = strlen(name);
	lua_Debug ar;

	h->missing_line = 0;
	if (n >= sizeof(h->missing_name) || !lua_getstack(L, 1, &ar))
		return;
	lua_getinfo(L, "l", &ar);
	memcpy(h->missing_name, name, n + 1);
	h->missing_line = ar.currentline;
}

/* __index: finds the name and keeps it. */
static int table_index(lua_State *L)
{
	const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : NULL;
	const luaL_Reg *f;

	if (!name)
		return 0;
	f = bsearch(name, functions, array_len(functions), sizeof(functions[0]), compare);
	if (f && f->func == api_memlimit && host_of(L)->limited)
		return 0;
	if (f) {
		lua_pushcfunction(L, f->func);
	} else if (strcmp(name, "_proto") == 0) {
		push_protos(L);
		return 1;
	} else if (!push_constant(L, name)) {
		for (size_t i = 0; i < array_len(extras); i++) {
			if (strcmp(extras[i].name, name) != 0)
				continue;
			require_module(L, extras[i].module);
			lua_pushvalue(L, 2);
			lua_rawget(L, 1);
			return 1;
		}
		note_missing(L, name);
		return 0;
	}
	return tables_keep(L);
}

static int table_next(lua_State *L)
{
	lua_settop(L, 2);
	return lua_next(L, 1) ? 2 : 0;
}

static void touch(lua_State *L, const char *name)
{
	lua_getfield(L, 1, name);
	lua_pop(L, 1);
}

/* __pairs: fills the table first. */
static int table_pairs(lua_State *L)
{
	lua_settop(L, 1);
	for (size_t i = 0; i < array_len(functions); i++)
		touch(L, functions[i].name);
	for (size_t i = 0; i < array_len(ptypes); i++)
		touch(L, ptypes[i].name);
	for (size_t i = 0; i < array_len(extras); i++)
		touch(L, extras[i].name);
	touch(L, "pcall");
	touch(L, "cache");
	lua_pushcfunction(L, table_next);
	lua_pushvalue(L, 1);
	lua_pushnil(L);
	return 3;
}

static void add_builtin(lua_State *L, int id, const char *name, bool seri)
{
	struct proto *p = proto_add(host_of(L), id);

	lua_pushstring(L, name);
	p->name = lua_tostring(L, -1);
	p->name_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	p->seri = seri;
}

int luaopen_skynet(lua_State *L)
{
	static const luaL_Reg meta[] = { { "__index", table_index },
					 { "__pairs", table_pairs },
					 { NULL, NULL } };

	add_builtin(L, PTYPE_LUA, "lua", true);
	add_builtin(L, PTYPE_RESPONSE, "response", false);
	add_builtin(L, PTYPE_ERROR, "error", false);
	add_builtin(L, PTYPE_DEBUG, "debug", true);
	lua_newtable(L);
	tables_set_meta(L, meta);
	return 1;
}

/* SPDX-License-Identifier: MIT */
/*
 * sproto.core: what lua/lib/sproto.lua and programs see of sproto.h.
 *
 * Schemas and types are light userdata, as programs know them, and nobody keeps a schema alive for
 * its types: that is the work of whoever called newproto. A light userdata that is something else
 * is refused by the number at its beginning, as long as it points to memory.
 */
#include "lua/modules/sproto/sproto_core.h"

#include <lauxlib.h>
#include <string.h>

#include "core/base/base.h"
#include "lua/modules/sproto/sproto.h"

static struct sproto *check_schema(lua_State *L, int arg)
{
	void *p = lua_touserdata(L, arg);

	if (!lua_islightuserdata(L, arg) || !sproto_is_schema(p))
		luaL_typeerror(L, arg, "sproto");
	return p;
}

/* NULL for nil and for the NULL pointer. */
static const struct sproto_type *check_type(lua_State *L, int arg)
{
	const void *p = lua_touserdata(L, arg);

	if (lua_isnoneornil(L, arg) || (lua_islightuserdata(L, arg) && !p))
		return NULL;
	if (!lua_islightuserdata(L, arg) || !sproto_is_type(p))
		luaL_typeerror(L, arg, "sproto type");
	return p;
}

/* A string, or (pointer, size): they stay the caller's. */
static const void *check_bytes(lua_State *L, int arg, size_t *ret_size)
{
	const void *p;
	lua_Integer n;

	if (!lua_islightuserdata(L, arg))
		return luaL_checklstring(L, arg, ret_size);
	p = lua_touserdata(L, arg);
	n = luaL_checkinteger(L, arg + 1);
	luaL_argcheck(L, n >= 0, arg + 1, "a size is not negative");
	*ret_size = (size_t)n;
	return p ? p : "";
}

/* newproto(bundle) -> schema, or nothing if the bundle is invalid */
static int l_newproto(lua_State *L)
{
	size_t n;
	const char *bundle = luaL_checklstring(L, 1, &n);
	struct sproto *s = sproto_load(bundle, n);

	if (!s)
		return 0;
	lua_pushlightuserdata(L, s);
	return 1;
}

/* deleteproto(schema): a saved one lives on */
static int l_deleteproto(lua_State *L)
{
	if (!lua_isnoneornil(L, 1))
		sproto_free(check_schema(L, 1));
	return 0;
}

/* dumpproto(schema): prints it on stdout */
static int l_dumpproto(lua_State *L)
{
	sproto_dump(check_schema(L, 1), stdout);
	return 0;
}

/* querytype(schema, name) -> type, or nothing */
static int l_querytype(lua_State *L)
{
	const struct sproto_type *t = sproto_find_type(check_schema(L, 1), luaL_checkstring(L, 2));

	if (!t)
		return 0;
	lua_pushlightuserdata(L, (void *)(uintptr_t)t);
	return 1;
}

static void push_type(lua_State *L, const struct sproto_type *t)
{
	if (t)
		lua_pushlightuserdata(L, (void *)(uintptr_t)t);
	else
		lua_pushnil(L);
}

/* protocol(schema, name) -> tag, request type or nil, response type or NULL ("response nil") or
 * nil; protocol(schema, tag) -> name and the same. Nothing if there is none. */
static int l_protocol(lua_State *L)
{
	struct sproto *s = check_schema(L, 1);
	const struct sproto_protocol *p;

	if (lua_type(L, 2) == LUA_TNUMBER) {
		int good;
		lua_Integer tag = lua_tointegerx(L, 2, &good);

		p = good ? sproto_find_tag(s, tag) : NULL;
		if (p)
			lua_pushstring(L, p->name);
	} else {
		p = sproto_find_name(s, luaL_checkstring(L, 2));
		if (p)
			lua_pushinteger(L, p->tag);
	}
	if (!p)
		return 0;
	push_type(L, p->request);
	if (!p->response && p->confirm)
		lua_pushlightuserdata(L, NULL);
	else
		push_type(L, p->response);
	return 3;
}

/* encode(type, table) -> string. Without a type the table must be nil too: "". */
static int l_encode(lua_State *L)
{
	const struct sproto_type *t = check_type(L, 1);

	lua_settop(L, 2);
	if (!t) {
		if (!lua_isnil(L, 2))
			luaL_typeerror(L, 2, "nil");
		lua_pushliteral(L, "");
		return 1;
	}
	if (lua_type(L, 2) != LUA_TUSERDATA || luaL_getmetafield(L, 2, "__index") == LUA_TNIL)
		luaL_checktype(L, 2, LUA_TTABLE);
	lua_settop(L, 2);
	sproto_encode(L, t, 2);
	return 1;
}

/* decode(type, string[, table]) or decode(type, pointer, size[, table]) -> table, bytes used.
 * Without a type: nothing. */
static int l_decode(lua_State *L)
{
	const struct sproto_type *t = check_type(L, 1);
	const void *data;
	size_t n, used;

	if (!t)
		return 0;
	data = check_bytes(L, 2, &n);
	luaL_argcheck(L, n <= INT32_MAX, 2, "too large"); /* tables are sized in int */
	if (lua_gettop(L) < 3 || !lua_istable(L, -1))
		lua_newtable(L);
	used = sproto_decode(L, t, data, n, lua_gettop(L));
	lua_pushinteger(L, (lua_Integer)used);
	return 2;
}

/* default(type) -> table with a value for every field. Without a type: nothing. */
static int l_default(lua_State *L)
{
	const struct sproto_type *t = check_type(L, 1);

	if (!t)
		return 0;
	sproto_default(L, t);
	return 1;
}

/* pack(string) or pack(pointer, size) -> string */
static int l_pack(lua_State *L)
{
	luaL_Buffer b;
	size_t n;
	const void *data = check_bytes(L, 1, &n);

	luaL_argcheck(L, n < SIZE_MAX / 4, 1, "too large");
	luaL_pushresultsize(&b, sproto_pack(data, n, luaL_buffinitsize(L, &b, sproto_pack_max(n))));
	return 1;
}

/* unpack(string) or unpack(pointer, size) -> string */
static int l_unpack(lua_State *L)
{
	luaL_Buffer b;
	size_t n;
	const void *data = check_bytes(L, 1, &n);
	int64_t size;

	luaL_argcheck(L, n < SIZE_MAX / 32, 1, "too large");
	size = sproto_unpack_size(data, n);
	if (size < 0)
		return luaL_error(L, "Invalid unpack stream");
	sproto_unpack(data, n, luaL_buffinitsize(L, &b, (size_t)size));
	luaL_pushresultsize(&b, (size_t)size);
	return 1;
}

static unsigned check_slot(lua_State *L, int arg)
{
	lua_Integer slot = luaL_optinteger(L, arg, 0);

	if (slot < 0 || slot >= (lua_Integer)SPROTO_SLOTS)
		luaL_error(L, "Invalid global slot index %I", (LUAI_UACINT)slot);
	return (unsigned)slot;
}

/* saveproto(schema[, slot = 0[, bundle]]): all services can load it. It lives as long as the
 * process. With the bundle that it was made of, a recording of who loads it is possible. */
static int l_saveproto(lua_State *L)
{
	struct sproto *s = check_schema(L, 1);
	unsigned slot = check_slot(L, 2);
	size_t n;
	const char *bundle = luaL_optlstring(L, 3, NULL, &n);

	if (bundle)
		sproto_set_bundle(s, bundle, n);
	sproto_save(s, slot);
	return 0;
}

/* loadproto([slot = 0]) -> schema */
static int l_loadproto(lua_State *L)
{
	unsigned slot = check_slot(L, 1);
	struct sproto *s = sproto_saved(slot);

	if (!s)
		return luaL_error(L, "nil sproto at index %d", (int)slot);
	lua_pushlightuserdata(L, s);
	return 1;
}

int luaopen_sproto_core(lua_State *L)
{
	static const luaL_Reg functions[] = { { "newproto", l_newproto },
					      { "deleteproto", l_deleteproto },
					      { "dumpproto", l_dumpproto },
					      { "querytype", l_querytype },
					      { "protocol", l_protocol },
					      { "encode", l_encode },
					      { "decode", l_decode },
					      { "default", l_default },
					      { "pack", l_pack },
					      { "unpack", l_unpack },
					      { "saveproto", l_saveproto },
					      { "loadproto", l_loadproto },
					      { NULL, NULL } };

	luaL_newlib(L, functions);
	return 1;
}

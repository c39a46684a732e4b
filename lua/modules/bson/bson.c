/* SPDX-License-Identifier: MIT */
/* bson: the module, and documents that are values of their own. */
#include "lua/modules/bson/bson.h"

#include <lauxlib.h>
#include <string.h>

#include "core/base/little.h"
#include "lua/modules/bson/bson_decode.h"
#include "lua/modules/bson/bson_encode.h"
#include "lua/modules/bson/bson_values.h"
#include "lua/modules/bson/bson_wire.h"

#define OFFSET_BITS 32 /* of an entry of an index; the type is above */

/* decode(document) -> a table; nothing for what is no document */
static int decode(lua_State *L)
{
	size_t n;
	const uint8_t *p = bson_document_at(L, 1, &n);

	if (!p)
		return 0;
	bson_push_table(L, p, n);
	return 1;
}

static uint8_t *check_document(lua_State *L, size_t *ret_size)
{
	uint8_t *p = luaL_checkudata(L, 1, BSON_META);

	*ret_size = lua_rawlen(L, 1);
	return p;
}

/* to_lightuserdata(document) -> a pointer, good for as long as the document is kept */
static int to_lightuserdata(lua_State *L)
{
	size_t n;

	lua_pushlightuserdata(L, check_document(L, &n));
	return 1;
}

/* document:makeindex() -> document */
static int make_index(lua_State *L)
{
	size_t n;
	const uint8_t *p = check_document(L, &n);
	struct bson_walk w;
	struct bson_element e;

	lua_settop(L, 1);
	if (lua_getiuservalue(L, 1, 1) == LUA_TTABLE) {
		lua_settop(L, 1);
		return 1;
	}
	lua_settop(L, 1);
	if (!bson_open(p, n, &w))
		bson_broken(L, &w);
	lua_newtable(L);
	while (bson_next(&w, &e) == BSON_ELEMENT) {
		lua_pushlstring(L, e.key, e.key_size);
		lua_pushinteger(L, (lua_Integer)e.type << OFFSET_BITS | (e.value - p));
		lua_rawset(L, -3);
	}
	lua_setiuservalue(L, 1, 1);
	return 1;
}

static int no_int32(lua_State *L)
{
	return luaL_error(L, "%s must be a 32bit integer ", luaL_tolstring(L, 3, NULL));
}

static int replace_number(lua_State *L, uint8_t type, uint8_t *p)
{
	lua_Number d;
	uint64_t bits;
	int is_integer;
	lua_Integer v;

	if (type == BSON_DOUBLE) {
		d = luaL_checknumber(L, 3);
		memcpy(&bits, &d, sizeof(bits));
		(void)little_put64(p, bits);
		return 0;
	}
	if (type == BSON_INT64) {
		(void)little_put64(p, (uint64_t)luaL_checkinteger(L, 3));
		return 0;
	}
	v = lua_tointegerx(L, 3, &is_integer);
	if (!is_integer || v < INT32_MIN || v > INT32_MAX)
		return no_int32(L);
	(void)little_put32(p, (uint32_t)v);
	return 0;
}

/* By what the value is when it is written into a document. */
static int replace_tagged(lua_State *L, uint8_t type, uint8_t *p)
{
	struct bson_out o;
	struct bson_walk w;
	struct bson_element e;

	lua_settop(L, 3);
	lua_pushliteral(L, "");
	lua_replace(L, 2);
	if (type == BSON_DATE && lua_type(L, 3) == LUA_TNUMBER) {
		lua_Number ms = lua_tonumber(L, 3) * 1000;

		luaL_argcheck(L, ms > -9e18 && ms < 9e18, 3, "no date so far away");
		bson_push_date(L, (int64_t)ms, true);
		lua_replace(L, 3);
	}
	bson_out_open(L, &o);
	bson_put_pairs(&o, 2, 3);
	if (!bson_open(o.p, o.used, &w) || bson_next(&w, &e) != BSON_ELEMENT || e.type != type)
		return luaL_error(L, "a value of bson type %d belongs here", type);
	memcpy(p, e.value, e.size);
	return 0;
}

/* document[key] = value */
static int replace(lua_State *L)
{
	size_t n;
	uint8_t *p = check_document(L, &n);
	lua_Integer entry;
	uint8_t type;

	if (lua_getiuservalue(L, 1, 1) != LUA_TTABLE)
		return luaL_error(L, "call makeindex first");
	lua_pushvalue(L, 2);
	if (lua_rawget(L, -2) != LUA_TNUMBER)
		return luaL_error(L, "Can't replace key : %s", luaL_tolstring(L, 2, NULL));
	entry = lua_tointeger(L, -1);
	type = (uint8_t)(entry >> OFFSET_BITS);
	p += entry & (((lua_Integer)1 << OFFSET_BITS) - 1);
	switch ((enum bson_type)type) {
	case BSON_INT64:
		if (lua_type(L, 3) == LUA_TSTRING)
			return replace_tagged(L, type, p);
		/* fall through */
	case BSON_DOUBLE:
	case BSON_INT32:
		return replace_number(L, type, p);
	case BSON_BOOLEAN:
		*p = lua_toboolean(L, 3) ? 1 : 0;
		return 0;
	case BSON_DATE:
	case BSON_TIMESTAMP:
	case BSON_OID:
		return replace_tagged(L, type, p);
	default:
		return luaL_error(L, "Can't replace type %d", type);
	}
}

static int to_string(lua_State *L)
{
	size_t n;
	const uint8_t *p = check_document(L, &n);

	lua_pushlstring(L, (const char *)p, n);
	return 1;
}

static int size_of(lua_State *L)
{
	size_t n;

	(void)check_document(L, &n);
	lua_pushinteger(L, (lua_Integer)n);
	return 1;
}

/* Pushes the metatable of documents. */
static void open_meta(lua_State *L)
{
	static const luaL_Reg meta[] = { { "__tostring", to_string },
					 { "__len", size_of },
					 { "__newindex", replace },
					 { NULL, NULL } };
	static const luaL_Reg methods[] = { { "decode", decode },
					    { "makeindex", make_index },
					    { NULL, NULL } };

	if (luaL_newmetatable(L, BSON_META)) {
		luaL_setfuncs(L, meta, 0);
		luaL_newlib(L, methods);
		lua_setfield(L, -2, "__index");
	}
}

/* Pushes what was written as a document of its own. */
static void push_document(struct bson_out *o)
{
	memcpy(lua_newuserdatauv(o->L, o->used, 1), o->p, o->used);
	open_meta(o->L);
	lua_setmetatable(o->L, -2);
}

/* encode(table) -> document */
static int encode(lua_State *L)
{
	struct bson_out o;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	bson_out_open(L, &o);
	bson_put_table(&o, 1);
	push_document(&o);
	return 1;
}

/* encode_order(key, value, ...) -> document */
static int encode_order(lua_State *L)
{
	struct bson_out o;
	int last = lua_gettop(L);

	bson_out_open(L, &o);
	bson_put_pairs(&o, 1, last);
	push_document(&o);
	return 1;
}

int luaopen_bson(lua_State *L)
{
	static const luaL_Reg f[] = { { "encode", encode },
				      { "encode_order", encode_order },
				      { "decode", decode },
				      { "to_lightuserdata", to_lightuserdata },
				      { NULL, NULL } };

	open_meta(L);
	lua_pop(L, 1);
	luaL_newlib(L, f);
	bson_open_values(L);
	return 1;
}

/* SPDX-License-Identifier: MIT */
/* sproto: bytes become a Lua table.
 *
 * The bytes may come from anywhere. Every length is checked against what is there (sproto_wire.h),
 * structs nest SPROTO_DEPTH_MAX deep, and no table is made larger than the bytes that fill it. Tags
 * ascend in the header and in the type, so a field is found by walking both. Errors are raised;
 * nothing is held outside the Lua state.
 */
#include "lua/modules/sproto/sproto.h"

#include <lauxlib.h>
#include <string.h>

#include "core/base/base.h"
#include "lua/modules/sproto/sproto_wire.h"

static _Noreturn void broken(lua_State *L)
{
	luaL_error(L, "decode error");
	__builtin_unreachable();
}

static size_t decode_struct(lua_State *L, const struct sproto_type *t, const uint8_t *p, size_t n,
			    int table, unsigned depth);

static void push_integer(lua_State *L, const struct sproto_field *f, int64_t v)
{
	if (f->scale != 0)
		lua_pushnumber(L, (lua_Number)v / f->scale);
	else
		lua_pushinteger(L, v);
}

static void push_double(lua_State *L, uint64_t bits)
{
	double d;

	memcpy(&d, &bits, sizeof(d));
	lua_pushnumber(L, d);
}

static int64_t signed_at(const uint8_t *p, size_t size)
{
	return size == 4 ? (int32_t)little_get32(p) : (int64_t)little_get64(p);
}

/* Pushes a table. A nested message fills its block. */
static void push_struct(lua_State *L, const struct sproto_field *f, const uint8_t *p, size_t n,
			unsigned depth)
{
	uint32_t fields = f->type->count;

	if (n < 2)
		broken(L);
	if (fields > little_get16(p))
		fields = little_get16(p);
	if (fields > n / 2)
		broken(L);
	lua_createtable(L, 0, (int)fields);
	if (decode_struct(L, f->type, p, n, lua_gettop(L), depth + 1) != n)
		broken(L);
}

/* ---- arrays ---- */

static void push_numbers(lua_State *L, const struct sproto_field *f, const uint8_t *p, size_t n)
{
	size_t size = n ? *p : 4;

	if ((size != 4 || f->kind == SPROTO_DOUBLE) && size != 8 && n)
		broken(L);
	if (n)
		p++, n--;
	if (n % size)
		broken(L);
	lua_createtable(L, (int)(n / size), 0);
	for (size_t i = 0; i < n / size; i++) {
		if (f->kind == SPROTO_DOUBLE)
			push_double(L, little_get64(p + i * 8));
		else
			push_integer(L, f, signed_at(p + i * size, size));
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
}

static void push_booleans(lua_State *L, const uint8_t *p, size_t n)
{
	lua_createtable(L, (int)n, 0);
	for (size_t i = 0; i < n; i++) {
		lua_pushboolean(L, p[i]);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
}

/* The struct on the top of the stack becomes an entry of the map below it. */
static void put_in_map(lua_State *L, const struct sproto_field *f)
{
	if (lua_getfield(L, -1, f->key->name) == LUA_TNIL) {
		if (f->value)
			luaL_error(L, "Can't find key field in [%s]", f->name);
		luaL_error(L, "Can't find main index (tag=%d) in [%s]", (int)f->key->tag, f->name);
	}
	if (lua_type(L, -1) == LUA_TNUMBER && lua_tonumber(L, -1) != lua_tonumber(L, -1))
		broken(L); /* NaN is no key */
	lua_insert(L, -2);
	if (f->value) {
		if (lua_getfield(L, -1, f->value->name) == LUA_TNIL)
			luaL_error(L, "Can't find value field in [%s]", f->name);
		lua_replace(L, -2);
	}
	lua_rawset(L, -3);
}

static void push_elements(lua_State *L, const struct sproto_field *f, const uint8_t *p, size_t n,
			  unsigned depth)
{
	const uint8_t *end = p + n, *block;
	size_t size;

	lua_newtable(L);
	for (lua_Integer i = 1; p < end; i++) {
		if (!wire_block(&p, end, &block, &size))
			broken(L);
		if (f->kind == SPROTO_STRING)
			lua_pushlstring(L, (const char *)block, size);
		else
			push_struct(L, f, block, size, depth);
		if (f->key)
			put_in_map(L, f);
		else
			lua_rawseti(L, -2, i);
	}
}

/* ---- fields ---- */

static void push_value(lua_State *L, const struct sproto_field *f, const struct wire_value *v,
		       unsigned depth)
{
	if (!v->block) {
		if (f->array || f->kind > SPROTO_BOOLEAN)
			broken(L);
		if (f->kind == SPROTO_BOOLEAN)
			lua_pushboolean(L, v->small != 0);
		else
			push_integer(L, f, v->small);
		return;
	}
	if (f->array) {
		if (f->kind == SPROTO_INTEGER || f->kind == SPROTO_DOUBLE)
			push_numbers(L, f, v->block, v->size);
		else if (f->kind == SPROTO_BOOLEAN)
			push_booleans(L, v->block, v->size);
		else
			push_elements(L, f, v->block, v->size, depth);
		return;
	}
	switch (f->kind) {
	case SPROTO_INTEGER:
		if (v->size != 4 && v->size != 8)
			broken(L);
		push_integer(L, f, signed_at(v->block, v->size));
		return;
	case SPROTO_DOUBLE:
		if (v->size != 8)
			broken(L);
		push_double(L, little_get64(v->block));
		return;
	case SPROTO_STRING:
		lua_pushlstring(L, (const char *)v->block, v->size);
		return;
	case SPROTO_STRUCT:
		push_struct(L, f, v->block, v->size, depth);
		return;
	default:
		broken(L);
	}
}

static size_t decode_struct(lua_State *L, const struct sproto_type *t, const uint8_t *p, size_t n,
			    int table, unsigned depth)
{
	const struct sproto_field *f = t->fields, *end = f + t->count;
	struct wire_reader r;
	struct wire_value v;
	int rc;

	if (depth >= SPROTO_DEPTH_MAX)
		luaL_error(L, "The table is too deep");
	luaL_checkstack(L, 8, NULL);
	if (!wire_open(&r, p, n))
		broken(L);
	while ((rc = wire_next(&r, &v)) == 1) {
		while (f < end && f->tag < v.tag)
			f++;
		if (f == end || f->tag != v.tag)
			continue;
		push_value(L, f, &v, depth);
		lua_setfield(L, table, f->name);
	}
	if (rc < 0)
		broken(L);
	return (size_t)(r.data - p);
}

size_t sproto_decode(lua_State *L, const struct sproto_type *t, const void *data, size_t n,
		     int index)
{
	return decode_struct(L, t, data, n, lua_absindex(L, index), 0);
}

/* ---- default values ---- */

static void push_default(lua_State *L, const struct sproto_field *f)
{
	switch (f->kind) {
	case SPROTO_INTEGER:
		push_integer(L, f, 0);
		break;
	case SPROTO_BOOLEAN:
		lua_pushboolean(L, 0);
		break;
	case SPROTO_STRING:
		lua_pushliteral(L, "");
		break;
	case SPROTO_DOUBLE:
		lua_pushnumber(L, 0);
		break;
	default:
		lua_pushstring(L, f->type->name);
	}
}

void sproto_default(lua_State *L, const struct sproto_type *t)
{
	luaL_checkstack(L, 4, NULL);
	lua_createtable(L, 0, (int)t->count);
	for (const struct sproto_field *f = t->fields; f < t->fields + t->count; f++) {
		bool boxed = f->array || f->kind == SPROTO_STRUCT;

		if (boxed)
			lua_createtable(L, 0, 1);
		push_default(L, f);
		if (boxed)
			lua_setfield(L, -2, f->array ? "__array" : "__type");
		lua_setfield(L, -2, f->name);
	}
}

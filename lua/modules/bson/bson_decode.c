/* SPDX-License-Identifier: MIT */
/* bson: bytes become Lua values. */
#include "lua/modules/bson/bson_decode.h"

#include <lauxlib.h>
#include <string.h>

#include "core/base/little.h"
#include "lua/modules/bson/bson_values.h"

#define PRESIZE_MAX 65536u /* places that a table gets at once */
#define INDEX_MAX 9u	   /* digits of an index that is believed */

void bson_broken(lua_State *L, const struct bson_walk *w)
{
	if (w->why)
		luaL_error(L, "Invalid bson block: %s", w->why);
	luaL_error(L, "Invalid bson type : %d", w->unknown);
	__builtin_unreachable();
}

const uint8_t *bson_document_at(lua_State *L, int arg, size_t *ret_size)
{
	const uint8_t *p;

	*ret_size = 0;
	if (lua_islightuserdata(L, arg)) {
		p = lua_touserdata(L, arg);
		if (p)
			*ret_size = little_get32(p);
		return p;
	}
	p = luaL_testudata(L, arg, BSON_META);
	if (p)
		*ret_size = lua_rawlen(L, arg);
	return p;
}

static void push_double(lua_State *L, uint64_t bits)
{
	double d;

	memcpy(&d, &bits, sizeof(d));
	lua_pushnumber(L, d);
}

/* A string of ours: a zero byte, the type, and the value. */
static void push_tagged(lua_State *L, const struct bson_element *e)
{
	luaL_Buffer b;
	char *to = luaL_buffinitsize(L, &b, e->size + 2);

	to[0] = 0;
	to[1] = (char)e->type;
	memcpy(to + 2, e->value, e->size);
	luaL_pushresultsize(&b, e->size + 2);
}

/* Without its size. */
static void push_binary(lua_State *L, const struct bson_element *e)
{
	struct bson_element bytes = { .type = BSON_BINARY };

	bytes.value = e->value + 4;
	bytes.size = e->size - 4;
	push_tagged(L, &bytes);
}

static void push_document(lua_State *L, const uint8_t *p, size_t n, bool array, int depth);

static void check_scope(lua_State *L, const struct bson_element *e)
{
	if (!bson_check_value(e->type, e->value, e->size))
		luaL_error(L, "Invalid bson block: the scope of code is broken");
}

static void push_value(lua_State *L, const struct bson_element *e, int depth)
{
	switch ((enum bson_type)e->type) {
	case BSON_DOUBLE:
		push_double(L, little_get64(e->value));
		return;
	case BSON_STRING:
		lua_pushlstring(L, (const char *)e->value + 4, e->size - 5);
		return;
	case BSON_DOCUMENT:
	case BSON_ARRAY:
		push_document(L, e->value, e->size, e->type == BSON_ARRAY, depth + 1);
		return;
	case BSON_BINARY:
		push_binary(L, e);
		return;
	case BSON_BOOLEAN:
		lua_pushboolean(L, e->value[0]);
		return;
	case BSON_DATE:
		bson_push_date(L, (int64_t)little_get64(e->value), bson_exact_dates(L));
		return;
	case BSON_INT32:
		lua_pushinteger(L, (int32_t)little_get32(e->value));
		return;
	case BSON_INT64:
		lua_pushinteger(L, (lua_Integer)little_get64(e->value));
		return;
	case BSON_CODE_SCOPE:
		check_scope(L, e);
		push_tagged(L, e);
		return;
	default:
		push_tagged(L, e);
		return;
	}
}

/* The index of an item: its key and one, as long as that ascends, else the next. */
static lua_Integer index_of(const struct bson_element *e, lua_Integer last)
{
	lua_Integer v = 0;

	if (e->key_size == 0 || e->key_size > INDEX_MAX)
		return last + 1;
	for (size_t i = 0; i < e->key_size; i++) {
		if (e->key[i] < '0' || e->key[i] > '9')
			return last + 1;
		v = v * 10 + (e->key[i] - '0');
	}
	return v + 1 > last ? v + 1 : last + 1;
}

static void push_document(lua_State *L, const uint8_t *p, size_t n, bool array, int depth)
{
	struct bson_walk w;
	struct bson_element e;
	enum bson_step step;
	lua_Integer last = 0;
	size_t count;

	if (depth > BSON_DEPTH)
		luaL_error(L, "Invalid bson block: deeper than %d", BSON_DEPTH);
	if (!bson_open(p, n, &w))
		bson_broken(L, &w);
	luaL_checkstack(L, 4, "bson");
	count = bson_count(&w);
	if (count > PRESIZE_MAX)
		count = PRESIZE_MAX;
	lua_createtable(L, array ? (int)count : 0, array ? 0 : (int)count);
	while ((step = bson_next(&w, &e)) == BSON_ELEMENT) {
		if (array) {
			push_value(L, &e, depth);
			last = index_of(&e, last);
			lua_rawseti(L, -2, last);
			continue;
		}
		lua_pushlstring(L, e.key, e.key_size);
		push_value(L, &e, depth);
		lua_rawset(L, -3);
	}
	if (step == BSON_BAD)
		bson_broken(L, &w);
}

void bson_push_table(lua_State *L, const uint8_t *p, size_t n)
{
	push_document(L, p, n, false, 0);
}

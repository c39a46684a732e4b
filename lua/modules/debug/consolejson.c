/* SPDX-License-Identifier: MIT */
/*
 * skynet.consolejson: Lua values as the JSON text that harborctl is answered with, by the tree's
 * one writer of it.
 *
 *   object(k1, v1, ...)  -> an object whose members keep this order; a nil value becomes null
 *   array(t)             -> t, marked as a list: empty or not, with its nils if it has a count t.n
 *   text(value)          -> the JSON text
 *   value(text)          -> the Lua value of a JSON text; null is nil
 *
 * A table that nobody has marked, as a service may send it, becomes an array if it has items 1 to n
 * and nothing else, else an object: first its items, then its other keys, written as text. What
 * JSON cannot say (functions, infinity) becomes null, and light userdata its address.
 *
 * Threads: the service's own. Errors: text raises for tables more than DEPTH_MAX deep (or in a
 * circle); value for what is not one JSON value. Ownership: while it grows the text belongs to a
 * userdata, so an error for want of memory frees it, and so does what is read.
 */
#include "lua/modules/debug/consolejson.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/jsonread.h"

#define WRITER_META "harbord.consolejson"
#define READER_META "harbord.consolejson.tree"
#define DEPTH_MAX 40 /* a message holds 32 levels of tables; answers put a few around them */

_Static_assert(DEPTH_MAX < JSON_DEPTH_MAX, "the writer must not be asked for more than it can do");

/* Their addresses are the marks: the metatables of marked tables stand under them in the
 * registry. */
static const char object_mark, array_mark;

static int write_end(lua_State *L)
{
	json_fini(lua_touserdata(L, 1));
	return 0;
}

static void mark(lua_State *L, int index, const char *which)
{
	index = lua_absindex(L, index);
	if (lua_rawgetp(L, LUA_REGISTRYINDEX, which) != LUA_TTABLE) {
		lua_pop(L, 1);
		lua_newtable(L);
		lua_pushvalue(L, -1);
		lua_rawsetp(L, LUA_REGISTRYINDEX, which);
	}
	lua_setmetatable(L, index);
}

static bool is_marked(lua_State *L, int index, const char *which)
{
	bool same;

	if (!lua_getmetatable(L, index))
		return false;
	lua_rawgetp(L, LUA_REGISTRYINDEX, which);
	same = lua_rawequal(L, -1, -2);
	lua_pop(L, 2);
	return same;
}

/* How many items a marked table has: its count if it says one. */
static lua_Integer count_of(lua_State *L, int index)
{
	lua_Integer n = (lua_Integer)lua_rawlen(L, index);

	lua_pushliteral(L, "n");
	if (lua_rawget(L, index) == LUA_TNUMBER)
		n = lua_tointeger(L, -1);
	lua_pop(L, 1);
	return n;
}

/* Whether the key on top of the stack is one of the items 1 to n. */
static bool is_item(lua_State *L, lua_Integer n)
{
	return lua_isinteger(L, -1) && lua_tointeger(L, -1) >= 1 && lua_tointeger(L, -1) <= n;
}

static bool has_items_only(lua_State *L, int index, lua_Integer n)
{
	lua_pushnil(L);
	while (lua_next(L, index)) {
		lua_pop(L, 1);
		if (!is_item(L, n)) {
			lua_pop(L, 1);
			return false;
		}
	}
	return true;
}

/* The key on top of the stack, which stays as it is. */
static void write_key(lua_State *L, struct json *j)
{
	char text[40] = "table"; /* or what else has no text: say that there was one */
	size_t n;

	if (lua_type(L, -1) == LUA_TSTRING) {
		const char *s = lua_tolstring(L, -1, &n);

		json_keyn(j, s, n);
		return;
	}
	if (lua_isinteger(L, -1))
		snprintf(text, sizeof(text), "%lld", (long long)lua_tointeger(L, -1));
	else if (lua_type(L, -1) == LUA_TNUMBER)
		snprintf(text, sizeof(text), "%.17g", lua_tonumber(L, -1));
	else if (lua_isboolean(L, -1))
		snprintf(text, sizeof(text), "%s", lua_toboolean(L, -1) ? "true" : "false");
	else if (lua_islightuserdata(L, -1))
		snprintf(text, sizeof(text), "userdata: %p", lua_touserdata(L, -1));
	json_keyn(j, text, strlen(text));
}

static void write_value(lua_State *L, struct json *j, unsigned depth);

static void write_item(lua_State *L, struct json *j, int index, lua_Integer i, unsigned depth)
{
	lua_rawgeti(L, index, i);
	write_value(L, j, depth);
	lua_pop(L, 1);
}

static void write_members(lua_State *L, struct json *j, int index, unsigned depth)
{
	lua_Integer n = count_of(L, index);

	json_object(j, NULL);
	for (lua_Integer i = 1; i < n; i += 2) {
		lua_rawgeti(L, index, i);
		write_key(L, j);
		lua_pop(L, 1);
		write_item(L, j, index, i + 1, depth);
	}
	json_object_end(j);
}

static void write_array(lua_State *L, struct json *j, int index, lua_Integer n, unsigned depth)
{
	json_array(j, NULL);
	for (lua_Integer i = 1; i <= n; i++)
		write_item(L, j, index, i, depth);
	json_array_end(j);
}

/* A table with keys of its own choice. */
static void write_map(lua_State *L, struct json *j, int index, lua_Integer n, unsigned depth)
{
	json_object(j, NULL);
	for (lua_Integer i = 1; i <= n; i++) {
		lua_pushinteger(L, i);
		write_key(L, j);
		lua_pop(L, 1);
		write_item(L, j, index, i, depth);
	}
	lua_pushnil(L);
	while (lua_next(L, index)) {
		lua_insert(L, -2);
		if (!is_item(L, n)) {
			write_key(L, j);
			lua_insert(L, -2);
			write_value(L, j, depth);
		} else {
			lua_insert(L, -2);
		}
		lua_pop(L, 1);
	}
	json_object_end(j);
}

static void write_table(lua_State *L, struct json *j, unsigned depth)
{
	int index = lua_gettop(L);
	lua_Integer n = (lua_Integer)lua_rawlen(L, index);

	if (depth == DEPTH_MAX)
		luaL_error(L, "tables are nested more than %d deep", DEPTH_MAX);
	luaL_checkstack(L, 6, NULL);
	if (is_marked(L, index, &object_mark))
		write_members(L, j, index, depth + 1);
	else if (is_marked(L, index, &array_mark))
		write_array(L, j, index, count_of(L, index), depth + 1);
	else if (n > 0 && has_items_only(L, index, n))
		write_array(L, j, index, n, depth + 1);
	else
		write_map(L, j, index, n, depth + 1);
}

static void write_string(lua_State *L, struct json *j)
{
	size_t n;
	const char *s = lua_tolstring(L, -1, &n);

	json_stringn(j, NULL, s, n);
}

/* The value on top of the stack, which stays as it is. */
static void write_value(lua_State *L, struct json *j, unsigned depth)
{
	switch (lua_type(L, -1)) {
	case LUA_TSTRING:
		write_string(L, j);
		break;
	case LUA_TNUMBER:
		if (lua_isinteger(L, -1))
			json_int(j, NULL, lua_tointeger(L, -1));
		else
			json_double(j, NULL, lua_tonumber(L, -1));
		break;
	case LUA_TBOOLEAN:
		json_bool(j, NULL, lua_toboolean(L, -1));
		break;
	case LUA_TTABLE:
		write_table(L, j, depth);
		break;
	case LUA_TLIGHTUSERDATA:
		json_printf(j, NULL, "userdata: %p", lua_touserdata(L, -1));
		break;
	default:
		json_null(j, NULL);
	}
}

static int consolejson_text(lua_State *L)
{
	struct json *j = lua_newuserdatauv(L, sizeof(*j), 0);

	json_init(j);
	luaL_setmetatable(L, WRITER_META);
	lua_pushvalue(L, 1);
	write_value(L, j, 0);
	lua_pushlstring(L, text_string(&j->text), j->text.size);
	json_fini(j);
	return 1;
}

static int consolejson_object(lua_State *L)
{
	int n = lua_gettop(L);

	lua_createtable(L, n, 1);
	lua_insert(L, 1);
	for (int i = n; i > 0; i--)
		lua_rawseti(L, 1, i);
	lua_pushinteger(L, n);
	lua_setfield(L, 1, "n");
	mark(L, 1, &object_mark);
	return 1;
}

static int consolejson_array(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	mark(L, 1, &array_mark);
	return 1;
}

/* ---- reading ---- */

static int read_end(lua_State *L)
{
	struct jsonv **tree = lua_touserdata(L, 1);

	*tree = jsonv_destroy(*tree);
	return 0;
}

static void push(lua_State *L, const struct jsonv *v);

static void push_members(lua_State *L, const struct jsonv *v)
{
	lua_Integer i = 0;

	luaL_checkstack(L, 4, NULL);
	lua_newtable(L);
	for (const struct jsonv *m = v->child; m; m = m->next) {
		push(L, m);
		if (m->key)
			lua_setfield(L, -2, m->key);
		else
			lua_rawseti(L, -2, ++i);
	}
}

static void push(lua_State *L, const struct jsonv *v)
{
	switch (v->type) {
	case JSONV_NULL:
		lua_pushnil(L);
		break;
	case JSONV_FALSE:
	case JSONV_TRUE:
		lua_pushboolean(L, v->type == JSONV_TRUE);
		break;
	case JSONV_NUMBER:
		lua_stringtonumber(L, v->text);
		break;
	case JSONV_STRING:
		lua_pushlstring(L, v->text, v->size);
		break;
	case JSONV_ARRAY:
	case JSONV_OBJECT:
		push_members(L, v);
		break;
	}
}

static int consolejson_value(lua_State *L)
{
	size_t n;
	const char *text = luaL_checklstring(L, 1, &n);
	struct jsonv **tree = lua_newuserdatauv(L, sizeof(*tree), 0);

	*tree = NULL;
	luaL_setmetatable(L, READER_META);
	if (jsonread(text, n, tree) < 0)
		return luaL_error(L, "not JSON: %s", text);
	push(L, *tree);
	*tree = jsonv_destroy(*tree);
	return 1;
}

static void make_meta(lua_State *L, const char *name, lua_CFunction end)
{
	if (luaL_newmetatable(L, name)) {
		lua_pushcfunction(L, end);
		lua_setfield(L, -2, "__gc");
	}
	lua_pop(L, 1);
}

int luaopen_skynet_consolejson(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "object", consolejson_object },
		{ "array", consolejson_array },
		{ "text", consolejson_text },
		{ "value", consolejson_value },
		{ NULL, NULL },
	};

	make_meta(L, WRITER_META, write_end);
	make_meta(L, READER_META, read_end);
	luaL_newlib(L, functions);
	return 1;
}

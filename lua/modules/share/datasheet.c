/* SPDX-License-Identifier: MIT */
/* skynet.datasheet.core: reads compiled sheets (see datasheet.h).
 *
 * A sheet is checked as a whole when it is published; it is immutable from then on, so reading
 * checks nothing. It is the one string of a named image, which all services share.
 */
#include <lauxlib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/base/base.h"
#include "lua/modules/share/datasheet.h"
#include "lua/modules/share/image.h"
#include "lua/modules/share/image_names.h"
#include "core/base/little.h"
#include "lua/vm/share.h"

#define ABSENT UINT32_MAX

static uint64_t padded(uint64_t n)
{
	return (n + 3) & ~UINT64_C(3);
}

/* ---- checking ---- */

struct sheet {
	const uint8_t *data, *tables, *strings;
	uint64_t tables_size, strings_size;
	uint32_t n;
};

static const char *check_value(const struct sheet *s, uint8_t type, const uint8_t *at)
{
	uint32_t v = little_get32(at);

	switch (type) {
	case SHEET_NIL:
	case SHEET_INT32:
	case SHEET_FLOAT32:
	case SHEET_BOOL:
		return NULL;
	case SHEET_TABLE:
		return v < s->n && little_get32(s->data + 8 + (size_t)v * 4) != ABSENT
			       ? NULL
			       : "a table that is not there";
	case SHEET_STRING:
		return v < s->strings_size ? NULL : "a string out of bounds";
	}
	return "an unknown type";
}

static const char *check_table(const struct sheet *s, uint64_t at)
{
	uint64_t array, dict, types, left;
	const uint8_t *t;
	const char *wrong = NULL;

	if (at > s->tables_size || s->tables_size - at < 8)
		return "a table out of bounds";
	t = s->tables + at;
	left = s->tables_size - at - 8;
	array = little_get32(t);
	dict = little_get32(t + 4);
	types = padded(array + dict);
	if (types + array * 4 + dict * 8 > left)
		return "a table out of bounds";
	for (uint64_t i = 0; i < array && !wrong; i++)
		wrong = check_value(s, t[8 + i], t + 8 + types + i * 4);
	for (uint64_t i = 0; i < dict && !wrong; i++) {
		const uint8_t *pair = t + 8 + types + array * 4 + i * 8;

		wrong = check_value(s, SHEET_STRING, pair);
		if (!wrong)
			wrong = check_value(s, t[8 + array + i], pair + 4);
	}
	return wrong;
}

const char *sheet_check(const void *data, size_t size)
{
	struct sheet s = { .data = data };
	uint64_t strings, head;

	if (size < 8)
		return "it is too short";
	strings = little_get32(s.data);
	s.n = little_get32(s.data + 4);
	head = 8 + (uint64_t)s.n * 4;
	if (strings > size || head > strings)
		return "its parts are out of bounds";
	s.tables = s.data + head;
	s.tables_size = strings - head;
	s.strings = s.data + strings;
	s.strings_size = size - strings;
	if (s.strings_size && s.strings[s.strings_size - 1] != 0)
		return "the last string has no end";
	if (s.n == 0 || little_get32(s.data + 8) == ABSENT)
		return "it has no root";
	for (uint32_t i = 0; i < s.n; i++) {
		uint32_t at = little_get32(s.data + 8 + (size_t)i * 4);
		const char *wrong = at == ABSENT ? NULL : check_table(&s, at);

		if (wrong)
			return wrong;
	}
	return NULL;
}

/* ---- reading ---- */

/* Stack: the key. Pushes the value. */
static void push_value(lua_State *L, const uint8_t *data, uint8_t type, const uint8_t *at, int sub)
{
	uint32_t v = little_get32(at);
	float f;

	switch (type) {
	case SHEET_INT32:
		lua_pushinteger(L, (int32_t)v);
		break;
	case SHEET_FLOAT32:
		memcpy(&f, &v, sizeof(f));
		lua_pushnumber(L, f);
		break;
	case SHEET_BOOL:
		lua_pushboolean(L, v != 0);
		break;
	case SHEET_STRING:
		lua_pushstring(L, (const char *)data + little_get32(data) + v);
		break;
	case SHEET_TABLE:
		lua_pushvalue(L, sub);
		lua_pushvalue(L, -2);
		lua_pushinteger(L, v);
		lua_call(L, 2, 1);
		break;
	default:
		lua_pushnil(L);
	}
}

void sheet_fill(lua_State *L, const void *data, uint32_t id, int index, int sub)
{
	const uint8_t *d = data;
	const uint8_t *t = d + 8 + (size_t)little_get32(d + 4) * 4 +
			   little_get32(d + 8 + (size_t)id * 4);
	size_t array = little_get32(t), dict = little_get32(t + 4);
	const uint8_t *types = t + 8, *values = types + padded(array + dict),
		      *pairs = values + array * 4;

	luaL_checkstack(L, 8, NULL);
	for (size_t i = 0; i < array; i++) {
		lua_pushinteger(L, (lua_Integer)i + 1);
		push_value(L, d, types[i], values + i * 4, sub);
		lua_rawset(L, index);
	}
	for (size_t i = 0; i < dict; i++) {
		lua_pushstring(L, (const char *)d + little_get32(d) + little_get32(pairs + i * 8));
		push_value(L, d, types[array + i], pairs + i * 8 + 4, sub);
		lua_rawset(L, index);
	}
}

/* ---- the module ---- */

#define SHEET "harbord.datasheet"

struct open_sheet {
	struct image *im;
	const void *data;
};

static int sheet_gc(lua_State *L)
{
	struct open_sheet *s = luaL_checkudata(L, 1, SHEET);

	image_unref(steal(s->im));
	return 0;
}

/* The bytes of the sheet, or NULL. */
static const char *bytes_of(lua_State *L, const struct image *im)
{
	struct image_value k, v;
	const char *bytes;

	if (image_native(im)) {
		luaL_checkstack(L, 2, NULL);
		share_push_table(L, image_native(im));
		bytes = lua_rawgeti(L, -1, 1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
		lua_pop(L, 2); /* they are the image's */
		return bytes;
	}
	if (image_places(image_root(im)) < 1 || !image_entry(image_root(im), 0, &k, &v) ||
	    v.type != IMAGE_STRING)
		return NULL;
	return image_string_at(im, v.v)->text;
}

/* open(name): the current version, its number; or nil. */
static int open_sheet(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);
	struct open_sheet *s = lua_newuserdatauv(L, sizeof(*s), 0);

	*s = (struct open_sheet){ NULL, NULL };
	luaL_setmetatable(L, SHEET);
	s->im = image_find(name);
	if (!s->im)
		return 0;
	s->data = bytes_of(L, s->im);
	if (!s->data)
		return luaL_error(L, "%s is no datasheet", name);
	lua_pushinteger(L, (lua_Integer)image_version(s->im));
	return 2;
}

/* fill(sheet, id, t, sub): see sheet_fill. The id is one that a sub function was given, or 0. */
static int fill(lua_State *L)
{
	struct open_sheet *s = luaL_checkudata(L, 1, SHEET);
	lua_Integer id = luaL_checkinteger(L, 2);

	luaL_checktype(L, 3, LUA_TTABLE);
	luaL_checktype(L, 4, LUA_TFUNCTION);
	luaL_argcheck(L, s->im, 1, "closed");
	luaL_argcheck(L,
		      id >= 0 && id < little_get32((const uint8_t *)s->data + 4) &&
			      little_get32((const uint8_t *)s->data + 8 + (size_t)id * 4) != ABSENT,
		      2, "no such table");
	sheet_fill(L, s->data, (uint32_t)id, 3, 4);
	return 0;
}

/* check(bytes): raises what is wrong with them. */
static int check(lua_State *L)
{
	size_t n;
	const char *s = luaL_checklstring(L, 1, &n);
	const char *wrong = sheet_check(s, n);

	if (wrong)
		luaL_error(L, "Invalid datasheet: %s", wrong);
	return 0;
}

int luaopen_skynet_datasheet_core(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "open", open_sheet }, { "fill", fill }, { "check", check }, { NULL, NULL }
	};

	if (luaL_newmetatable(L, SHEET)) {
		lua_pushcfunction(L, sheet_gc);
		lua_setfield(L, -2, "__gc");
	}
	lua_pop(L, 1);
	luaL_newlib(L, functions);
	return 1;
}

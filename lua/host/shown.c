/* SPDX-License-Identifier: MIT */
/* Values as texts for people who read an error.
 *
 * A program that raises a table means its fields: "{code=3, msg="no gold"}" and not the address of
 * the table. What a value may cost is bounded in every direction: depth, fields, bytes, keys that
 * are looked at.
 */
#include "lua/host/shown.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"

#define DEPTH_MAX 3
#define FIELDS_MAX 16u /* of one table */
#define STRING_MAX 200u
#define KEYS_MAX 256u /* that are looked at, of one table */

/* The text in work. */
struct writer {
	lua_State *L;
	struct shown *text;
};

void shown_put(struct shown *t, const char *s, size_t n)
{
	t->full |= n > SHOWN_BYTES - t->size;
	if (t->full)
		return;
	memcpy(t->bytes + t->size, s, n);
	t->size += n;
}

void shown_puts(struct shown *t, const char *s)
{
	shown_put(t, s, strlen(s));
}

/* Bytes beyond ASCII stay: they are mostly UTF-8. */
void shown_put_quoted(struct shown *t, const char *s, size_t n, size_t most)
{
	size_t shown = n < most ? n : most;

	shown_puts(t, "\"");
	for (size_t i = 0; i < shown; i++) {
		unsigned char c = (unsigned char)s[i];
		char escape[8];

		if (c == '"' || c == '\\')
			shown_put(t, (char[]){ '\\', (char)c }, 2);
		else if (c == '\n')
			shown_puts(t, "\\n");
		else if (c < ' ' || c == 0x7f)
			shown_put(t, escape,
				  (size_t)snprintf(escape, sizeof(escape), "\\x%02x", c));
		else
			shown_put(t, s + i, 1);
	}
	shown_puts(t, n > shown ? "\"..." : "\"");
}

const char *shown_push_text(lua_State *L, const struct shown *t)
{
	lua_pushlstring(L, t->bytes, t->size);
	if (t->full) {
		lua_pushliteral(L, "...");
		lua_concat(L, 2);
	}
	return lua_tostring(L, -1);
}

static void put_value(struct writer *w, int index, int depth);

bool shown_is_name(const char *s, size_t n)
{
	if (n == 0 || n > 64 || (s[0] >= '0' && s[0] <= '9'))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!(s[i] == '_' || (s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'z') ||
		      (s[i] >= 'A' && s[i] <= 'Z')))
			return false;
	return true;
}

static void put_key(struct writer *w, int index, int depth)
{
	size_t n;
	const char *s = lua_type(w->L, index) == LUA_TSTRING ? lua_tolstring(w->L, index, &n)
							     : NULL;

	if (s && shown_is_name(s, n)) {
		shown_put(w->text, s, n);
	} else {
		shown_puts(w->text, "[");
		put_value(w, index, depth);
		shown_puts(w->text, "]");
	}
	shown_puts(w->text, "=");
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void separate(struct writer *w, unsigned *fields)
{
	if ((*fields)++)
		shown_puts(w->text, ", ");
}

/* The elements from 1 on; how many there are. */
static lua_Integer put_list(struct writer *w, int table, int depth, unsigned *fields)
{
	lua_Integer n = 0;

	for (; *fields < FIELDS_MAX && lua_rawgeti(w->L, table, n + 1) != LUA_TNIL; n++) {
		separate(w, fields);
		put_value(w, -1, depth);
		lua_pop(w->L, 1);
	}
	if (*fields < FIELDS_MAX)
		lua_pop(w->L, 1);
	return n;
}

/* Fields with a string for a key, in the order of the keys. The pointers hold: the table has the
 * strings. */
static void put_named(struct writer *w, int table, int depth, unsigned *fields)
{
	const char *keys[KEYS_MAX];
	unsigned n = 0, looked = 0;

	lua_pushnil(w->L);
	while (lua_next(w->L, table)) {
		lua_pop(w->L, 1);
		if (lua_type(w->L, -1) == LUA_TSTRING)
			keys[n++] = lua_tostring(w->L, -1);
		if (++looked == KEYS_MAX) {
			lua_pop(w->L, 1);
			break;
		}
	}
	qsort(keys, n, sizeof(keys[0]), compare_texts);
	for (unsigned i = 0; i < n && *fields < FIELDS_MAX; i++) {
		lua_pushstring(w->L, keys[i]);
		lua_pushvalue(w->L, -1);
		lua_rawget(w->L, table);
		separate(w, fields);
		put_key(w, -2, depth);
		put_value(w, -1, depth);
		lua_pop(w->L, 2);
	}
}

/* The other fields, but for the list's. */
static void put_rest(struct writer *w, int table, int depth, lua_Integer list, unsigned *fields)
{
	unsigned looked = 0;

	lua_pushnil(w->L);
	while (lua_next(w->L, table)) {
		bool listed = lua_isinteger(w->L, -2) && lua_tointeger(w->L, -2) >= 1 &&
			      lua_tointeger(w->L, -2) <= list;

		if (*fields == FIELDS_MAX || ++looked == KEYS_MAX) {
			lua_pop(w->L, 2);
			return;
		}
		if (!listed && lua_type(w->L, -2) != LUA_TSTRING) {
			separate(w, fields);
			put_key(w, -2, depth);
			put_value(w, -1, depth);
		}
		lua_pop(w->L, 1);
	}
}

/* A table has more fields than were put. */
static bool has_more(lua_State *L, int table, unsigned fields)
{
	unsigned n = 0;

	lua_pushnil(L);
	while (lua_next(L, table)) {
		lua_pop(L, 1);
		if (++n > fields) {
			lua_pop(L, 1);
			return true;
		}
	}
	return false;
}

static void put_table(struct writer *w, int index, int depth)
{
	int table = lua_absindex(w->L, index);
	unsigned fields = 0;
	lua_Integer list;

	if (depth == DEPTH_MAX) {
		shown_puts(w->text, "{...}");
		return;
	}
	luaL_checkstack(w->L, LUA_MINSTACK, NULL);
	shown_puts(w->text, "{");
	list = put_list(w, table, depth + 1, &fields);
	put_named(w, table, depth + 1, &fields);
	put_rest(w, table, depth + 1, list, &fields);
	shown_puts(w->text, has_more(w->L, table, fields) ? ", ...}" : "}");
}

/* A table that says nothing of itself is shown by its fields. */
static bool is_plain_table(lua_State *L, int index)
{
	if (lua_type(L, index) != LUA_TTABLE)
		return false;
	if (luaL_getmetafield(L, index, "__tostring") != LUA_TNIL ||
	    luaL_getmetafield(L, index, "__name") != LUA_TNIL) {
		lua_pop(L, 1);
		return false;
	}
	return true;
}

static void put_value(struct writer *w, int index, int depth)
{
	size_t n;
	const char *s;

	if (w->text->full)
		return;
	if (lua_type(w->L, index) == LUA_TSTRING) {
		s = lua_tolstring(w->L, index, &n);
		shown_put_quoted(w->text, s, n, STRING_MAX);
	} else if (is_plain_table(w->L, index)) {
		put_table(w, index, depth);
	} else {
		s = luaL_tolstring(w->L, index, &n);
		shown_put(w->text, s, n < STRING_MAX ? n : STRING_MAX);
		lua_pop(w->L, 1);
	}
}

const char *shown_push(lua_State *L, int index)
{
	struct shown text = { .size = 0 };
	struct writer w = { L, &text };

	if (!is_plain_table(L, index))
		return luaL_tolstring(L, index, NULL);
	put_value(&w, index, 0);
	return shown_push_text(L, &text);
}

static bool (*push_hint)(lua_State *L, const char *error);

void shown_set_hints(bool (*push)(lua_State *L, const char *error))
{
	push_hint = push;
}

const char *shown_push_error(lua_State *L, int index)
{
	const char *text = shown_push(L, index);
	size_t line = strcspn(text, "\n");

	if (!push_hint || !push_hint(L, text))
		return text;
	lua_pushlstring(L, text, line);
	lua_pushfstring(L, "%s; %s%s", lua_tostring(L, -1), lua_tostring(L, -2), text + line);
	lua_replace(L, -4);
	lua_pop(L, 2);
	return lua_tostring(L, -1);
}

int shown_traceback(lua_State *L)
{
	luaL_traceback(L, L, shown_push_error(L, 1), 1);
	return 1;
}

int shown_text(lua_State *L)
{
	luaL_checkany(L, 1);
	shown_push(L, 1);
	return 1;
}

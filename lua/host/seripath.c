/* SPDX-License-Identifier: MIT */
/* The place of what cannot be packed: see seripath.h. */
#include "lua/host/seripath.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lua/host/shown.h"

#define DEPTH_LIMIT 64u
#define PATH_BYTES 200u
#define KEY_BYTES 40u

/* The way to a value: the tables, and the stack places of the keys, down to it. */
struct way {
	lua_State *L;
	unsigned depth_max; /* deeper values are refused; DEPTH_LIMIT: types are looked for */
	unsigned depth;
	const void *table[DEPTH_LIMIT];
	int key[DEPTH_LIMIT]; /* a string or a number at most, or none of both */
	bool is_key;	      /* the value is itself a key */
};

static bool find(struct way *w, int index);

static bool is_refused(const struct way *w, int index)
{
	if (w->depth_max < DEPTH_LIMIT)
		return w->depth > w->depth_max;
	switch (lua_type(w->L, index)) {
	case LUA_TFUNCTION:
	case LUA_TUSERDATA:
	case LUA_TTHREAD:
		return true;
	default:
		return false;
	}
}

/* The pair on top of the stack, of the table that was entered last. */
static bool find_in_pair(struct way *w)
{
	int top = lua_gettop(w->L);

	w->key[w->depth - 1] = top - 1;
	w->is_key = true;
	if (find(w, top - 1))
		return true;
	w->is_key = false;
	return find(w, top);
}

static bool find_in_list(struct way *w, int table, lua_Integer n)
{
	for (lua_Integer i = 1; i <= n; i++) {
		lua_pushinteger(w->L, i);
		lua_rawgeti(w->L, table, i);
		w->key[w->depth - 1] = lua_gettop(w->L) - 1;
		if (find(w, lua_gettop(w->L)))
			return true;
		lua_pop(w->L, 2);
	}
	return false;
}

static bool find_in_table(struct way *w, int table)
{
	lua_State *L = w->L;
	lua_Integer n;

	if (luaL_getmetafield(L, table, "__pairs") != LUA_TNIL) {
		lua_pop(L, 1);
		return false;
	}
	n = (lua_Integer)lua_rawlen(L, table);
	if (find_in_list(w, table, n))
		return true;
	lua_pushnil(L);
	while (lua_next(L, table)) {
		bool listed = lua_isinteger(L, -2) && lua_tointeger(L, -2) >= 1 &&
			      lua_tointeger(L, -2) <= n;

		if (!listed && find_in_pair(w))
			return true;
		lua_pop(L, 1);
	}
	return false;
}

static bool find(struct way *w, int index)
{
	bool found;

	if (is_refused(w, index))
		return true;
	if (lua_type(w->L, index) != LUA_TTABLE || w->depth == DEPTH_LIMIT)
		return false;
	luaL_checkstack(w->L, LUA_MINSTACK, NULL);
	w->table[w->depth++] = lua_topointer(w->L, index);
	found = find_in_table(w, index);
	if (!found) {
		w->depth--;
		w->is_key = false;
	}
	return found;
}

/* ---- the text ---- */

static void put_key(const struct way *w, unsigned i, struct shown *t, bool first)
{
	lua_State *L = w->L;
	int key = w->key[i];
	char number[32];
	size_t n;
	const char *s = lua_type(L, key) == LUA_TSTRING ? lua_tolstring(L, key, &n) : NULL;

	if (s && shown_is_name(s, n)) {
		shown_puts(t, first ? "" : ".");
		shown_put(t, s, n);
		return;
	}
	shown_puts(t, "[");
	if (s)
		shown_put_quoted(t, s, n, KEY_BYTES);
	else if (lua_isinteger(L, key))
		shown_put(t, number,
			  (size_t)snprintf(number, sizeof(number), "%lld",
					   (long long)lua_tointeger(L, key)));
	else if (lua_type(L, key) == LUA_TNUMBER)
		shown_put(t, number,
			  (size_t)snprintf(number, sizeof(number), "%.14g", lua_tonumber(L, key)));
	else if (lua_isboolean(L, key))
		shown_puts(t, lua_toboolean(L, key) ? "true" : "false");
	else
		shown_puts(t, luaL_typename(L, key));
	shown_puts(t, "]");
}

/* The first n keys. */
static void put_path(const struct way *w, unsigned n, struct shown *t)
{
	size_t begin = t->size;

	for (unsigned i = 0; i < n; i++) {
		if (t->size - begin > PATH_BYTES) {
			shown_puts(t, "...");
			return;
		}
		put_key(w, i, t, i == 0);
	}
}

static void put_field(const struct way *w, struct shown *t)
{
	unsigned n = w->depth - w->is_key;

	if (w->is_key)
		shown_puts(t, n ? ", a key of " : ", a key of it");
	else if (n)
		shown_puts(t, ", field ");
	put_path(w, n, t);
}

/* A table that contains itself is where the depth comes from mostly. */
static void put_depth(const struct way *w, struct shown *t)
{
	for (unsigned i = 1; i < w->depth; i++)
		for (unsigned j = 0; j < i; j++)
			if (w->table[i] == w->table[j]) {
				shown_puts(t, ", field ");
				put_path(w, i, t);
				shown_puts(t, " is a table that it is in");
				return;
			}
	shown_puts(t, ", field ");
	put_path(w, w->depth < 4 ? w->depth : 4, t);
	shown_puts(t, "...");
}

/* Nothing is popped when something was found: the keys are in use. */
static int refuse(struct way *w, int from, int to, const char *text)
{
	struct shown t = { .size = 0 };
	char number[16];

	for (int i = from; i <= to; i++) {
		w->depth = 0;
		if (!find(w, i))
			continue;
		shown_puts(&t, " (argument ");
		shown_put(&t, number, (size_t)snprintf(number, sizeof(number), "%d", i));
		if (w->depth_max < DEPTH_LIMIT)
			put_depth(w, &t);
		else
			put_field(w, &t);
		shown_puts(&t, ")");
		break;
	}
	return luaL_error(w->L, "%s%s", text, shown_push_text(w->L, &t));
}

int seripath_refuse_type(lua_State *L, int from, int to, const char *text)
{
	return refuse(&(struct way){ .L = L, .depth_max = DEPTH_LIMIT }, from, to, text);
}

int seripath_refuse_depth(lua_State *L, int from, int to, unsigned depth_max, const char *text)
{
	return refuse(&(struct way){ .L = L, .depth_max = depth_max }, from, to, text);
}

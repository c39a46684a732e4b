/* SPDX-License-Identifier: MIT */
/*
 * http.core: heads of messages, read and written. A header is a table: names in lower case to a
 * value, or to an array of the values of a name that came more than once.
 */
#include "lua/modules/http/http_head.h"

#include <stdio.h>
#include <string.h>

#include "lua/modules/http/message.h"

#define FIELDS_MAX 256 /* fields of one header */
#define NAME_MAX_ON_STACK 64u

static struct http_span span_at(lua_State *L, int arg)
{
	struct http_span s;

	s.at = luaL_checklstring(L, arg, &s.size);
	return s;
}

static void push_span(lua_State *L, struct http_span s)
{
	lua_pushlstring(L, s.at, s.size);
}

/* ---- reading ---- */

static void lower(char *to, struct http_span s)
{
	for (size_t i = 0; i < s.size; i++) {
		char c = s.at[i];

		to[i] = c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
	}
}

static void push_lower(lua_State *L, struct http_span name)
{
	char few[NAME_MAX_ON_STACK], *to;
	luaL_Buffer text;

	if (name.size <= sizeof(few)) {
		lower(few, name);
		lua_pushlstring(L, few, name.size);
		return;
	}
	to = luaL_buffinitsize(L, &text, name.size);
	lower(to, name);
	luaL_pushresultsize(&text, name.size);
}

/* Adds the value on the top to what the header holds under the name below it; pops both. */
static void add_field(lua_State *L, int header)
{
	lua_pushvalue(L, -2);
	switch (lua_rawget(L, header)) { /* name value old */
	case LUA_TNIL:
		lua_pop(L, 1);
		lua_rawset(L, header);
		return;
	case LUA_TTABLE:
		lua_insert(L, -2);
		lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
		lua_pop(L, 2);
		return;
	default:
		lua_createtable(L, 2, 0); /* name value old array */
		lua_insert(L, -2);
		lua_rawseti(L, -2, 1);
		lua_insert(L, -2);
		lua_rawseti(L, -2, 2);
		lua_rawset(L, header);
	}
}

/* The value on the top goes on with a line that begins with a TAB. */
static void append_fold(lua_State *L, struct http_span more)
{
	lua_pushliteral(L, " ");
	push_span(L, more);
	lua_concat(L, 3);
}

/* Reads fields into the header at that index. false: one of them is none. */
static bool read_fields(lua_State *L, struct http_span rest, int header)
{
	struct http_span line, more;
	struct http_field field;
	int count = 0, top = lua_gettop(L);

	while (http_next_line(&rest, &line)) {
		if (count && http_fold(line, &more)) {
			append_fold(L, more);
			continue;
		}
		if (count)
			add_field(L, header);
		if (!http_field(line, &field) || ++count > FIELDS_MAX) {
			lua_settop(L, top);
			return false;
		}
		push_lower(L, field.name);
		push_span(L, field.value);
	}
	if (count)
		add_field(L, header);
	return true;
}

/* Pushes the table at index 2, or a new one with room for the fields of these lines. */
static void push_header(lua_State *L, struct http_span lines)
{
	int count = 1;

	if (!lua_isnoneornil(L, 2)) {
		luaL_checktype(L, 2, LUA_TTABLE);
		lua_pushvalue(L, 2);
		return;
	}
	for (const char *p = lines.at, *end = p + lines.size; p < end && count < FIELDS_MAX; p++) {
		p = memchr(p, '\n', (size_t)(end - p));
		if (!p)
			break;
		count++;
	}
	lua_createtable(L, 0, lines.size ? count : 0);
}

/* Argument 1, of which only the first bytes are the head if argument 3 says so. */
static struct http_span head_at(lua_State *L)
{
	struct http_span s = span_at(L, 1);
	lua_Integer n = luaL_optinteger(L, 3, (lua_Integer)s.size);

	luaL_argcheck(L, n >= 0 && (size_t)n <= s.size, 3, "more bytes than there are");
	s.size = (size_t)n;
	return s;
}

/* Pushes whether the fields of these lines are right, and the header that has them. */
static void push_fields(lua_State *L, struct http_span lines)
{
	push_header(L, lines);
	lua_pushboolean(L, read_fields(L, lines, lua_gettop(L)));
	lua_insert(L, -2);
}

/* request(text [, header [, size]]) -> method, target, version (11 is 1.1), whether the fields are
 * right, header; or nil: the first line is no request */
static int l_request(lua_State *L)
{
	struct http_span rest = head_at(L), line;
	struct http_request_line r;

	if (!http_next_line(&rest, &line) || !http_request_line(line, &r))
		return 0;
	push_span(L, r.method);
	push_span(L, r.target);
	lua_pushinteger(L, r.version);
	push_fields(L, rest);
	return 5;
}

/* response(text [, header [, size]]) -> code, reason, version, whether the fields are right,
 * header; or nil: the first line is no status */
static int l_response(lua_State *L)
{
	struct http_span rest = head_at(L), line;
	struct http_status_line s;

	if (!http_next_line(&rest, &line) || !http_status_line(line, &s))
		return 0;
	lua_pushinteger(L, s.code);
	push_span(L, s.reason);
	lua_pushinteger(L, s.version);
	push_fields(L, rest);
	return 5;
}

/* fields(text, header) -> whether they are right */
static int l_fields(lua_State *L)
{
	struct http_span rest = span_at(L, 1);

	luaL_checktype(L, 2, LUA_TTABLE);
	lua_pushboolean(L, read_fields(L, rest, 2));
	return 1;
}

/* ---- writing ---- */

/* is_field(name, value): whether they can be written as a field without becoming something else */
static int l_is_field(lua_State *L)
{
	lua_pushboolean(L, http_is_name(span_at(L, 1)) && http_is_value(span_at(L, 2)));
	return 1;
}

/* The bytes of a head: counted first, when `to` is NULL, then written. */
struct writer {
	char *to;
	size_t size, room;
	struct http_span separator;
};

static void put(lua_State *L, struct writer *w, struct http_span s)
{
	if (w->to && s.size > w->room - w->size)
		luaL_error(L, "the header changed while it was written");
	if (w->to && s.size)
		memcpy(w->to + w->size, s.at, s.size);
	w->size += s.size;
}

/* The field whose name is at that index and whose value is on the top, which it pops. On the first
 * walk it is looked at. */
static bool put_field(lua_State *L, struct writer *w, int name_at)
{
	struct http_span name, value, end = { "\r\n", 2 };

	lua_pushvalue(L, name_at);
	name.at = luaL_tolstring(L, -1, &name.size);
	value.at = luaL_tolstring(L, -3, &value.size);
	if (!w->to && !(http_is_name(name) && http_is_value(value)))
		return false; /* both texts are left there */
	put(L, w, name);
	put(L, w, w->separator);
	put(L, w, value);
	put(L, w, end);
	lua_pop(L, 4);
	return true;
}

/* The pair at the top, whose value may be an array; it is left there. */
static bool put_pair(lua_State *L, struct writer *w)
{
	int name_at = lua_gettop(L) - 1, many = name_at + 1;
	lua_Integer count;

	if (!lua_istable(L, many)) {
		lua_pushvalue(L, many);
		return put_field(L, w, name_at);
	}
	count = luaL_len(L, many);
	for (lua_Integer i = 1; i <= count; i++) {
		lua_geti(L, many, i);
		if (!put_field(L, w, name_at))
			return false;
	}
	return true;
}

/* All fields of the table at index 2, if there is one. */
static bool put_header(lua_State *L, struct writer *w)
{
	if (lua_isnoneornil(L, 2))
		return true;
	luaL_checktype(L, 2, LUA_TTABLE);
	lua_pushnil(L);
	while (lua_next(L, 2)) {
		if (!put_pair(L, w))
			return false;
		lua_pop(L, 1);
	}
	return true;
}

/* head(line, header or nil, separator, more [, body]) -> text; or false, name, value: they are no
 * field. more: bytes behind the fields, or an integer for a content-length and the empty line. */
static int l_head(lua_State *L)
{
	struct http_span line = span_at(L, 1), more, body = { "", 0 };
	struct writer w = { .separator = span_at(L, 3) };
	char length[48];
	luaL_Buffer text;

	lua_settop(L, 5);
	if (lua_isinteger(L, 4)) {
		more.at = length;
		more.size = (size_t)snprintf(length, sizeof(length), "content-length: %lld\r\n\r\n",
					     (long long)lua_tointeger(L, 4));
	} else {
		more = span_at(L, 4);
	}
	if (!lua_isnil(L, 5))
		body = span_at(L, 5);
	if (!put_header(L, &w)) { /* name text, name, value text: see put_field */
		lua_pushboolean(L, false);
		lua_pushvalue(L, -3);
		lua_pushvalue(L, -3);
		return 3;
	}
	w.room = w.size;
	w.size = 0;
	w.to = luaL_buffinitsize(L, &text, line.size + w.room + more.size + body.size);
	memcpy(w.to, line.at, line.size);
	w.to += line.size;
	put_header(L, &w);
	w.room = w.size + more.size + body.size;
	put(L, &w, more);
	put(L, &w, body);
	luaL_pushresultsize(&text, line.size + w.size);
	return 1;
}

const luaL_Reg http_head_functions[] = {
	{ "request", l_request },   { "response", l_response }, { "fields", l_fields },
	{ "is_field", l_is_field }, { "head", l_head },		{ NULL, NULL },
};

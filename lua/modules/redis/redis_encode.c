/* SPDX-License-Identifier: MIT */
#include "lua/modules/redis/redis_encode.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "core/base/base.h"

#define NUMBER_ROOM 24u /* bytes of a decimal number of 64 bits, its sign and an end of line */

/* Writes the first byte, a number and an end of line. Returns the byte behind. */
static char *put_number(char *to, char kind, uint64_t v)
{
	char digits[NUMBER_ROOM], *d = digits + sizeof(digits);

	do
		*--d = (char)('0' + v % 10);
	while (v /= 10);
	*to++ = kind;
	memcpy(to, d, (size_t)(digits + sizeof(digits) - d));
	to += digits + sizeof(digits) - d;
	*to++ = '\r';
	*to++ = '\n';
	return to;
}

/* Makes texts of the values from first to the top that are neither nil nor text, in their places.
 * Returns the bytes that they take in a request, at most. This may run metamethods; what follows
 * it does not. */
static size_t convert(lua_State *L, int first)
{
	int top = lua_gettop(L);
	size_t size = 0;

	for (int i = first; i <= top; i++) {
		int type = lua_type(L, i);
		size_t n = 0;

		if (lua_isinteger(L, i)) {
			n = NUMBER_ROOM;
		} else if (type == LUA_TNUMBER) {
			(void)lua_tolstring(L, i, &n);
		} else if (type == LUA_TSTRING) {
			n = lua_rawlen(L, i);
		} else if (type != LUA_TNIL) {
			luaL_tolstring(L, i, &n);
			lua_replace(L, i);
		}
		size += n + NUMBER_ROOM + 2;
	}
	return size;
}

/* Writes an integer as a string of the protocol. Returns the byte behind. */
static char *put_integer(char *to, lua_Integer v)
{
	char text[NUMBER_ROOM];
	uint64_t size = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
	/* the sign is written as the first byte of the number, and left out if there is none */
	char *start = v < 0 ? text : text + 1;
	char *end = put_number(text, '-', size);

	to = put_number(to, '$', (uint64_t)(end - start) - 2);
	memcpy(to, start, (size_t)(end - start));
	return to + (end - start);
}

/* Writes the values from first to last. Returns the byte behind. */
static char *put_values(lua_State *L, int first, int last, char *to)
{
	for (int i = first; i <= last; i++) {
		size_t n;
		const char *p;

		if (lua_isinteger(L, i)) {
			to = put_integer(to, lua_tointeger(L, i));
			continue;
		}
		p = lua_tolstring(L, i, &n); /* a text by now, or nil */
		if (!p) {
			memcpy(to, "$-1\r\n", 5);
			to += 5;
			continue;
		}
		to = put_number(to, '$', n);
		memcpy(to, p, n);
		to[n] = '\r';
		to[n + 1] = '\n';
		to += n + 2;
	}
	return to;
}

/* Pushes the items of the list at idx: as many as its n says, or its length. */
static void push_list(lua_State *L, int idx)
{
	int is_integer = 1;
	lua_Integer n = lua_getfield(L, idx, "n") == LUA_TNIL ? luaL_len(L, idx)
							      : lua_tointegerx(L, -1, &is_integer);

	lua_pop(L, 1);
	if (!is_integer)
		luaL_error(L, "redis: the field n of a list of arguments is no integer");
	if (n > LUAI_MAXSTACK)
		luaL_error(L, "redis: %I arguments are too many", n);
	luaL_checkstack(L, n > 0 ? (int)n + 4 : 4, "too many arguments of a Redis command");
	for (lua_Integer i = 1; i <= n; i++)
		lua_geti(L, idx, i);
}

int redis_command(lua_State *L)
{
	size_t head_size, size;
	const char *head = luaL_checklstring(L, 1, &head_size);
	int first = 2, last;
	luaL_Buffer b;
	char *start, *to;

	if (lua_isnoneornil(L, 2)) {
		lua_settop(L, 1);
	} else if (lua_type(L, 2) == LUA_TTABLE) {
		lua_settop(L, 2);
		push_list(L, 2);
		first = 3;
	}
	size = convert(L, first) + head_size + NUMBER_ROOM;
	last = lua_gettop(L);
	luaL_checkstack(L, 2, "too many arguments of a Redis command");
	start = luaL_buffinitsize(L, &b, size); /* may put something on the stack, behind last */
	to = put_number(start, '*', (uint64_t)(last - first) + 2);
	memcpy(to, head, head_size);
	to = put_values(L, first, last, to + head_size);
	luaL_pushresultsize(&b, (size_t)(to - start));
	return 1;
}

/* Bytes that grow, in a userdata at the index `slot`. */
struct bytes {
	int slot;
	char *p;
	size_t used, room;
};

static void bytes_reserve(lua_State *L, struct bytes *b, size_t n)
{
	size_t room = b->room ? b->room : 1024;
	char *p;

	if (b->room - b->used >= n)
		return;
	while (room < b->used + n)
		room *= 2;
	p = lua_newuserdatauv(L, room, 0);
	if (b->used)
		memcpy(p, b->p, b->used);
	lua_replace(L, b->slot);
	b->p = p;
	b->room = room;
}

int redis_commands(lua_State *L)
{
	struct bytes b = { .slot = 2 };
	lua_Integer n;

	luaL_checktype(L, 1, LUA_TTABLE);
	n = luaL_len(L, 1);
	lua_settop(L, 2);
	for (lua_Integer i = 1; i <= n; i++) {
		if (lua_geti(L, 1, i) != LUA_TTABLE)
			return luaL_error(L, "redis: command %I of the pipeline is no table", i);
		push_list(L, 3);
		if (lua_isnoneornil(L, 4))
			return luaL_error(L, "redis: command %I of the pipeline has no name", i);
		bytes_reserve(L, &b, convert(L, 4) + NUMBER_ROOM);
		char *to = put_number(b.p + b.used, '*', (uint64_t)(lua_gettop(L) - 3));

		b.used = (size_t)(put_values(L, 4, lua_gettop(L), to) - b.p);
		lua_settop(L, 2);
	}
	lua_pushlstring(L, b.used ? b.p : "", b.used);
	lua_pushinteger(L, n);
	return 2;
}

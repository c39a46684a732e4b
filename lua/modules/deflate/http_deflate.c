/* SPDX-License-Identifier: MIT */
/*
 * http.deflate: the streams of deflate.h for Lua. What they hold counts as memory of the service.
 * Nothing here waits.
 */
#include "lua/modules/deflate/http_deflate.h"

#include <lauxlib.h>

#include "lua/modules/deflate/deflate.h"

#define DEFLATER "http.deflate.deflater"
#define INFLATER "http.deflate.inflater"
#define ROOM_MIN 256u
#define ROOM_MAX 65536u
#define STATUS_DATA 1007
#define STATUS_TOO_LARGE 1009

static struct deflate_memory memory_of(lua_State *L)
{
	struct deflate_memory m;

	m.alloc = lua_getallocf(L, &m.ud);
	return m;
}

static int check_range(lua_State *L, int arg, int low, int high)
{
	lua_Integer v = luaL_checkinteger(L, arg);

	if (v < low || v > high)
		luaL_argerror(L, arg,
			      lua_pushfstring(L, "%I is not from %d to %d", (LUAI_UACINT)v, low,
					      high));
	return (int)v;
}

static size_t room_for(size_t n)
{
	return n < ROOM_MIN ? ROOM_MIN : n > ROOM_MAX ? ROOM_MAX : n;
}

/* deflater(bits, takeover, level, memory) -> deflater */
static int l_deflater(lua_State *L)
{
	int bits = check_range(L, 1, DEFLATE_BITS_MIN, DEFLATE_BITS_MAX);
	bool takeover = lua_toboolean(L, 2);
	int level = check_range(L, 3, 1, 9), memory_level = check_range(L, 4, 1, 9);
	struct deflater *d = lua_newuserdatauv(L, sizeof(*d), 0);

	d->open = false;
	luaL_setmetatable(L, DEFLATER);
	if (!deflater_open(d, memory_of(L), bits, takeover, level, memory_level))
		return luaL_error(L, "no memory for a deflater");
	return 1;
}

/* deflater:deflate(text) -> bytes */
static int l_deflate(lua_State *L)
{
	struct deflater *d = luaL_checkudata(L, 1, DEFLATER);
	enum deflate_event event;
	size_t n, written;
	const char *text = luaL_checklstring(L, 2, &n);
	luaL_Buffer b;

	if (n == 0) { /* the block of nothing whose last bytes are the ones that are not sent */
		lua_pushlstring(L, "", 1);
		return 1;
	}
	if (!deflater_begin(d, text, n))
		return luaL_error(L, "the deflater is closed");
	luaL_buffinit(L, &b);
	do {
		size_t room = room_for(n / 2);
		char *to = luaL_prepbuffsize(&b, room);

		event = deflater_some(d, (uint8_t *)to, room, &written);
		luaL_addsize(&b, written);
	} while (event == DEFLATE_MORE);
	luaL_buffsub(&b, DEFLATE_TAIL);
	luaL_pushresult(&b);
	return 1;
}

/* inflater(bits, takeover) -> inflater */
static int l_inflater(lua_State *L)
{
	int bits = check_range(L, 1, DEFLATE_BITS_MIN, DEFLATE_BITS_MAX);
	bool takeover = lua_toboolean(L, 2);
	struct inflater *f = lua_newuserdatauv(L, sizeof(*f), 0);

	f->open = false;
	luaL_setmetatable(L, INFLATER);
	if (!inflater_open(f, memory_of(L), bits, takeover))
		return luaL_error(L, "no memory for an inflater");
	return 1;
}

static int refuse(lua_State *L, const char *why, int status)
{
	luaL_pushfail(L);
	lua_pushstring(L, why);
	lua_pushinteger(L, status);
	return 3;
}

/* inflater:inflate(bytes, limit) -> text; or nil, why, the status to close with */
static int l_inflate(lua_State *L)
{
	struct inflater *f = luaL_checkudata(L, 1, INFLATER);
	enum deflate_event event = DEFLATE_MORE;
	size_t n, written;
	const char *bytes = luaL_checklstring(L, 2, &n);
	lua_Integer limit = luaL_checkinteger(L, 3);
	luaL_Buffer b;

	luaL_argcheck(L, limit >= 0, 3, "the limit must not be negative");
	if (!inflater_begin(f, bytes, n))
		return luaL_error(L, "the inflater is closed");
	luaL_buffinit(L, &b);
	while (event == DEFLATE_MORE) {
		size_t left = (size_t)limit - luaL_bufflen(&b), room = room_for(n * 4);
		char *to;

		room = room > left ? left + 1 : room;
		to = luaL_prepbuffsize(&b, room);
		event = inflater_some(f, (uint8_t *)to, room, &written);
		luaL_addsize(&b, written);
		if (written > left)
			return refuse(L, "a compressed message is too large", STATUS_TOO_LARGE);
	}
	if (event == DEFLATE_NO_MEMORY)
		return luaL_error(L, "no memory to inflate a message");
	if (event == DEFLATE_BAD)
		return refuse(L, "a compressed message is damaged", STATUS_DATA);
	luaL_pushresult(&b);
	return 1;
}

/* deflater:close(): frees its memory; a second time does nothing. */
static int l_deflater_close(lua_State *L)
{
	deflater_close(luaL_checkudata(L, 1, DEFLATER));
	return 0;
}

/* inflater:close(): frees its memory; a second time does nothing. */
static int l_inflater_close(lua_State *L)
{
	inflater_close(luaL_checkudata(L, 1, INFLATER));
	return 0;
}

static void new_class(lua_State *L, const char *name, const luaL_Reg *methods)
{
	if (luaL_newmetatable(L, name)) {
		lua_pushvalue(L, -1);
		lua_setfield(L, -2, "__index");
		luaL_setfuncs(L, methods, 0);
	}
	lua_pop(L, 1);
}

int luaopen_http_deflate(lua_State *L)
{
	static const luaL_Reg functions[] = { { "deflater", l_deflater },
					      { "inflater", l_inflater },
					      { NULL, NULL } };
	static const luaL_Reg deflater[] = { { "deflate", l_deflate },
					     { "close", l_deflater_close },
					     { "__gc", l_deflater_close },
					     { NULL, NULL } };
	static const luaL_Reg inflater[] = { { "inflate", l_inflate },
					     { "close", l_inflater_close },
					     { "__gc", l_inflater_close },
					     { NULL, NULL } };

	new_class(L, DEFLATER, deflater);
	new_class(L, INFLATER, inflater);
	luaL_newlib(L, functions);
	return 1;
}

/* SPDX-License-Identifier: MIT */
/* Any bytes as a serialised stream: an error or values, for memory in proportion to the bytes;
 * values pack again and come back as many. */
#include <lauxlib.h>
#include <lua.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/actor/msg.h"
#include "lua/host/seri.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct input {
	const void *data;
	size_t size;
};

static size_t used, limit;
static int reading;

/* A stream must not make more of itself than it is worth. */
static void *capped(void *ud, void *p, size_t old, size_t size)
{
	(void)ud;
	if (!p)
		old = 0;
	if (size > old && used + size - old > limit) {
		if (reading)
			abort();
		return NULL;
	}
	used += size - old;
	if (size == 0) {
		free(p);
		return NULL;
	}
	return realloc(p, size);
}

/* The first text is one of the bytes that are there. */
static void first_text(const uint8_t *p, size_t n)
{
	size_t size;
	const char *text = seri_first_text(p, n, &size);

	if (text && (size >= 32 || text < (const char *)p || text + size > (const char *)p + n))
		abort();
}

static int round_trip(lua_State *L)
{
	struct input *in = lua_touserdata(L, 1);
	size_t size;
	void *again;
	int first, second;

	lua_settop(L, 0);
	reading = 1;
	first = seri_unpack(L, in->data, in->size);
	reading = 0;
	again = seri_pack(L, 1, &size);
	/* the copy goes to Lua, so that an error does not lose it */
	lua_pushlstring(L, again ? again : "", size);
	payload_free(again);
	const char *copy = lua_tostring(L, -1);

	second = size ? seri_unpack(L, copy, size) : 0;
	if (first != second)
		abort();
	return 0;
}

/* What comes from another node: never a pointer, and whoever only looks for one sees the same. */
static int foreign(lua_State *L)
{
	struct input *in = lua_touserdata(L, 1);

	lua_settop(L, 0);
	reading = 1;
	(void)seri_read(L, in->data, in->size, true);
	reading = 0;
	if (seri_has_pointer(in->data, in->size))
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct input in = { p, n };
	lua_State *L;

	first_text(p, n);
	used = 0;
	reading = 0;
	limit = ((size_t)2 << 20) + 256 * n;
	L = lua_newstate(capped, NULL);
	lua_pushcfunction(L, round_trip);
	lua_pushlightuserdata(L, &in);
	(void)lua_pcall(L, 1, 0, 0);
	lua_settop(L, 0);
	lua_gc(L, LUA_GCCOLLECT);
	lua_pushcfunction(L, foreign);
	lua_pushlightuserdata(L, &in);
	(void)lua_pcall(L, 1, 0, 0);
	lua_close(L);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* Any order of what skynet.socket does to a buffer, against a plain string that does the same: what
 * arrives, in pieces of any size, is read once and in order, and a separator is found where it is. */
#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/actor/msg.h"
#include "lua/host/host.h"
#include "lua/modules/socket/sockbuf_lua.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define MODEL_MAX (256u << 10)
#define ROUND_MAX 200000u

struct input {
	const uint8_t *p;
	size_t n;
};

static struct {
	char bytes[MODEL_MAX];
	size_t size;
} model;

static void check(bool ok)
{
	if (!ok)
		abort();
}

static uint8_t next(struct input *in)
{
	if (in->n == 0)
		return 0;
	in->n--;
	return *in->p++;
}

/* A block that begins with bytes of the input; long ones repeat two of them. Gives it to the model, too. */
static char *arrival(struct input *in, size_t *ret_size)
{
	size_t size = next(in);
	char *block;

	if (size >= 240)
		size = (size - 239) * 5003;
	if (model.size + size > MODEL_MAX)
		size = 0;
	block = payload_alloc(size);
	for (size_t i = 0; i < size; i++)
		block[i] = size < 240 ? (char)next(in) : "ab"[i % 7 == 0];
	memcpy(model.bytes + model.size, block, size);
	model.size += size;
	*ret_size = size;
	return block;
}

static void drop(size_t n)
{
	check(n <= model.size);
	model.size -= n;
	memmove(model.bytes, model.bytes + n, model.size);
}

static size_t separator(struct input *in, char ret[20])
{
	size_t n = next(in) % 20 + 1;

	for (size_t i = 0; i < n; i++)
		ret[i] = (char)next(in);
	return n;
}

/* Where the separator begins in the model, or -1. */
static long place(const char *sep, size_t n)
{
	const char *at = memmem(model.bytes, model.size, sep, n);

	return at ? at - model.bytes : -1;
}

/* The value at `index` is the first n bytes of the model, which go, and `more` behind them. */
static void took(lua_State *L, int index, size_t n, size_t more)
{
	size_t size;
	const char *s = lua_tolstring(L, index, &size);

	check(s && size == n && memcmp(s, model.bytes, n) == 0);
	drop(n + more);
}

/* Pushes function `name` and the buffer. */
static void begin(lua_State *L, const char *name)
{
	lua_getfield(L, 1, name);
	lua_pushvalue(L, 2);
}

static void push(lua_State *L, struct input *in)
{
	size_t n;

	begin(L, "push");
	lua_pushnil(L);
	lua_pushlightuserdata(L, arrival(in, &n));
	lua_pushinteger(L, (lua_Integer)n);
	lua_call(L, 4, 1);
	check((size_t)lua_tointeger(L, -1) == model.size);
}

static void feed_line(lua_State *L, struct input *in)
{
	char sep[20];
	size_t n, sep_size = separator(in, sep);
	long at;

	begin(L, "feed");
	lua_pushlightuserdata(L, arrival(in, &n));
	lua_pushinteger(L, (lua_Integer)n);
	lua_pushlstring(L, sep, sep_size);
	lua_call(L, 4, 2);
	at = place(sep, sep_size);
	if (at < 0)
		check(lua_isnil(L, -2));
	else
		took(L, -2, (size_t)at, sep_size);
	check((size_t)lua_tointeger(L, -1) == model.size);
}

static void feed_number(lua_State *L, struct input *in)
{
	size_t n, want = next(in) + ((size_t)next(in) << 8) % 0x4000 * 5;

	begin(L, "feed");
	lua_pushlightuserdata(L, arrival(in, &n));
	lua_pushinteger(L, (lua_Integer)n);
	lua_pushinteger(L, (lua_Integer)want);
	lua_call(L, 4, 2);
	if (want == 0)
		check(lua_toboolean(L, -2));
	else if (model.size < want)
		check(lua_isnil(L, -2));
	else
		took(L, -2, want, 0);
	check((size_t)lua_tointeger(L, -1) == model.size);
}

static void feed_any(lua_State *L, struct input *in)
{
	bool reads = next(in) & 1;
	size_t n;

	begin(L, "feed");
	lua_pushlightuserdata(L, arrival(in, &n));
	lua_pushinteger(L, (lua_Integer)n);
	lua_pushboolean(L, reads);
	lua_call(L, 4, 2);
	if (reads)
		took(L, -2, model.size, 0);
	else
		check(lua_isnil(L, -2));
	check((size_t)lua_tointeger(L, -1) == model.size);
}

static void readline(lua_State *L, struct input *in)
{
	char sep[20];
	size_t sep_size = separator(in, sep);
	bool only_tests = next(in) & 1;
	long at = place(sep, sep_size);

	begin(L, "readline");
	if (only_tests)
		lua_pushnil(L);
	else
		lua_pushvalue(L, 2);
	lua_pushlstring(L, sep, sep_size);
	lua_call(L, 3, 1);
	if (at < 0)
		check(lua_isnil(L, -1));
	else if (only_tests)
		check(lua_toboolean(L, -1));
	else
		took(L, -1, (size_t)at, sep_size);
}

static void pop(lua_State *L, struct input *in)
{
	size_t n = next(in) + ((size_t)next(in) << 8);

	begin(L, "pop");
	lua_pushnil(L);
	lua_pushinteger(L, (lua_Integer)n);
	lua_call(L, 3, 2);
	if (n == 0 || n > model.size)
		check(lua_isnil(L, -2));
	else
		took(L, -2, n, 0);
	check((size_t)lua_tointeger(L, -1) == model.size);
}

static void readall(lua_State *L, struct input *in)
{
	(void)in;
	begin(L, "readall");
	lua_call(L, 1, 1);
	took(L, -1, model.size, 0);
}

static void clear(lua_State *L, struct input *in)
{
	(void)in;
	begin(L, "clear");
	lua_call(L, 1, 0);
	drop(model.size);
}

static int run(lua_State *L)
{
	static void (*const what[])(lua_State *L, struct input *in) = {
		push, feed_line, feed_number, feed_any, readline, pop,
		push, feed_line, feed_number, readline, readall, clear,
	};
	struct input *in = lua_touserdata(L, 1);

	lua_newtable(L);
	luaL_setfuncs(L, sockbuf_functions, 0);
	lua_replace(L, 1);
	lua_getfield(L, 1, "buffer");
	lua_call(L, 0, 1);
	for (unsigned rounds = 0; in->n && rounds < ROUND_MAX; rounds++) {
		what[next(in) % (sizeof(what) / sizeof(*what))](L, in);
		lua_settop(L, 2);
	}
	readall(L, in);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct host host; /* what is held for a service is held here */
	static struct task task = { .host = &host };
	struct input in = { p, n };
	lua_State *L = luaL_newstate();

	*(struct task **)lua_getextraspace(L) = &task;
	model.size = 0;
	lua_pushcfunction(L, run);
	lua_pushlightuserdata(L, &in);
	check(lua_pcall(L, 1, 0, 0) == LUA_OK);
	lua_close(L);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* Any order of what skynet.socket does to a buffer, against a plain string that does the same: what
 * arrives, in pieces of any size, is read once and in order, a separator is found where it is, and
 * who waits is woken when there is what he waits for, and not before. */
#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/actor/msg.h"
#include "lua/host/host.h"
#include "lua/modules/socket/inbox.h"
#include "lua/modules/socket/sockbuf_lua.h"
#include "net/net.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define MODEL_MAX (256u << 10)
#define ROUND_MAX 200000u
#define ID 7

struct input {
	const uint8_t *p;
	size_t n;
};

/* The service, and its only task. */
static struct host host;
static struct task task = { .host = &host };

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

/* A block that begins with bytes of the input; long ones repeat two of them. Gives it to the model,
 * too. */
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

/* A packet takes the short way, or the long one when something is to be decided about it. */
static void deliver(lua_State *L, char *block, size_t n)
{
	struct socket_message head = {
		.type = SOCKET_DATA, .id = ID, .ud = (int)n, .buffer = block
	};
	struct msg *m = msg_create(sizeof(head));

	memcpy(msg_payload(m), &head, sizeof(head));
	if (!inbox_deliver(&host, m)) {
		begin(L, "feed");
		lua_pushlightuserdata(L, block);
		lua_pushinteger(L, (lua_Integer)n);
		lua_call(L, 3, 2);
		check((size_t)lua_tointeger(L, -1) == model.size);
		lua_pop(L, 2);
	}
	msg_destroy(m);
}

/* A task waits for the value on top. */
static lua_State *begin_to_wait(lua_State *L)
{
	lua_State *co = lua_newthread(L);
	int n;

	lua_insert(L, -2);
	begin(L, "await");
	lua_xmove(L, co, 2);
	lua_xmove(L, co, 1);
	task.co = co;
	host.current = &task;
	check(lua_resume(co, L, 2, &n) == LUA_YIELD && n == 0 && task.wait == WAIT_WAKEUP);
	host.current = NULL;
	return co;
}

/* Its turn comes. Whether what it waited for is there, it says. */
static void end_wait(lua_State *L, lua_State *co, bool wanted)
{
	int n;

	check(host.wakeups.count == 1);
	host.wakeups.count = 0;
	task.queued = 0;
	task.wait = WAIT_NONE;
	host.current = &task;
	check(lua_resume(co, L, 0, &n) == LUA_OK && n == 1);
	host.current = NULL;
	check(lua_toboolean(co, -1) == wanted);
}

/* Packets come until the task that waits is woken, or is told that nothing comes any more. `there`
 * says of the model what the task waits for: it is on top. */
static void wait_for(lua_State *L, struct input *in, bool (*there)(const void *arg),
		     const void *arg)
{
	lua_State *co = begin_to_wait(L);
	unsigned packets = next(in) % 4;
	bool wanted = false;

	for (unsigned i = 0; i < packets && !wanted; i++) {
		size_t n;
		char *block = arrival(in, &n);

		deliver(L, block, n);
		wanted = there(arg);
		check(host.wakeups.count == wanted);
	}
	if (!wanted) {
		begin(L, "wake");
		lua_call(L, 1, 0);
	}
	end_wait(L, co, wanted);
}

struct line {
	char sep[20];
	size_t size;
};

static bool is_line(const void *arg)
{
	const struct line *l = arg;

	return place(l->sep, l->size) >= 0;
}

static void wait_line(lua_State *L, struct input *in)
{
	struct line l;

	l.size = separator(in, l.sep);
	lua_pushlstring(L, l.sep, l.size);
	wait_for(L, in, is_line, &l);
}

static bool is_size(const void *arg)
{
	return model.size >= *(const size_t *)arg;
}

static void wait_size(lua_State *L, struct input *in)
{
	size_t want = next(in) + ((size_t)next(in) << 8) % 0x4000 * 5;

	lua_pushinteger(L, (lua_Integer)want);
	wait_for(L, in, is_size, &want); /* 0 is news, of whatever size */
}

static bool always(const void *arg)
{
	return true;
}

static bool never(const void *arg)
{
	return false;
}

static void wait_any(lua_State *L, struct input *in)
{
	if (next(in) & 1) {
		lua_pushboolean(L, true);
		wait_for(L, in, always, NULL);
	} else {
		lua_pushinteger(L, -1);
		wait_for(L, in, never, NULL);
	}
}

static void nobody_waits(lua_State *L, struct input *in)
{
	size_t n;
	char *block = arrival(in, &n);

	deliver(L, block, n);
	check(host.wakeups.count == 0);
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
	static void (*const what[])(lua_State * L, struct input * in) = {
		push,	      wait_line, wait_size, wait_any, readline, pop,
		nobody_waits, wait_line, wait_size, readline, readall,	clear,
	};
	struct input *in = lua_touserdata(L, 1);

	lua_newtable(L);
	luaL_setfuncs(L, sockbuf_functions, 0);
	luaL_setfuncs(L, inbox_functions, 0);
	lua_replace(L, 1);
	lua_getfield(L, 1, "buffer");
	lua_call(L, 0, 1);
	begin(L, "attach");
	lua_pushinteger(L, ID);
	lua_call(L, 2, 0);
	for (unsigned rounds = 0; in->n && rounds < ROUND_MAX; rounds++) {
		what[next(in) % (sizeof(what) / sizeof(*what))](L, in);
		lua_settop(L, 2);
	}
	readall(L, in);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct input in = { p, n };
	lua_State *L = luaL_newstate();

	*(struct task **)lua_getextraspace(L) = &task;
	model.size = 0;
	lua_pushcfunction(L, run);
	lua_pushlightuserdata(L, &in);
	check(lua_pcall(L, 1, 0, 0) == LUA_OK);
	lua_close(L);
	inbox_release(&host);
	return 0;
}

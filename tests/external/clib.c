/* SPDX-License-Identifier: MIT */
/* A C library of a Lua service: makes blocks for skynet.send, sends by itself, packs and
 * unpacks. */
#include <lauxlib.h>
#include <lua.h>
#include <pthread.h>
#include <string.h>
#include "lua-seri.h"
#include "skynet.h"
#include "skynet_env.h"
#include "skynet_socket.h"
#include "spinlock.h"

static struct skynet_context *context(lua_State *L)
{
	struct skynet_context *ctx;

	lua_getfield(L, LUA_REGISTRYINDEX, "skynet_context");
	ctx = lua_touserdata(L, -1);
	lua_pop(L, 1);
	if (!ctx)
		luaL_error(L, "no context");
	return ctx;
}

/* block(string) -> a block with its bytes, size */
static int l_block(lua_State *L)
{
	size_t n;
	const char *s = luaL_checklstring(L, 1, &n);
	char *p = malloc(n + 1);

	memcpy(p, s, n + 1); /* the parrot reads up to the NUL */
	lua_pushlightuserdata(L, p);
	lua_pushinteger(L, (lua_Integer)n);
	return 2;
}

/* take(block, size) -> string; the block is freed */
static int l_take(lua_State *L)
{
	void *p = lua_touserdata(L, 1);

	lua_pushlstring(L, p, (size_t)luaL_checkinteger(L, 2));
	free(p);
	return 1;
}

/* send(address, session, string) -> result of skynet_send */
static int l_send(lua_State *L)
{
	size_t n;
	uint32_t to = (uint32_t)luaL_checkinteger(L, 1);
	int session = (int)luaL_checkinteger(L, 2);
	const char *s = luaL_checklstring(L, 3, &n);

	lua_pushinteger(L, skynet_send(context(L), 0, to, PTYPE_TEXT, session, (void *)s, n));
	return 1;
}

static int l_handle(lua_State *L)
{
	lua_pushinteger(L, skynet_current_handle());
	lua_pushstring(L, skynet_command(context(L), "REG", NULL));
	return 2;
}

/* env(key[, value]): sets the value; returns what the key has */
static int l_env(lua_State *L)
{
	const char *key = luaL_checkstring(L, 1);

	if (lua_isstring(L, 2))
		skynet_setenv(key, lua_tostring(L, 2));
	lua_pushstring(L, skynet_getenv(key));
	return 1;
}

#define COUNTERS 4
#define COUNTS 20000

struct counter {
	struct spinlock lock;
	int count;
};

static void *count(void *ud)
{
	struct counter *c = ud;

	for (int i = 0; i < COUNTS; i++) {
		SPIN_LOCK(c);
		c->count++;
		SPIN_UNLOCK(c);
	}
	return NULL;
}

/* spin() -> what threads counted together, how often each, how many; whether trylock is right */
static int l_spin(lua_State *L)
{
	struct counter c = { .count = 0 };
	pthread_t threads[COUNTERS];
	int right;

	SPIN_INIT(&c);
	for (int i = 0; i < COUNTERS; i++)
		pthread_create(&threads[i], NULL, count, &c);
	for (int i = 0; i < COUNTERS; i++)
		pthread_join(threads[i], NULL);
	right = spinlock_trylock(&c.lock) && !spinlock_trylock(&c.lock);
	SPIN_UNLOCK(&c);
	SPIN_DESTROY(&c);
	lua_pushinteger(L, c.count);
	lua_pushinteger(L, COUNTERS * COUNTS);
	lua_pushboolean(L, right);
	return 3;
}

int luaopen_clib(lua_State *L)
{
	const luaL_Reg f[] = {
		{ "block", l_block },	{ "take", l_take },	  { "send", l_send },
		{ "handle", l_handle }, { "pack", luaseri_pack }, { "unpack", luaseri_unpack },
		{ "env", l_env },	{ "spin", l_spin },	  { NULL, NULL },
	};

	luaL_newlib(L, f);
	return 1;
}

/* SPDX-License-Identifier: MIT */
/* A C library of a Lua service: makes blocks for skynet.send, sends by itself, packs and
 * unpacks. */
#include <lauxlib.h>
#include <lua.h>
#include <string.h>
#include "lua-seri.h"
#include "skynet.h"
#include "skynet_socket.h"

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

int luaopen_clib(lua_State *L)
{
	const luaL_Reg f[] = {
		{ "block", l_block },	{ "take", l_take },	  { "send", l_send },
		{ "handle", l_handle }, { "pack", luaseri_pack }, { "unpack", luaseri_unpack },
		{ NULL, NULL },
	};

	luaL_newlib(L, f);
	return 1;
}

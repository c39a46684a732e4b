/* SPDX-License-Identifier: MIT */
/* Any bytes as a compiled datasheet: refused, or every table of it can be read. */
#include <lauxlib.h>
#include <lua.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lua/modules/share/datasheet.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct input {
	const uint8_t *data;
	uint32_t tables;
};

/* A table inside has an id that can be read as well. */
static int sub(lua_State *L)
{
	if (lua_tointeger(L, 2) < 0 || lua_tointeger(L, 2) >= lua_tointeger(L, lua_upvalueindex(1)))
		abort();
	return 1;
}

static int read_all(lua_State *L)
{
	const struct input *in = lua_touserdata(L, 1);

	lua_pushinteger(L, in->tables);
	lua_pushcclosure(L, sub, 1);
	for (uint32_t i = 0; i < in->tables; i++) {
		uint32_t at;

		memcpy(&at, in->data + 8 + (size_t)i * 4, 4);
		if (at == UINT32_MAX)
			continue;
		lua_newtable(L);
		sheet_fill(L, in->data, i, 3, 2);
		lua_settop(L, 2);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct input in = { p, 0 };
	lua_State *L;

	if (sheet_check(p, n))
		return 0;
	memcpy(&in.tables, p + 4, 4);
	L = luaL_newstate();
	lua_pushcfunction(L, read_all);
	lua_pushlightuserdata(L, &in);
	if (lua_pcall(L, 1, 0, 0) != LUA_OK)
		abort();
	lua_close(L);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* Any bytes as a column, a number and rows of a MySQL server: a value, or an error with our text.
 * The first byte says how many columns the rows have, three bytes each say of which type; the rest
 * is the packet. */
#include <lauxlib.h>
#include <lualib.h>
#include <stdint.h>
#include <stdlib.h>

#include "lua/modules/mysql/mysql_core.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const char script[] =
	"local core, bytes = ...\n"
	"local count = (bytes:byte() or 0) % 40\n"
	"local kinds, packet = bytes:sub(2, 1 + 3 * count), bytes:sub(2 + 3 * count)\n"
	"local names = {}\n"
	"for i = 1, count do names[i] = 'c' .. i end\n"
	"local function try(f, ...)\n"
	"	local ok, r, more = pcall(f, ...)\n"
	"	assert(ok or r:find('^mysql: the server sent'), r)\n"
	"	return ok and r, more\n"
	"end\n"
	"try(core.column, bytes)\n"
	"local _, behind = try(core.number, bytes, 1)\n"
	"assert(not _ or behind > 1 and behind <= 10 and behind <= #bytes + 1)\n"
	"for _, f in ipairs { core.textrow, core.binaryrow } do\n"
	"	local a, b = try(f, packet, names, kinds), try(f, packet, names, kinds, true)\n"
	"	assert(not a == not b)\n"
	"	for i = 1, a and #kinds // 3 or 0 do\n"
	"		local x, y = a['c' .. i], b[i]\n"
	"		assert(x == y or x ~= x and y ~= y)\n"
	"	end\n"
	"end\n";

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	lua_State *L = luaL_newstate();

	luaL_openlibs(L);
	if (luaL_loadstring(L, script) != LUA_OK)
		abort();
	luaopen_skynet_db_mysql_core(L);
	lua_pushlstring(L, (const char *)p, n);
	if (lua_pcall(L, 2, 0, 0) != LUA_OK)
		abort();
	lua_close(L);
	return 0;
}

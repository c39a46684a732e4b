/* SPDX-License-Identifier: MIT */
/* What a client sends comes out of the decoder as it was. A Redis server's bytes: found whole, the
 * same however they are cut, within the limit; the decoder makes values of them, or raises. */
#include <lauxlib.h>
#include <lualib.h>
#include <stdint.h>
#include <stdlib.h>

#include "lua/modules/redis/redis_core.h"
#include "lua/modules/redis/resp.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define LIMIT 5000u
#define BUDGET 3000u /* bytes that are also given one by one */

static void check(int ok)
{
	if (!ok)
		abort();
}

/* All in one piece, and byte by byte. */
static void check_scan(const char *p, size_t n)
{
	struct resp_scan whole = { .at = 0 }, parts = { .at = 0 };
	enum resp_state once = resp_scan(&whole, p, n, LIMIT), state = RESP_MORE;

	for (size_t k = 0; k <= n && k <= BUDGET && state == RESP_MORE; k++) {
		state = resp_scan(&parts, p, k, LIMIT);
		check(state != RESP_MORE || parts.need > k);
		check(parts.at <= k && parts.at <= LIMIT && parts.depth <= RESP_DEPTH);
	}
	if (once == RESP_WHOLE && whole.at <= BUDGET)
		check(state == RESP_WHOLE && parts.at == whole.at);
	if (once == RESP_MORE && n <= BUDGET)
		check(state == RESP_MORE && parts.need == whole.need);
	if (once == RESP_BAD && n <= BUDGET)
		check(state == RESP_BAD);
}

static const char decode[] = "local core, bytes, cut = ...\n"
			     "local d, list = core.decoder(5000), {}\n"
			     "for i = 1, #bytes, cut do\n"
			     "	core.feed(d, bytes:sub(i, i + cut - 1))\n"
			     "	while true do\n"
			     "		local ok, reply = core.next(d)\n"
			     "		if ok == nil then assert(reply > 0) break end\n"
			     "		list[#list + 1] = { ok, type(reply) }\n"
			     "	end\n"
			     "	core.collect(d, list, #list + 1)\n"
			     "end\n"
			     "return #list";

static const char trip[] =
	"local core, bytes = ...\n"
	"local d, n = core.decoder(), #bytes\n"
	"core.feed(d, core.command('$1\\r\\nX\\r\\n', bytes, -n, nil, n + 0.5, bytes))\n"
	"core.feed(d, (core.commands { { bytes, n }, { 'x', bytes } }))\n"
	"local _, a = core.next(d)\n"
	"local _, b = core.next(d)\n"
	"local _, c = core.next(d)\n"
	"assert(a[1] == 'X' and a[2] == bytes and a[3] == tostring(-n) and a[4] == nil)\n"
	"assert(a[5] == tostring(n + 0.5) and a[6] == bytes)\n"
	"assert(b[1] == bytes and b[2] == tostring(n) and c[1] == 'x' and c[2] == bytes)\n";

static void round_trip(lua_State *L, const char *p, size_t n)
{
	lua_settop(L, 1);
	check(luaL_loadstring(L, trip) == LUA_OK);
	lua_pushvalue(L, 1);
	lua_pushlstring(L, p, n);
	check(lua_pcall(L, 2, 0, 0) == LUA_OK);
}

/* How many replies the decoder finds in pieces of that size, or -1. */
static lua_Integer replies(lua_State *L, const char *p, size_t n, lua_Integer cut)
{
	lua_Integer found = -1;

	lua_settop(L, 1);
	check(luaL_loadstring(L, decode) == LUA_OK);
	lua_pushvalue(L, 1);
	lua_pushlstring(L, p, n);
	lua_pushinteger(L, cut);
	if (lua_pcall(L, 3, 1, 0) == LUA_OK)
		found = lua_tointeger(L, -1);
	else
		check(lua_type(L, -1) == LUA_TSTRING);
	return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static lua_State *L;

	if (!L) {
		L = luaL_newstate();
		check(L != NULL);
		luaL_openlibs(L);
		luaopen_skynet_db_redis_core(L);
	}
	check_scan((const char *)p, n);
	check(replies(L, (const char *)p, n, (lua_Integer)n + 1) ==
	      replies(L, (const char *)p, n, 7));
	round_trip(L, (const char *)p, n);
	check(resp_slot((const char *)p, n) < 16384);
	lua_settop(L, 1);
	return 0;
}

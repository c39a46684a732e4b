/* SPDX-License-Identifier: MIT */
/* Any bytes as the messages of a PostgreSQL server: the same however they are cut, values of the
 * right types, or an error with our text. The first byte says how many columns the rows have, the
 * next ones of which kinds; all of it is also the description of columns, bytes and an array. */
#include <lauxlib.h>
#include <lualib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lua/modules/pgsql/pgsql_core.h"
#include "lua/modules/pgsql/pgsql_value.h"
#include "lua/modules/pgsql/pgsql_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const char script[] =
	"local core, bytes = ...\n"
	"local letters = 'bifnxsBIFNXS'\n"
	"local count = (bytes:byte() or 0) % 20\n"
	"local kinds = bytes:sub(2, 1 + count):gsub('.', function(c)\n"
	"	local i = c:byte() % #letters + 1\n"
	"	return letters:sub(i, i)\n"
	"end)\n"
	"local types = { b = 'boolean', i = 'number', f = 'number', n = 'number', x = 'string',\n"
	"	s = 'string' }\n"
	"local stream, names = bytes:sub(2 + count), {}\n"
	"for i = 1, #kinds do names[i] = 'c' .. i end\n"
	"local function fits(v, kind)\n"
	"	if kind:find '%u' then\n"
	"		assert(type(v) == 'table')\n"
	"		for _, m in pairs(v) do\n"
	"			if type(m) == 'table' then fits(m, kind) else fits(m, "
	"kind:lower()) end\n"
	"		end\n"
	"	else\n"
	"		assert(v == nil or type(v) == types[kind])\n"
	"		assert(v == nil or kind ~= 'i' or math.type(v) == 'integer')\n"
	"		assert(v == nil or kind ~= 'f' or math.type(v) == 'float')\n"
	"	end\n"
	"end\n"
	"local function walk(cut, compact)\n"
	"	local d, rows, n, others = core.decoder(), {}, 0, {}\n"
	"	core.begin(d, 5000)\n"
	"	local ok, why = pcall(function()\n"
	"		for i = 1, #stream, cut do\n"
	"			core.feed(d, stream:sub(i, i + cut - 1))\n"
	"			while true do\n"
	"				n = core.rows(d, rows, n, names, kinds, compact)\n"
	"				local kind, body = core.next(d)\n"
	"				if not kind then assert(body > 0) break end\n"
	"				others[#others + 1] = kind .. body\n"
	"			end\n"
	"		end\n"
	"	end)\n"
	"	assert(ok or why:find 'pgsql: ', why)\n"
	"	assert(#rows >= n)\n"
	"	for i = 1, n do\n"
	"		for c = 1, #kinds do\n"
	"			local v = rows[i][compact and c or names[c]]\n"
	"			if v ~= nil then fits(v, kinds:sub(c, c)) end\n"
	"		end\n"
	"	end\n"
	"	return ok, n, table.concat(others)\n"
	"end\n"
	"local a, b, c = walk(#stream + 1)\n"
	"local x, y, z = walk(3, true)\n"
	"assert(a == x and (not a or b == y and c == z))\n"
	"local ok, got, kind, columns = pcall(core.columns, bytes)\n"
	"assert(ok and #got == #kind and #got == #columns or got:find 'pgsql: ', got)\n";

static void check(int ok)
{
	if (!ok)
		abort();
}

/* As many members as there are commas at most; the walk ends, in the text. */
static void check_array(const char *p, size_t n)
{
	char *to = malloc(n + 1);
	struct pgsql_array a;
	enum pgsql_token t;
	size_t steps = 0;

	pgsql_array_begin(&a, p, n);
	while ((t = pgsql_array_next(&a)) != PGSQL_END && t != PGSQL_BAD) {
		check(a.depth <= PGSQL_DEPTH && a.at <= a.end && ++steps <= 2 * n);
		if (t == PGSQL_QUOTED)
			check(pgsql_unquote(a.text, a.size, to) <= a.size);
	}
	check(t == PGSQL_BAD || (a.depth == 0 && a.at == p + n));
	check(pgsql_bytes(p, n, (uint8_t *)to) <= (int64_t)n);
	free(to);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static lua_State *L;

	if (!L) {
		L = luaL_newstate();
		check(L != NULL);
		luaL_openlibs(L);
		check(luaL_loadstring(L, script) == LUA_OK);
		luaopen_skynet_db_pgsql_core(L);
	}
	check_array((const char *)p, n);
	lua_pushvalue(L, 1);
	lua_pushvalue(L, 2);
	lua_pushlstring(L, (const char *)p, n);
	if (lua_pcall(L, 2, 0, 0) != LUA_OK)
		abort();
	return 0;
}

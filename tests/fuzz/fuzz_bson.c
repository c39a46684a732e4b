/* SPDX-License-Identifier: MIT */
/* Any bytes as the elements of a document of BSON, and as a message of MongoDB. What the check
 * accepts can be decoded, what it refuses raises our text. The decoded table is encoded, and what
 * that gives is decoded, encoded and replaced to the same values again. */
#include <lauxlib.h>
#include <lualib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/little.h"
#include "lua/modules/bson/bson.h"
#include "lua/modules/bson/bson_wire.h"
#include "lua/modules/mongo/mongo_driver.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Texts from outside that look like our values, and keys of no text, may be refused when they are
 * encoded. */
static const char script[] =
	"local bson, good, pointer, driver, raw = ...\n"
	"local function same(a, b)\n"
	"	if type(a) ~= 'table' or type(b) ~= 'table' then\n"
	"		return a == b and math.type(a) == math.type(b) or a ~= a and b ~= b\n"
	"	end\n"
	"	for k, v in pairs(a) do if not same(v, b[k]) then return false end end\n"
	"	for k in pairs(b) do if a[k] == nil then return false end end\n"
	"	return true\n"
	"end\n"
	"local ok, id, inside = pcall(driver.reply, raw)\n"
	"if ok then pcall(bson.decode, inside) end\n"
	"assert(ok or id:find '^Unsupported' or id:find '^mongo:', id)\n"
	"bson.exactdate(true)\n"
	"local ok, t = pcall(bson.decode, pointer)\n"
	"assert(ok == good, t)\n"
	"if not ok then\n"
	"	assert(t:find '^Invalid bson', t)\n"
	"	return\n"
	"end\n"
	"local ok, b = pcall(bson.encode, t)\n"
	"if not ok then\n"
	"	assert(b:find 'utf8' or b:find 'Invalid bson ' or b:find 'has a hole' or\n"
	"		b:find \"can't be number\", b)\n"
	"	return\n"
	"end\n"
	"local again = b:decode()\n"
	"assert(#tostring(b) == #b)\n"
	"assert(same(again, bson.encode(again):decode()))\n"
	"b:makeindex()\n"
	"for k, v in pairs(again) do\n"
	"	pcall(function() b[k] = v end)\n"
	"end\n"
	"assert(same(again, b:decode()))\n";

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	lua_State *L = luaL_newstate();
	uint8_t *document = malloc(n + BSON_MIN_SIZE);
	struct bson_walk w;

	/* of the size that it has: a pointer is believed as to that */
	memcpy(little_put32(document, (uint32_t)(n + BSON_MIN_SIZE)), p, n);
	document[n + 4] = 0;
	luaL_openlibs(L);
	if (luaL_loadstring(L, script) != LUA_OK)
		abort();
	luaopen_bson(L);
	lua_pushboolean(L, bson_check(document, n + BSON_MIN_SIZE, &w));
	lua_pushlightuserdata(L, document);
	luaopen_skynet_mongo_driver(L);
	lua_pushlstring(L, (const char *)p, n);
	if (lua_pcall(L, 5, 0, 0) != LUA_OK) {
		fputs(lua_tostring(L, -1), stderr);
		abort();
	}
	lua_close(L);
	free(document);
	return 0;
}

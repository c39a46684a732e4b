/* SPDX-License-Identifier: MIT */
/* Any bytes as a sproto message: refused, or a table that can be encoded again, and that the new
 * bytes decode to something of the same size. The first byte says which type is meant: one of
 * integers, or one of decimals, which are rounded and may not come back. */
#include <lauxlib.h>
#include <lua.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lua/modules/sproto/sproto.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* What sprotoparser makes of:
 *
 *   .All { i 0 : integer  b 1 : boolean  s 2 : string  d 3 : double  ia 6 : *integer  da 7 :
 *   *double  ba 8 : *boolean
 *          sa 9 : *string  all 10 : *All  key 12 : *Pair(k)  map 13 : *Pair()  one 20 : All }
 *   .Dec { x 0 : integer(2)  xs 1 : *integer(3)  m 2 : *Real(d)  r 3 : *Real() }
 *   .Pair { k 0 : integer  v 1 : string }
 *   .Real { d 0 : double  v 1 : Dec }
 */
static const char bundle[] =
	"\001\000\000\000\377\001\000\000\025\001\000\000\002\000\000\000\000\000\003\000"
	"\000\000\101\154\154\004\001\000\000\017\000\000\000\004\000\000\000\002\000\001"
	"\000\002\000\001\000\000\000\151\017\000\000\000\004\000\000\000\004\000\001\000"
	"\004\000\001\000\000\000\142\017\000\000\000\004\000\000\000\006\000\001\000\006"
	"\000\001\000\000\000\163\017\000\000\000\004\000\000\000\010\000\001\000\010\000"
	"\001\000\000\000\144\022\000\000\000\005\000\000\000\002\000\001\000\016\000\004"
	"\000\002\000\000\000\151\141\022\000\000\000\005\000\000\000\010\000\001\000\020"
	"\000\004\000\002\000\000\000\144\141\022\000\000\000\005\000\000\000\004\000\001"
	"\000\022\000\004\000\002\000\000\000\142\141\022\000\000\000\005\000\000\000\006"
	"\000\001\000\024\000\004\000\002\000\000\000\163\141\023\000\000\000\005\000\000"
	"\000\001\000\002\000\026\000\004\000\003\000\000\000\141\154\154\025\000\000\000"
	"\006\000\000\000\001\000\006\000\032\000\004\000\002\000\003\000\000\000\153\145"
	"\171\027\000\000\000\007\000\000\000\001\000\006\000\034\000\004\000\002\000\004"
	"\000\003\000\000\000\155\141\160\021\000\000\000\004\000\000\000\001\000\002\000"
	"\052\000\003\000\000\000\157\156\145\152\000\000\000\002\000\000\000\000\000\003"
	"\000\000\000\104\145\143\131\000\000\000\017\000\000\000\004\000\000\000\002\000"
	"\006\000\002\000\001\000\000\000\170\022\000\000\000\005\000\000\000\002\000\010"
	"\000\004\000\004\000\002\000\000\000\170\163\023\000\000\000\006\000\000\000\001"
	"\000\010\000\006\000\004\000\002\000\001\000\000\000\155\025\000\000\000\007\000"
	"\000\000\001\000\010\000\010\000\004\000\002\000\004\000\001\000\000\000\162\070"
	"\000\000\000\002\000\000\000\000\000\004\000\000\000\120\141\151\162\046\000\000"
	"\000\017\000\000\000\004\000\000\000\002\000\001\000\002\000\001\000\000\000\153"
	"\017\000\000\000\004\000\000\000\006\000\001\000\004\000\001\000\000\000\166\070"
	"\000\000\000\002\000\000\000\000\000\004\000\000\000\122\145\141\154\046\000\000"
	"\000\017\000\000\000\004\000\000\000\010\000\001\000\002\000\001\000\000\000\144"
	"\017\000\000\000\004\000\000\000\001\000\004\000\004\000\001\000\000\000\166";

static struct sproto *schema;

struct input {
	const uint8_t *data;
	size_t size;
	const struct sproto_type *type;
};

static int decode(lua_State *L)
{
	const struct input *in = lua_touserdata(L, 1);

	lua_newtable(L);
	if (sproto_decode(L, in->type, in->data, in->size, -1) > in->size)
		abort();
	return 1;
}

static int encode(lua_State *L)
{
	sproto_encode(L, lua_touserdata(L, 2), 1);
	return 1;
}

/* The table on the top becomes bytes, on the top; false: an error. */
static bool encode_top(lua_State *L, const struct sproto_type *t)
{
	lua_pushcfunction(L, encode);
	lua_insert(L, -2);
	lua_pushlightuserdata(L, (void *)(uintptr_t)t);
	return lua_pcall(L, 2, 1, 0) == LUA_OK;
}

static bool decode_push(lua_State *L, struct input *in)
{
	lua_pushcfunction(L, decode);
	lua_pushlightuserdata(L, in);
	return lua_pcall(L, 1, 1, 0) == LUA_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct input in;
	lua_State *L;
	size_t first;

	if (!schema)
		schema = sproto_load(bundle, sizeof(bundle) - 1);
	if (!schema)
		abort();
	if (!n)
		return 0;
	in = (struct input){ p + 1, n - 1, sproto_find_type(schema, *p & 1 ? "Dec" : "All") };
	L = luaL_newstate();
	if (decode_push(L, &in)) {
		bool good = encode_top(L, in.type);

		if (!good && !(*p & 1))
			abort();
		if (good) {
			in.data = (const uint8_t *)lua_tolstring(L, -1, &in.size);
			first = in.size;
			if (!decode_push(L, &in))
				abort();
			if (!(*p & 1) && (!encode_top(L, in.type) || lua_rawlen(L, -1) != first))
				abort();
		}
	}
	lua_close(L);
	return 0;
}

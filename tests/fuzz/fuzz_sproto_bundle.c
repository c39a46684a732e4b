/* SPDX-License-Identifier: MIT */
/* Any bytes as a bundle: refused, or a schema of which every type can be used. */
#include <lauxlib.h>
#include <lua.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lua/modules/sproto/sproto.h"
#include "lua/modules/sproto/sproto_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* One tag of each kind, as it may come over the wire: whatever the type makes of it, it is an
 * answer or an error. */
static const uint8_t messages[][20] = {
	{ 0, 0 },
	{ 4, 0, 4, 0, 4, 0, 4, 0, 4, 0 },
	{ 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4 },
	{ 1, 0, 0, 0, 6, 0, 0, 0, 2, 0, 0, 0, 0, 0 },
	{ 1, 0, 0, 0, 8, 0, 0, 0, 4, 0, 0, 0, 1, 0, 4, 0 },
};

static int try_type(lua_State *L)
{
	const struct sproto_type *t = lua_touserdata(L, 1);
	const uint8_t *m = lua_touserdata(L, 2);

	lua_newtable(L);
	if (sproto_decode(L, t, m, sizeof(messages[0]), -1) > sizeof(messages[0]))
		abort();
	sproto_encode(L, t, -1);
	return 0;
}

static int check_default(lua_State *L)
{
	sproto_default(L, lua_touserdata(L, 1));
	return 0;
}

static void use_type(lua_State *L, const struct sproto_type *t)
{
	lua_pushcfunction(L, check_default);
	lua_pushlightuserdata(L, (void *)(uintptr_t)t);
	if (!sproto_is_type(t) || lua_pcall(L, 1, 0, 0) != LUA_OK)
		abort();
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		lua_pushcfunction(L, try_type);
		lua_pushlightuserdata(L, (void *)(uintptr_t)t);
		lua_pushlightuserdata(L, (void *)(uintptr_t)messages[i]);
		(void)lua_pcall(L, 2, 0, 0);
		lua_settop(L, 0);
	}
	for (uint32_t i = 0; i < t->count; i++)
		if ((i && t->fields[i].tag <= t->fields[i - 1].tag) ||
		    (t->fields[i].value && t->fields[i].value == t->fields[i].key))
			abort();
}

/* The names of the types are asked for as the bundle has them. */
static void use_all(lua_State *L, const struct sproto *s, const uint8_t *p, size_t n)
{
	for (size_t at = 0; at + 4 < n; at++) {
		size_t size = little_get32(p + at);
		const struct sproto_type *t;
		char name[32] = "";

		if (size == 0 || size >= sizeof(name) || n - at - 4 < size)
			continue;
		memcpy(name, p + at + 4, size);
		t = sproto_find_type(s, name);
		if (t)
			use_type(L, t);
		(void)sproto_find_name(s, name);
		(void)sproto_find_tag(s, (int64_t)size);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static FILE *nowhere;
	struct sproto *s = sproto_load(p, n);
	lua_State *L;

	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	if (!s)
		return 0;
	sproto_dump(s, nowhere);
	L = luaL_newstate();
	use_all(L, s, p, n);
	lua_close(L);
	sproto_free(s);
	return 0;
}

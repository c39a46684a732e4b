/* SPDX-License-Identifier: MIT */
/* Readers of skynet.stm, and schemas of sproto: see tape_objects.h. */
#include "lua/load/tape_objects.h"

#include <lauxlib.h>
#include <string.h>

#include "lua/modules/share/stm.h"
#include "lua/modules/sproto/sproto.h"

/* Runs the original with the arguments that are on the stack, which the results replace, or the
 * error. Returns Lua's status. */
static int run_original(lua_State *L)
{
	int n = lua_gettop(L);

	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	return lua_pcall(L, n, LUA_MULTRET, 0);
}

/* ---- a reader: reader(f, ud) ---- */

/* The f of a reading whose bytes are kept. */
static int bytes_of(lua_State *L)
{
	lua_pushlstring(L, lua_touserdata(L, 1), (size_t)lua_tointeger(L, 2));
	return 1;
}

/* Upvalues: the original, the call. Reads, keeps what comes of it, and returns whether there was
 * something new. */
static int read_and_keep(lua_State *L)
{
	struct tape_call *call = lua_touserdata(L, lua_upvalueindex(2));
	struct tape *t = lua_touserdata(L, 2);
	int status;

	lua_settop(L, 1);
	lua_pushcfunction(L, bytes_of);
	status = run_original(L);
	call->raised = status != LUA_OK;
	t->ops->values(t, L, call);
	return call->raised ? lua_error(L) : 1;
}

int tape_record_reading(lua_State *L, struct tape *t, struct tape_call *call)
{
	luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_settop(L, 3);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_pushlightuserdata(L, call);
	lua_pushcclosure(L, read_and_keep, 2);
	lua_pushvalue(L, 1);
	lua_pushlightuserdata(L, t);
	lua_call(L, 2, 1);
	if (!lua_toboolean(L, -1))
		return 1;
	lua_settop(L, 3);
	return stm_hand_over(L);
}

int tape_play_reading(lua_State *L, struct tape *t, struct tape_call *call)
{
	const char *bytes;
	size_t size;

	luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_settop(L, 3);
	t->ops->values(t, L, call);
	if (call->raised)
		return lua_error(L);
	if (!lua_toboolean(L, 4)) {
		lua_pushboolean(L, false);
		return 1;
	}
	bytes = luaL_checklstring(L, 5, &size);
	stm_publish_to(L, 1, bytes, size);
	lua_settop(L, 3);
	return run_original(L) == LUA_OK ? lua_gettop(L) : lua_error(L);
}

/* ---- a schema: loadproto(slot) ---- */

int tape_record_schema(lua_State *L, struct tape *t, struct tape_call *call)
{
	struct sproto *s;
	const char *bundle;
	size_t size;

	call->raised = run_original(L) != LUA_OK;
	if (call->raised) {
		t->ops->values(t, L, call);
		return lua_error(L);
	}
	s = lua_touserdata(L, 1);
	bundle = sproto_bundle(s, &size);
	if (!bundle) {
		t->ops->uncovered(t, "a schema that saveproto was given without its bundle");
		return 1;
	}
	lua_settop(L, 0);
	lua_pushlstring(L, bundle, size);
	t->ops->values(t, L, call);
	lua_pushlightuserdata(L, s);
	return 1;
}

/* The schema that this slot had by then. */
static struct sproto *schema_of(unsigned slot, const char *bundle, size_t size)
{
	struct sproto *s = sproto_saved(slot);
	size_t have;
	const void *bytes = s ? sproto_bundle(s, &have) : NULL;

	if (bytes && have == size && memcmp(bytes, bundle, size) == 0)
		return s;
	s = sproto_load(bundle, size);
	if (!s)
		return NULL;
	sproto_set_bundle(s, bundle, size);
	sproto_save(s, slot);
	return s;
}

int tape_play_schema(lua_State *L, struct tape *t, struct tape_call *call)
{
	lua_Integer slot = lua_tointeger(L, 1);
	struct sproto *s;
	const char *bundle;
	size_t size;

	lua_settop(L, 1);
	t->ops->values(t, L, call);
	if (call->raised)
		return lua_error(L);
	bundle = luaL_checklstring(L, 2, &size);
	s = schema_of((unsigned)slot % SPROTO_SLOTS, bundle, size);
	if (!s)
		return luaL_error(L, "the file is damaged: a schema makes no sense");
	lua_pushlightuserdata(L, s);
	return 1;
}

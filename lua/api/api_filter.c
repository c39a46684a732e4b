/* SPDX-License-Identifier: MIT */
/* skynet: what stands before the dispatch of a whole service. */
#include "lua/api/api_filter.h"

#include "core/base/mem.h"
#include "lua/api/api_life.h"
#include "lua/api/api_proto.h"
#include "lua/host/host.h"

static int start_rest(lua_State *L)
{
	lua_remove(L, 1);
	return api_start(L);
}

/* forward_type(map, f): a message of type t is dispatched as map[t], and its buffer is the
 * handler's. */
int api_forward_type(lua_State *L)
{
	struct host *h = host_of(L);

	luaL_checktype(L, 1, LUA_TTABLE);
	api_check_callable(L, 2);
	if (!h->type_map)
		h->type_map = mem_alloc(256);
	for (int i = 0; i < 256; i++) {
		lua_rawgeti(L, 1, i);
		h->type_map[i] = (uint8_t)(lua_isinteger(L, -1) ? lua_tointeger(L, -1) : i);
		lua_pop(L, 1);
	}
	h->unusual = true;
	return start_rest(L);
}

/* filter(func, f): func(type, msg, size, session, source) returns the five values that are
 * dispatched. */
int api_filter(lua_State *L)
{
	struct host *h = host_of(L);

	luaL_checktype(L, 1, LUA_TFUNCTION);
	api_check_callable(L, 2);
	lua_pushvalue(L, 1);

	int ref = luaL_ref(L, LUA_REGISTRYINDEX); /* may raise: the old one stays */

	luaL_unref(L, LUA_REGISTRYINDEX, h->filter_ref);
	h->filter_ref = ref;
	h->unusual = true;
	return start_rest(L);
}

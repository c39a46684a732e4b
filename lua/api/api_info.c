/* SPDX-License-Identifier: MIT */
/* skynet: addresses, clocks, environment, log, statistics, and values
 * as bytes (3.10). */
#include "lua/api/api_info.h"

#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/node/command.h"
#include "core/node/env.h"
#include "core/log/log.h"
#include "core/actor/names.h"
#include "core/actor/handle.h"
#include "lua/host/logline.h"
#include "lua/host/dispatch.h"
#include "lua/host/seri.h"
#include "lua/host/wait.h"

#define SELF(h) service_handle((h)->s)

/* ---- addresses ---- */

int api_self(lua_State *L)
{
	lua_pushinteger(L, SELF(host_of(L)));
	return 1;
}

int api_localname(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);
	uint32_t handle = name[0] == '.' ? names_find(name + 1) : 0;

	if (!handle)
		return 0;
	lua_pushinteger(L, handle);
	return 1;
}

int api_address(lua_State *L)
{
	if (lua_type(L, 1) == LUA_TNUMBER) {
		char text[16];

		snprintf(text, sizeof(text), ":%08x", (uint32_t)lua_tointeger(L, 1));
		lua_pushstring(L, text);
	} else {
		luaL_checkany(L, 1);
		luaL_tolstring(L, 1, NULL);
	}
	return 1;
}

int api_harbor(lua_State *L)
{
	uint32_t handle = (uint32_t)luaL_checkinteger(L, 1);

	lua_pushinteger(L, handle >> 24);
	lua_pushboolean(L, handle >> 24 != 0 && handle >> 24 != service_harbor());
	return 2;
}

/* ---- clocks ---- */

int api_now(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)clock_now_cs());
	return 1;
}

int api_hpc(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)clock_mono_ns());
	return 1;
}

int api_starttime(lua_State *L)
{
	lua_pushinteger(L, clock_start_seconds());
	return 1;
}

int api_time(lua_State *L)
{
	lua_pushnumber(L, clock_start_seconds() + (double)clock_now_cs() / 100);
	return 1;
}

/* ---- environment ---- */

int api_getenv(lua_State *L)
{
	lua_pushstring(L, env_get(luaL_checkstring(L, 1))); /* NULL is nil */
	return 1;
}

int api_setenv(lua_State *L)
{
	const char *key = luaL_checkstring(L, 1);

	luaL_argcheck(L, !strchr(key, ' '), 1, "a key holds no space");
	if (env_set(key, luaL_checkstring(L, 2)) != 0)
		return luaL_error(L, "Can't setenv exist key : %s", key);
	return 0;
}

/* ---- this service ---- */

int api_genid(lua_State *L)
{
	lua_pushinteger(L, host_new_session(host_of(L)));
	return 1;
}

int api_stat(lua_State *L)
{
	const char *r = command_run(host_of(L)->s, "STAT", luaL_checkstring(L, 1));

	if (!r || lua_stringtonumber(L, r) == 0)
		lua_pushinteger(L, 0);
	return 1;
}

int api_mqlen(lua_State *L)
{
	lua_pushinteger(L, mailbox_length(&host_of(L)->s->mailbox));
	return 1;
}

/* Ours: mailbox([max [, policy]]) sets the bound of this service's mailbox, 0 = none, "refuse" or
 * "warn". Returns the bound, how many messages wait, how many did not fit. */
int api_mailbox(lua_State *L)
{
	static const char *const policies[] = { "refuse", "warn", NULL };
	struct service *s = host_of(L)->s;

	if (!lua_isnoneornil(L, 1)) {
		lua_Integer max = luaL_checkinteger(L, 1);
		int policy = luaL_checkoption(L, 2, policies[0], policies);

		luaL_argcheck(L, max >= 0 && max <= INT32_MAX, 1, "not a number of messages");
		overload_set_bound(s, (unsigned)max, policy ? OVERLOAD_WARN : OVERLOAD_REFUSE);
	}
	lua_pushinteger(L, mailbox_bound(&s->mailbox));
	lua_pushinteger(L, mailbox_length(&s->mailbox));
	lua_pushinteger(L, (lua_Integer)mailbox_refused(&s->mailbox));
	return 3;
}

int api_endless(lua_State *L)
{
	lua_pushboolean(L, strcmp(command_run(host_of(L)->s, "STAT", "endless"), "1") == 0);
	return 1;
}

/* ---- log ---- */

/* One record of the arguments from `first` on; their texts have one space between them. */
static void log_arguments(lua_State *L, enum log_level level, int first)
{
	int n = lua_gettop(L);
	luaL_Buffer b;
	const char *text;
	size_t size;

	if (n < first) {
		lua_pushliteral(L, "nil");
	} else if (n == first) {
		luaL_tolstring(L, first, NULL);
	} else {
		luaL_buffinit(L, &b);
		for (int i = first; i <= n; i++) {
			if (i > first)
				luaL_addchar(&b, ' ');
			luaL_tolstring(L, i, NULL);
			luaL_addvalue(&b);
		}
		luaL_pushresult(&b);
	}
	text = lua_tolstring(L, -1, &size);
	logline_write(L, level, text, size);
}

int api_error(lua_State *L)
{
	log_arguments(L, LOG_LEVEL_INFO, 1);
	return 0;
}

/* Ours: skynet.log(level, ...) is error at a level of its own: "debug", "info", "warning" or
 * "error". Below the level of the log the arguments are not even made a text. */
int api_log(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);
	int level = log_level_parse(name);

	if (level < 0)
		return luaL_argerror(
			L, 1,
			lua_pushfstring(L, "\"%s\" is no level: debug, info, warning or error",
					name));
	if (log_wants((enum log_level)level, SELF(host_of(L))))
		log_arguments(L, (enum log_level)level, 2);
	return 0;
}

/* ---- values ---- */

int api_pack(lua_State *L)
{
	size_t size;
	void *payload = seri_pack(L, 1, &size);

	lua_pushlightuserdata(L, payload);
	lua_pushinteger(L, (lua_Integer)size);
	return 2;
}

int api_packstring(lua_State *L)
{
	struct host *h = host_of(L);
	size_t size;
	void *payload = seri_pack(L, 1, &size);

	if (!payload) {
		lua_pushliteral(L, "");
		return 1;
	}
	/* The string may pass the memory limit: the next call frees what an error left. */
	payload_free(h->loose);
	h->loose = payload;
	lua_pushlstring(L, payload, size);
	h->loose = NULL;
	payload_free(payload);
	return 1;
}

int api_unpack(lua_State *L)
{
	size_t size;
	const void *data;
	bool foreign = false;

	if (lua_isnoneornil(L, 1))
		return 0;
	if (lua_type(L, 1) == LUA_TSTRING) {
		data = lua_tolstring(L, 1, &size);
	} else {
		luaL_checktype(L, 1, LUA_TLIGHTUSERDATA);
		data = lua_touserdata(L, 1);
		size = (size_t)luaL_checkinteger(L, 2);
		if (size && !data)
			return luaL_error(L, "deserialize null pointer");
		foreign = host_payload_flags(host_of(L), data) != 0;
	}
	return size ? seri_read(L, data, size, foreign) : 0;
}

int api_tostring(lua_State *L)
{
	if (lua_isnoneornil(L, 1))
		return 0;
	if (lua_type(L, 1) == LUA_TSTRING) {
		lua_settop(L, 1);
		return 1;
	}
	luaL_checktype(L, 1, LUA_TLIGHTUSERDATA);
	if (!lua_touserdata(L, 1)) {
		lua_pushliteral(L, "");
		return 1;
	}
	lua_pushlstring(L, lua_touserdata(L, 1), (size_t)luaL_checkinteger(L, 2));
	return 1;
}

int api_trash(lua_State *L)
{
	switch (lua_type(L, 1)) {
	case LUA_TSTRING:
		return 0;
	case LUA_TLIGHTUSERDATA:
		luaL_checkinteger(L, 2);
		payload_free(lua_touserdata(L, 1));
		return 0;
	default:
		return luaL_error(L, "skynet.trash invalid param %s", luaL_typename(L, 1));
	}
}

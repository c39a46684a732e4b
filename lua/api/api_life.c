/* SPDX-License-Identifier: MIT */
/* skynet: how a service starts, starts others, and ends. */
#include "lua/api/api_life.h"

#include <string.h>

#include "core/node/command.h"
#include "core/log/log.h"
#include "core/actor/send.h"
#include "core/sched/timeout.h"
#include "lua/api/api_message.h"
#include "lua/api/api_proto.h"
#include "lua/host/life.h"
#include "lua/host/memory.h"
#include "lua/host/proto.h"
#include "lua/host/seri.h"
#include "lua/host/shown.h"
#include "lua/host/task.h"
#include "lua/host/timeout.h"

#define SELF(h) service_handle((h)->s)

/* ---- ending ---- */

/* Sends a one-word command with at most two more values (on the stack from `from`) to the launcher.
 */
static void tell_launcher(lua_State *L, int from)
{
	struct host *h = host_of(L);
	size_t size;
	struct msg *m = msg_of(seri_pack(L, from, &size));

	lua_settop(L, from - 1);
	*m = (struct msg){ .size = size, .source = SELF(h), .type = PTYPE_LUA };
	service_forward_name(".launcher", m);
}

/* The callers are told, the other tasks closed, and the mailbox answered when the owner
 * takes the service down, right after this callback (snlua_release). */
int api_exit(lua_State *L)
{
	struct host *h = host_of(L);
	int top = lua_gettop(L);

	lua_pushliteral(L, "REMOVE");
	lua_pushinteger(L, SELF(h));
	lua_pushboolean(L, 0);
	tell_launcher(L, top + 1);
	life_end(h, "the callee exited");
	if (!h->current || task_of(L) != h->current)
		return luaL_error(L, "attempt to yield from outside a coroutine");
	task_blocking(L, "exit")->wait = WAIT_NEVER;
	return lua_yield(L, 0);
}

/* ---- starting ---- */

/* The launcher has heard how the start ended. Until then an error of the task is one of the
 * start: the telling may fail as well, for memory. */
static void start_is_over(struct host *h)
{
	if (h->current == h->start_task)
		h->start_task = NULL;
}

static int init_service_done(lua_State *L, int status, lua_KContext ctx)
{
	struct host *h = host_of(L);

	(void)ctx;
	if (status == LUA_OK || status == LUA_YIELD) {
		atomic_store_explicit(&h->s->starting, false, memory_order_relaxed);
		lua_pushliteral(L, "LAUNCHOK");
		tell_launcher(L, lua_gettop(L));
		start_is_over(h);
		return 0;
	}
	if (status == LUA_ERRMEM) {
		char memory[MEMORY_TEXT_MAX];

		memory_describe(h, memory);
		lua_pushfstring(L, "%s; %s", lua_tostring(L, -1), memory);
		lua_remove(L, -2);
	}
	log_printf(LOG_LEVEL_ERROR, SELF(h), "init service failed: %s", lua_tostring(L, -1));
	lua_pushliteral(L, "ERROR");
	lua_insert(L, -2);
	tell_launcher(L, lua_gettop(L) - 1);
	start_is_over(h);
	life_end(h, "the callee failed to start");
	task_blocking(L, "init_service")->wait = WAIT_NEVER;
	return lua_yield(L, 0);
}

#define INIT_END INT32_MAX

/* What skynet.init collected, then f (stack 1). ctx: the next of them, INIT_END when f has run. */
static int run_inits_from(lua_State *L, int status, lua_KContext ctx)
{
	struct host *h = host_of(L);

	(void)status;
	for (lua_Integer i = (lua_Integer)ctx; i < INIT_END; i++) {
		lua_settop(L, 1);
		if (h->inits_ref == LUA_NOREF) {
			lua_pushnil(L);
		} else {
			lua_rawgeti(L, LUA_REGISTRYINDEX, h->inits_ref);
			lua_rawgeti(L, -1, i);
			lua_remove(L, -2);
		}
		if (!lua_isnil(L, -1)) {
			lua_callk(L, 0, 0, (lua_KContext)(i + 1), run_inits_from);
			continue;
		}
		if (h->inits_ref != LUA_NOREF)
			luaL_unref(L, LUA_REGISTRYINDEX, h->inits_ref);
		h->inits_ref = LUA_NOREF;
		h->started = true;
		lua_settop(L, 1);
		lua_callk(L, 0, 0, INIT_END, run_inits_from);
		break;
	}
	return 0;
}

static int run_inits(lua_State *L)
{
	return run_inits_from(L, LUA_OK, 1);
}

int api_init_service(lua_State *L)
{
	struct host *h = host_of(L);

	api_check_callable(L, 1);
	lua_settop(L, 1);
	h->booted = true;
	h->start_task = h->current;
	lua_pushcfunction(L, shown_traceback);
	lua_insert(L, 1);
	lua_pushcfunction(L, run_inits);
	lua_insert(L, 2);
	return init_service_done(L, lua_pcallk(L, 1, 0, 1, 0, init_service_done), 0);
}

static int start_done(lua_State *L, int status, lua_KContext ctx)
{
	(void)L;
	(void)status;
	(void)ctx;
	return 0;
}

static int start_task(lua_State *L)
{
	lua_settop(L, 0);
	lua_pushcfunction(L, api_init_service);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_callk(L, 1, 0, 0, start_done);
	return 0;
}

/* The function runs with the next message, so that the main chunk finishes first. */
int api_start(lua_State *L)
{
	api_check_callable(L, 1);
	lua_settop(L, 1);
	lua_pushcclosure(L, start_task, 1);
	host_of(L)->start_tag = service_timeout_tag(timeout_start(L, 1, 0));
	host_of(L)->booted = true;
	return 0;
}

/* In the main chunk: f waits for the start. In a module that a task loads: for the end of its
 * require, which lua/lib/skynet/require.lua does. */
int api_init(lua_State *L)
{
	struct host *h = host_of(L);

	luaL_argexpected(L, lua_isfunction(L, 1), 1, "function");
	lua_settop(L, 1);
	if (h->current) {
		luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
		if (lua_getfield(L, -1, "skynet.require") != LUA_TTABLE)
			return luaL_error(L,
					  "skynet.init outside of the main chunk and of require");
		lua_getfield(L, -1, "init");
		lua_pushvalue(L, 1);
		lua_call(L, 1, 0);
		return 0;
	}
	if (h->started)
		return luaL_error(L, "skynet.init outside of the main chunk and of require");
	if (h->inits_ref == LUA_NOREF) {
		lua_newtable(L);
		h->inits_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	}
	lua_rawgeti(L, LUA_REGISTRYINDEX, h->inits_ref);
	lua_pushvalue(L, 1);
	lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
	return 0;
}

int api_memlimit(lua_State *L)
{
	struct host *h = host_of(L);
	lua_Integer limit = luaL_checkinteger(L, 1);

	if (h->started || h->current || h->limited || limit <= 0)
		return 0; /* only the main chunk sets it */
	h->memory_limit = (size_t)limit;
	/* Once: the function is gone from the table. */
	h->limited = true;
	lua_settop(L, 0);
	luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
	lua_getfield(L, 1, "skynet");
	lua_pushliteral(L, "memlimit");
	lua_pushnil(L);
	lua_rawset(L, 2);
	log_printf(LOG_LEVEL_INFO, SELF(h), "Set memory limit to %.2f M",
		   (double)limit / (1024 * 1024));
	return 0;
}

/* ---- other services ---- */

static void refuse_word(lua_State *L, int arg)
{
	luaL_argerror(L, arg,
		      lua_pushfstring(L, "a service takes words: string or number expected, got %s",
				      luaL_typename(L, arg)));
}

/* A service is launched by a line of words, which nil ends: what else is given from the index on is
 * refused here, where the program has its mistake, and not by the launcher. */
static void check_words(lua_State *L, int from)
{
	for (int i = from; i <= lua_gettop(L) && !lua_isnil(L, i); i++)
		if (!lua_isstring(L, i))
			refuse_word(L, i);
}

int api_newservice(lua_State *L)
{
	struct proto *p = proto_find_id(host_of(L), PTYPE_LUA);

	luaL_checkstring(L, 1);
	check_words(L, 2);
	(void)task_blocking(L, "newservice");
	lua_pushliteral(L, ".launcher");
	lua_pushliteral(L, "LAUNCH");
	lua_pushliteral(L, "snlua");
	lua_rotate(L, 1, 3);
	/* The answer: the handle, nil if it ended while it started, or an error that says why it
	 * failed. */
	return api_request(L, 1, p, api_pack_message(L, p, 2), -1, NULL);
}

/* The manager answers a value, or nil and the reason. */
static int value_or_reason(lua_State *L, int status, lua_KContext ctx)
{
	int n = api_answer_values(L);

	(void)status;
	(void)ctx;
	if (n && lua_toboolean(L, -n))
		return n;
	return luaL_error(L, "%s", n > 1 ? luaL_tolstring(L, 1 - n, NULL) : "call failed");
}

static int call_manager(lua_State *L, const char *local, const char *global)
{
	struct proto *p = proto_find_id(host_of(L), PTYPE_LUA);
	bool everywhere = lua_isboolean(L, 1);

	(void)task_blocking(L, "uniqueservice");
	check_words(L, everywhere ? 3 : 2);
	if (everywhere) {
		everywhere = lua_toboolean(L, 1);
		lua_remove(L, 1);
	}
	luaL_checkstring(L, 1);
	lua_pushliteral(L, ".service");
	lua_pushstring(L, everywhere ? global : local);
	lua_rotate(L, 1, 2);
	return api_request(L, 1, p, api_pack_message(L, p, 2), -1, value_or_reason);
}

int api_uniqueservice(lua_State *L)
{
	return call_manager(L, "LAUNCH", "GLAUNCH");
}

int api_queryservice(lua_State *L)
{
	return call_manager(L, "QUERY", "GQUERY");
}

/* SPDX-License-Identifier: MIT */
/* skynet.harbor: global names and links, over core/actor/remote.h. Beyond the contract:
 * register, release and transfer, which wait for the verdict, find, which does not wait, fence and
 * check, by which an owner proves that it is the last one, watch, which tells of lost names, and a
 * time limit for queryname. */
#include "lua/modules/cluster/harbor.h"

#include <string.h>

#include "core/actor/remote.h"
#include "core/actor/send.h"
#include "core/actor/service.h"
#include "lua/api/api_message.h"
#include "lua/host/task.h"
#include "lua/host/wait.h"

static const char *check_global(lua_State *L, int arg)
{
	const char *name = luaL_checkstring(L, arg);

	if (!remote_name_valid(name))
		luaL_error(L,
			   "assertion failed! Invalid global name %s: 1 to 63 bytes, no number, "
			   "no ':' in front",
			   name);
	return name;
}

static int harbor_globalname(lua_State *L)
{
	uint32_t self = service_handle(host_service(L));

	remote_get()->register_name(self, 0, check_global(L, 1),
				    (uint32_t)luaL_optinteger(L, 2, self));
	return 0;
}

static int push_true(lua_State *L, const void *data, size_t size)
{
	(void)data;
	(void)size;
	lua_pushboolean(L, 1);
	return 1;
}

/* With the number of the registration: a later owner of the name has a higher one. */
static int push_fence(lua_State *L, const void *data, size_t size)
{
	lua_Integer fence;

	lua_pushboolean(L, 1);
	if (size < sizeof(fence))
		return 1;
	memcpy(&fence, data, sizeof(fence));
	lua_pushinteger(L, fence);
	return 2;
}

static int push_nothing(lua_State *L, const void *data, size_t size)
{
	(void)L;
	(void)data;
	(void)size;
	return 0;
}

static int push_handle(lua_State *L, const void *data, size_t size)
{
	uint32_t handle = 0;

	if (size >= sizeof(handle))
		memcpy(&handle, data, sizeof(handle));
	lua_pushinteger(L, handle);
	return 1;
}

static int harbor_register(lua_State *L)
{
	uint32_t self = service_handle(host_service(L));
	const char *name = check_global(L, 1);
	uint32_t handle = (uint32_t)luaL_optinteger(L, 2, self);

	task_blocking(L, "harbor.register");
	int32_t session = host_new_session(host_of(L));

	remote_get()->register_name(self, session, name, handle);
	return api_wait_answer(L, session, push_fence);
}

static int harbor_release(lua_State *L)
{
	uint32_t self = service_handle(host_service(L));
	const char *name = check_global(L, 1);

	task_blocking(L, "harbor.release");
	int32_t session = host_new_session(host_of(L));

	remote_get()->release_name(self, session, name, (uint32_t)luaL_optinteger(L, 2, self));
	return api_wait_answer(L, session, push_true);
}

static uint32_t check_handle(lua_State *L, int arg)
{
	lua_Integer handle = luaL_checkinteger(L, arg);

	luaL_argcheck(L, handle > 0 && handle <= UINT32_MAX, arg, "not the handle of a service");
	return (uint32_t)handle;
}

/* transfer(name, to[, from]): from is this service; 0: whoever owns the name. */
static int harbor_transfer(lua_State *L)
{
	uint32_t self = service_handle(host_service(L));
	const char *name = check_global(L, 1);
	uint32_t target = check_handle(L, 2);
	uint32_t handle = (uint32_t)luaL_optinteger(L, 3, self);

	task_blocking(L, "harbor.transfer");
	int32_t session = host_new_session(host_of(L));

	remote_get()->transfer_name(self, session, name, handle, target);
	return api_wait_answer(L, session, push_fence);
}

/* ---- who is the last owner ---- */

/* As this node knows it: the number and the owner, or nothing. The name stands at 1. */
static int push_known(lua_State *L)
{
	uint32_t handle;
	uint64_t fence = service_name_fence(lua_tostring(L, 1), &handle);

	if (!fence)
		return 0;
	lua_pushinteger(L, (lua_Integer)fence);
	lua_pushinteger(L, handle);
	return 2;
}

static int fence_known(lua_State *L, int status, lua_KContext ctx)
{
	(void)status;
	(void)ctx;
	return push_known(L);
}

static int wait_sync(lua_State *L)
{
	int32_t session = host_new_session(host_of(L));

	remote_get()->sync_name(service_handle(host_service(L)), session, lua_tostring(L, 1));
	return api_wait_answer(L, session, push_nothing);
}

/* Asks the master about the name at 1; when k runs this node knows all that he knew. */
static int sync_then(lua_State *L, lua_KFunction k)
{
	lua_pushcfunction(L, wait_sync);
	lua_pushvalue(L, 1);
	lua_callk(L, 1, 0, 0, k);
	return k(L, LUA_OK, 0);
}

/* fence(name[, ask]) */
static int harbor_fence(lua_State *L)
{
	check_global(L, 1);
	if (!lua_toboolean(L, 2))
		return push_known(L);
	task_blocking(L, "harbor.fence");
	return sync_then(L, fence_known);
}

static int check_known(lua_State *L, int status, lua_KContext ctx)
{
	lua_Integer fence = lua_tointeger(L, 2);

	(void)status;
	(void)ctx;
	lua_pushboolean(L, push_known(L) && lua_tointeger(L, -2) == fence);
	return 1;
}

/* check(name, fence[, ask]): is this the number of the registration that holds now? A lower number
 * than one that is known is refused and the known one is taken at once; only of a number that is
 * new here the master must say. */
static int harbor_check(lua_State *L)
{
	lua_Integer fence;
	uint32_t handle;
	uint64_t known;

	known = service_name_fence(check_global(L, 1), &handle);
	fence = luaL_checkinteger(L, 2);
	if (fence <= 0 || (uint64_t)fence < known ||
	    (!lua_toboolean(L, 3) && (uint64_t)fence == known)) {
		lua_pushboolean(L, fence > 0 && (uint64_t)fence == known);
		return 1;
	}
	task_blocking(L, "harbor.check");
	return sync_then(L, check_known);
}

/* queryname(name[, timeout_cs]) */
static int harbor_queryname(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);
	lua_Integer ti = luaL_optinteger(L, 2, 0);
	int32_t session;

	if (name[0] == '.') {
		uint32_t handle = service_find(name);

		if (!handle)
			return 0;
		lua_pushinteger(L, handle);
		return 1;
	}
	check_global(L, 1);
	task_blocking(L, "harbor.queryname");
	session = host_new_session(host_of(L));
	if (ti > INT32_MAX / 10)
		ti = INT32_MAX / 10;
	remote_get()->query_name(service_handle(host_service(L)), session, name,
				 ti > 0 ? (uint32_t)ti * 10 : 0);
	return api_wait_answer(L, session, push_handle);
}

/* find(name): the handle of a global name that is known here just now, or nil. */
static int harbor_find(lua_State *L)
{
	uint32_t handle = remote_get()->find_name(check_global(L, 1));

	if (!handle)
		return 0;
	lua_pushinteger(L, handle);
	return 1;
}

static int wait_link(lua_State *L, void (*f)(uint32_t, int32_t, unsigned))
{
	lua_Integer id = luaL_checkinteger(L, 1);

	luaL_argcheck(L, id >= 0 && id <= 255, 1, "a harbor id is 0 to 255");
	task_blocking(L, "harbor.link");
	int32_t session = host_new_session(host_of(L));

	f(service_handle(host_service(L)), session, (unsigned)id);
	return api_wait_answer(L, session, push_nothing);
}

static int harbor_link(lua_State *L)
{
	return wait_link(L, remote_get()->wait_disconnected);
}

static int harbor_connect(lua_State *L)
{
	return wait_link(L, remote_get()->wait_connected);
}

static int harbor_linkmaster(lua_State *L)
{
	task_blocking(L, "harbor.linkmaster");
	int32_t session = host_new_session(host_of(L));

	remote_get()->wait_master_lost(service_handle(host_service(L)), session);
	return api_wait_answer(L, session, push_nothing);
}

/* ---- names that are lost ---- */

static int push_loss(lua_State *L, const void *data, size_t size)
{
	uint32_t winner = 0;

	if (size < sizeof(winner))
		return 0;
	memcpy(&winner, data, sizeof(winner));
	lua_pushlstring(L, (const char *)data + sizeof(winner), size - sizeof(winner));
	lua_pushinteger(L, winner);
	return 2;
}

static int wait_loss(lua_State *L)
{
	task_blocking(L, "harbor.watch");
	int32_t session = host_new_session(host_of(L));

	remote_get()->wait_name_lost(service_handle(host_service(L)), session);
	return api_wait_answer(L, session, push_loss);
}

static void push_fork(lua_State *L)
{
	luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
	lua_getfield(L, -1, "skynet");
	lua_getfield(L, -1, "fork");
	lua_replace(L, -3);
	lua_pop(L, 1);
}

/* Its function at 1. Each loss is a task of its own: one that waits or fails does not keep the next
 * back. */
static int watch_losses(lua_State *L, int status, lua_KContext lost)
{
	(void)status;
	do {
		if (lost) {
			push_fork(L);
			lua_insert(L, 2);
			lua_pushvalue(L, 1);
			lua_insert(L, 3);
			lua_call(L, 3, 0);
		}
		lua_settop(L, 1);
		lua_pushcfunction(L, wait_loss);
		lua_callk(L, 0, LUA_MULTRET, 1, watch_losses);
		lost = 1;
	} while (lua_gettop(L) == 3);
	return 0;
}

static int watch_task(lua_State *L)
{
	return watch_losses(L, LUA_OK, 0);
}

/* watch(f): calls f(name, winner) in a task of its own whenever a global name of this service has
 * gone to another. */
static int harbor_watch(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TFUNCTION);
	push_fork(L);
	lua_pushcfunction(L, watch_task);
	lua_pushvalue(L, 1);
	lua_call(L, 2, 0);
	return 0;
}

/* ---- messages that are lost ---- */

/* number, harbor id, sent, unsent, why */
static int push_messages(lua_State *L, const void *data, size_t size)
{
	struct remote_loss loss;

	if (size < sizeof(loss))
		return 0;
	memcpy(&loss, data, sizeof(loss));
	lua_pushinteger(L, (lua_Integer)loss.number);
	lua_pushinteger(L, (lua_Integer)loss.id);
	lua_pushinteger(L, (lua_Integer)loss.sent);
	lua_pushinteger(L, (lua_Integer)loss.unsent);
	lua_pushlstring(L, (const char *)data + sizeof(loss), size - sizeof(loss));
	return 5;
}

static int wait_messages(lua_State *L)
{
	uint64_t after = (uint64_t)lua_tointeger(L, 1);

	task_blocking(L, "harbor.watchlost");
	int32_t session = host_new_session(host_of(L));

	remote_get()->wait_messages_lost(service_handle(host_service(L)), session, after);
	return api_wait_answer(L, session, push_messages);
}

/* Its function at 1. As watch_losses; what happens between two questions is asked for by the number
 * of the last one. */
static int watch_messages(lua_State *L, int status, lua_KContext lost)
{
	lua_Integer after = -1;

	(void)status;
	do {
		if (lost) {
			after = lua_tointeger(L, 2);
			lua_remove(L, 2);
			push_fork(L);
			lua_insert(L, 2);
			lua_pushvalue(L, 1);
			lua_insert(L, 3);
			lua_call(L, 5, 0);
		}
		lua_settop(L, 1);
		lua_pushcfunction(L, wait_messages);
		lua_pushinteger(L, after);
		lua_callk(L, 1, LUA_MULTRET, 1, watch_messages);
		lost = 1;
	} while (lua_gettop(L) == 6);
	return 0;
}

static int watch_messages_task(lua_State *L)
{
	return watch_messages(L, LUA_OK, 0);
}

/* watchlost(f): calls f(id, sent, unsent, why) in a task of its own whenever messages are given up
 * with the node that they were for. */
static int harbor_watchlost(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TFUNCTION);
	push_fork(L);
	lua_pushcfunction(L, watch_messages_task);
	lua_pushvalue(L, 1);
	lua_call(L, 2, 0);
	return 0;
}

int luaopen_skynet_harbor(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "globalname", harbor_globalname },
		{ "queryname", harbor_queryname },
		{ "register", harbor_register },
		{ "release", harbor_release },
		{ "transfer", harbor_transfer },
		{ "fence", harbor_fence },
		{ "check", harbor_check },
		{ "link", harbor_link },
		{ "connect", harbor_connect },
		{ "linkmaster", harbor_linkmaster },
		{ "watch", harbor_watch },
		{ "watchlost", harbor_watchlost },
		{ "find", harbor_find },
		{ NULL, NULL },
	};

	luaL_newlib(L, functions);
	return 1;
}

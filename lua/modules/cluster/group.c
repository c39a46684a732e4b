/* SPDX-License-Identifier: MIT */
/* skynet.group.core: memberships, and who the members are, over core/actor/remote.h. */
#include "lua/modules/cluster/group.h"

#include <string.h>

#include "core/actor/group.h"
#include "core/actor/move.h"
#include "core/actor/service.h"
#include "lua/api/api_message.h"
#include "lua/host/task.h"
#include "lua/host/wait.h"

/* As many members are copied without asking how many there are. */
#define MEMBERS_AT_ONCE 64u

static const char *check_group(lua_State *L, int arg)
{
	const char *name = luaL_checkstring(L, arg);

	if (!group_name_valid(name))
		luaL_error(L,
			   "Invalid group name %s: 1 to %d bytes, no number, no ':' or '.' in "
			   "front",
			   name, (int)REMOTE_GROUP_SIZE - 1);
	return name;
}

/* Writes the name of the membership that the arguments say: a group, and a handle or nil for this
 * service. Returns the handle. */
static uint32_t check_membership(lua_State *L, char ret_key[REMOTE_NAME_SIZE])
{
	const char *group = check_group(L, 1);
	lua_Integer handle = luaL_optinteger(L, 2, service_handle(host_service(L)));

	luaL_argcheck(L, handle > 0 && handle <= UINT32_MAX, 2, "not the handle of a service");
	group_key(group, (uint32_t)handle, ret_key);
	return (uint32_t)handle;
}

static int push_true(lua_State *L, const void *data, size_t size)
{
	(void)data;
	(void)size;
	lua_pushboolean(L, 1);
	return 1;
}

static int group_join(lua_State *L)
{
	char key[REMOTE_NAME_SIZE];
	uint32_t handle = check_membership(L, key);

	task_blocking(L, "group.join");
	int32_t session = host_new_session(host_of(L));

	remote_get()->register_name(service_handle(host_service(L)), session, key, handle);
	return api_wait_answer(L, session, push_true);
}

static int group_leave(lua_State *L)
{
	char key[REMOTE_NAME_SIZE];
	uint32_t handle = check_membership(L, key);

	task_blocking(L, "group.leave");
	int32_t session = host_new_session(host_of(L));

	remote_get()->release_name(service_handle(host_service(L)), session, key, handle);
	return api_wait_answer(L, session, push_true);
}

static int push_members(lua_State *L, const uint32_t *members, size_t n, uint64_t version)
{
	lua_createtable(L, (int)n, 0);
	for (size_t i = 0; i < n; i++) {
		lua_pushinteger(L, members[i]);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	lua_pushinteger(L, (lua_Integer)version);
	return 2;
}

/* Keeps those on nodes that do not drain, if there are any. Returns how many it leaves. */
static size_t drop_drainers(uint32_t *members, size_t n)
{
	uint64_t bits[4];
	size_t kept = 0;

	move_get()->drainers(bits);
	if (!(bits[0] | bits[1] | bits[2] | bits[3]))
		return n;
	for (size_t i = 0; i < n; i++) {
		unsigned node = members[i] >> 24;

		if (!(bits[node / 64] >> node % 64 & 1))
			members[kept++] = members[i];
	}
	return kept ? kept : n;
}

/* members(group[, serving]): a list of handles in their order, and its version. serving: without
 * those on nodes that drain, unless there are no others. */
static int group_members(lua_State *L)
{
	const char *group = check_group(L, 1);
	uint32_t few[MEMBERS_AT_ONCE], *many = few;
	size_t max = MEMBERS_AT_ONCE, n;
	uint64_t version;

	while ((n = remote_get()->group_members(group, many, max, &version)) > max) {
		max = n + MEMBERS_AT_ONCE; /* more may come in between */
		many = lua_newuserdatauv(L, max * sizeof(*many), 0);
	}
	if (lua_toboolean(L, 2))
		n = drop_drainers(many, n);
	return push_members(L, many, n, version);
}

static int push_nothing(lua_State *L, const void *data, size_t size)
{
	(void)L;
	(void)data;
	(void)size;
	return 0;
}

/* wait(group, version): until the group is not as it was. */
static int group_wait(lua_State *L)
{
	const char *group = check_group(L, 1);
	uint64_t version = (uint64_t)luaL_checkinteger(L, 2);

	task_blocking(L, "group.watch");
	int32_t session = host_new_session(host_of(L));

	remote_get()->wait_group(service_handle(host_service(L)), session, group, version);
	return api_wait_answer(L, session, push_nothing);
}

/* distance(id): ns to the node of this harbor id and back; nil: there is no link to it. */
static int group_distance(lua_State *L)
{
	lua_Integer id = luaL_checkinteger(L, 1);
	uint64_t ns;

	luaL_argcheck(L, id >= 0 && id <= 255, 1, "a harbor id is 0 to 255");
	ns = remote_get()->round_trip((unsigned)id);
	if (ns == UINT64_MAX)
		return 0;
	lua_pushinteger(L, (lua_Integer)ns);
	return 1;
}

int luaopen_skynet_group_core(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "join", group_join },		{ "leave", group_leave },
		{ "members", group_members },	{ "wait", group_wait },
		{ "distance", group_distance }, { NULL, NULL }
	};

	luaL_newlib(L, functions);
	return 1;
}

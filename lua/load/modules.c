/* SPDX-License-Identifier: MIT */
/* The C modules that `require` finds without a file. */
#include "lua/load/modules.h"

#include <string.h>

#include "core/base/base.h"
#include "lua/api/api_core.h"
#include "lua/api/api_handover.h"
#include "lua/api/api_skynet.h"
#include "lua/api/manager.h"
#include "lua/host/coroutine.h"
#include "lua/host/host.h"
#include "lua/host/profile.h"
#include "lua/host/trace.h"
#include "lua/load/codecache.h"
#include "lua/load/search.h"
#include "lua/modules/bson/bson.h"
#include "lua/modules/cluster/cluster.h"
#include "lua/modules/cluster/group.h"
#include "lua/modules/cluster/harbor.h"
#include "lua/modules/cluster/multicast.h"
#include "lua/modules/debug/consolejson.h"
#include "lua/modules/debug/debugchannel.h"
#include "lua/modules/debug/memory.h"
#include "lua/modules/debug/nodeview.h"
#include "lua/modules/debug/remotedebug.h"
#include "lua/modules/http/http_core.h"
#include "lua/modules/mongo/mongo_driver.h"
#include "lua/modules/kcp/kcp_core.h"
#include "lua/modules/mysql/mysql_core.h"
#include "lua/modules/pgsql/pgsql_core.h"
#include "lua/modules/redis/redis_core.h"
#include "lua/modules/share/datasheet.h"
#include "lua/modules/share/sharedata.h"
#include "lua/modules/share/sharetable.h"
#include "lua/modules/share/stm.h"
#include "lua/modules/socket/netpack.h"
#include "lua/modules/socket/socketdriver.h"
#include "lua/modules/sproto/sproto_core.h"

static int cache_loadfile(lua_State *L)
{
	if (codecache_load(L, luaL_checkstring(L, 1)) == LUA_OK)
		return 1;
	luaL_pushfail(L);
	lua_insert(L, -2);
	return 2;
}

static int cache_clear(lua_State *L)
{
	(void)L;
	codecache_clear();
	search_forget();
	return 0;
}

/* mode(): how this state uses the cache; mode(m) sets it. */
static int cache_mode(lua_State *L)
{
	static const char *const modes[] = { "ON", "EXIST", "OFF", NULL }; /* enum code_mode */
	struct host *h = host_of(L);

	if (!lua_isnoneornil(L, 1)) {
		int mode = luaL_checkoption(L, 1, NULL, modes);

		h->code_mode = (uint8_t)mode;
		return 0;
	}
	lua_pushstring(L, modes[h->code_mode]);
	return 1;
}

static int luaopen_codecache(lua_State *L)
{
	static const luaL_Reg f[] = { { "loadfile", cache_loadfile },
				      { "clear", cache_clear },
				      { "mode", cache_mode },
				      { NULL, NULL } };

	luaL_newlib(L, f);
	return 1;
}

static const struct {
	const char *name;
	lua_CFunction open;
} modules[] = {
	{ "skynet", luaopen_skynet },
	{ "skynet.core", luaopen_skynet_core },
	{ "skynet.handover.core", luaopen_skynet_handover_core },
	{ "skynet.manager", luaopen_skynet_manager },
	{ "skynet.harbor", luaopen_skynet_harbor },
	{ "skynet.group.core", luaopen_skynet_group_core },
	{ "skynet.socketdriver", luaopen_skynet_socketdriver },
	{ "skynet.codecache", luaopen_codecache },
	{ "skynet.trace.core", luaopen_skynet_trace_core },
	{ "skynet.debugchannel", luaopen_skynet_debugchannel },
	{ "skynet.remotedebug.core", luaopen_skynet_remotedebug_core },
	{ "skynet.memory", luaopen_skynet_memory },
	{ "skynet.consolejson", luaopen_skynet_consolejson },
	{ "skynet.nodeview", luaopen_skynet_nodeview },
	{ "skynet.multicast.core", luaopen_skynet_multicast_core },
	{ "skynet.sharetable.core", luaopen_skynet_sharetable_core },
	{ "skynet.sharedata.core", luaopen_skynet_sharedata_core },
	{ "skynet.stm", luaopen_skynet_stm },
	{ "skynet.datasheet.core", luaopen_skynet_datasheet_core },
	{ "skynet.coroutine", luaopen_skynet_coroutine },
	{ "skynet.profile", luaopen_skynet_profile },
	{ "skynet.netpack", luaopen_skynet_netpack },
	{ "skynet.cluster.core", luaopen_skynet_cluster_core },
	{ "skynet.db.redis.core", luaopen_skynet_db_redis_core },
	{ "skynet.db.mysql.core", luaopen_skynet_db_mysql_core },
	{ "skynet.db.pgsql.core", luaopen_skynet_db_pgsql_core },
	{ "skynet.mongo.driver", luaopen_skynet_mongo_driver },
	{ "bson", luaopen_bson },
	{ "skynet.kcp.core", luaopen_skynet_kcp_core },
	{ "sproto.core", luaopen_sproto_core },
	{ "http.core", luaopen_http_core },
};

void modules_each(void (*f)(const char *name, void *ud), void *ud)
{
	for (size_t i = 0; i < array_len(modules); i++)
		f(modules[i].name, ud);
}

lua_CFunction modules_find(const char *name)
{
	for (size_t i = 0; i < array_len(modules); i++)
		if (strcmp(modules[i].name, name) == 0)
			return modules[i].open;
	return NULL;
}

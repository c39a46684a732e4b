/* SPDX-License-Identifier: MIT */
/* The global `require` of a service, and the library `package` behind it.
 *
 * As long as a program has not touched `package`, nobody can have changed where modules are looked
 * for: then require finds our own C modules, our Lua files and the files of the configured path by
 * itself, and the library is not even opened. Otherwise it is Lua's own require, with one searcher
 * more. In a task, a module may wait for answers while it loads, and two tasks may want the same
 * module: that is done by lua/lib/skynet/require.lua, which is loaded the first time it happens.
 */
#include "lua/load/require.h"

#include <lualib.h>
#include <string.h>

#include "core/node/env.h"
#include "core/base/advice.h"
#include "lua/api/api_skynet.h"
#include "lua/host/host.h"
#include "lua/load/codecache.h"
#include "lua/load/library.h"
#include "lua/load/libs.h"
#include "lua/load/modules.h"
#include "lua/load/search.h"
#include "lua/load/suggest.h"
#include "lua/load/tape_functions.h"

#define STOCK "harbord.require" /* Lua's own, in the registry */

/* Pushes the loader of a Lua file, or raises. The file name is on top and stays. */
static void load_file(lua_State *L, const char *name)
{
	const char *file = lua_tostring(L, -1);

	if (codecache_load(L, file) != LUA_OK)
		luaL_error(L, "error loading module '%s' from file '%s':\n\t%s", name, file,
			   lua_tostring(L, -1));
}

/* Returns what opens a C module of ours, in the program or a shared object, or NULL. */
static lua_CFunction find_open(lua_State *L, const char *name)
{
	lua_CFunction open = modules_find(name);

	return open ? open : library_find(L, name);
}

/* ---- searchers ---- */

/* Our own C modules and Lua files come before every path. */
static int search_own(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1), *file;
	lua_CFunction open = find_open(L, name);

	if (open) {
		tape_push_open(L, name, open);
		lua_pushliteral(L, ":harbord:");
		return 2;
	}
	file = search_own_module(name);
	if (!file) {
		lua_pushfstring(L, "no harbord module '%s'", name);
		return 1;
	}
	lua_pushstring(L, file);
	load_file(L, name);
	lua_insert(L, -2);
	return 2;
}

/* Of the files that were tried, a line each, so many are told. */
#define TRIED_MAX 8

static void push_bounded(lua_State *L)
{
	const char *text = lua_tostring(L, -1), *end = text;
	int more = 0;

	for (int lines = 1; (end = strchr(end, '\n')) && lines < TRIED_MAX; lines++)
		end++;
	for (const char *p = end; p && *p; p++)
		more += *p == '\n';
	if (!end)
		return;
	lua_pushlstring(L, text, (size_t)(end - text));
	lua_pushfstring(L, "%s\n\t... and %d more files", lua_tostring(L, -1), more);
}

/* The stock search along package.path, with bytecode from the cache. Upvalue 1: package. */
static int search_path(lua_State *L)
{
	lua_getfield(L, lua_upvalueindex(1), "searchpath");
	lua_pushvalue(L, 1);
	lua_getfield(L, lua_upvalueindex(1), "path");
	if (!lua_isstring(L, -1))
		return luaL_error(L, "'package.path' must be a string");
	lua_call(L, 2, 2);
	if (lua_isnil(L, -2)) {
		push_bounded(L);
		return 1;
	}
	lua_pop(L, 1);
	load_file(L, lua_tostring(L, 1));
	lua_insert(L, -2);
	return 2;
}

/* Lua's own searcher of C libraries, upvalue 1. An error of its says which file and why; a line
 * more, what to do. */
static int search_library(lua_State *L)
{
	const char *why, *advice;

	lua_settop(L, 1);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	if (lua_pcall(L, 1, LUA_MULTRET, 0) == LUA_OK)
		return lua_gettop(L);
	why = lua_tostring(L, -1);
	advice = why ? advice_for_library(why) : NULL;
	if (advice)
		lua_pushfstring(L, "%s\n\t%s", why, advice);
	return lua_error(L);
}

/* The last searcher finds nothing, and says what may have been meant. Upvalue 1: package. */
static int search_nearest(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1), *path;

	lua_getfield(L, lua_upvalueindex(1), "path");
	path = lua_tostring(L, -1);
	if (!suggest_module(L, path, name))
		return 0;
	lua_pushfstring(L, "did you mean '%s'?", lua_tostring(L, -1));
	return 1;
}

static void add_searchers(lua_State *L, int package)
{
	lua_getfield(L, package, "searchers");
	for (lua_Integer i = (lua_Integer)lua_rawlen(L, -1); i >= 1; i--) {
		lua_rawgeti(L, -1, i);
		/* preload stays the first; ours comes next */
		if (i > 2) /* 2 is along package.path, which is replaced */
			lua_pushcclosure(L, search_library, 1);
		if (i > 1)
			lua_rawseti(L, -2, i + 1);
		else
			lua_pop(L, 1);
	}
	lua_pushcfunction(L, search_own);
	lua_rawseti(L, -2, 2);
	lua_pushvalue(L, package);
	lua_pushcclosure(L, search_path, 1);
	lua_rawseti(L, -2, 3);
	lua_pushvalue(L, package);
	lua_pushcclosure(L, search_nearest, 1);
	lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
	lua_pop(L, 1);
}

/* Opens the library, as luaopen_package does. package.loaded shows the others. */
static int open_package(lua_State *L)
{
	const char *path = env_get("lua_path"), *cpath = env_get("lua_cpath");
	enum { own = 1, package = 2 };

	lua_settop(L, 0);
	libs_open_all(L);
	lua_getglobal(L, "require");
	lua_pushcfunction(L, luaopen_package); /* replaces the global require */
	lua_call(L, 0, 1);
	lua_getglobal(L, "require");
	lua_setfield(L, LUA_REGISTRYINDEX, STOCK);
	lua_pushvalue(L, own);
	lua_setglobal(L, "require");
	add_searchers(L, package);
	lua_pushstring(L, path ? path : SEARCH_DEFAULT_PATH);
	lua_setfield(L, package, "path");
	lua_pushstring(L, cpath ? cpath : SEARCH_DEFAULT_CPATH);
	lua_setfield(L, package, "cpath");
	/* C libraries find their service by it (include/skynet.h); none can be here before
	 * `package` is. */
	lua_pushlightuserdata(L, host_of(L)->s);
	lua_setfield(L, LUA_REGISTRYINDEX, "skynet_context");
	host_of(L)->package_open = true;
	return 1;
}

/* ---- require ---- */

/* Pushes Lua's own require. */
static void push_stock(lua_State *L)
{
	if (!host_of(L)->package_open) {
		(void)libs_push(L, LUA_LOADLIBNAME);
		lua_pop(L, 1);
	}
	lua_getfield(L, LUA_REGISTRYINDEX, STOCK);
}

/* (name; LOADED at 2; loader and its second argument on top): as the stock function goes on. */
static int run_loader(lua_State *L)
{
	lua_pushvalue(L, 1);
	lua_pushvalue(L, -3);
	lua_remove(L, -4);
	lua_call(L, 2, 1);
	if (!lua_isnil(L, -1)) {
		lua_pushvalue(L, 1);
		lua_insert(L, -2);
		lua_rawset(L, 2);
	} else {
		lua_pop(L, 1);
	}
	lua_pushvalue(L, 1);
	if (lua_rawget(L, 2) == LUA_TNIL) {
		lua_pop(L, 1);
		lua_pushvalue(L, 1);
		lua_pushboolean(L, 1);
		lua_rawset(L, 2);
		lua_pushboolean(L, 1);
	}
	return 1;
}

static int require_end(lua_State *L, int status, lua_KContext ctx)
{
	(void)status;
	(void)ctx;
	return lua_gettop(L);
}

static int require(lua_State *L)
{
	struct host *h = host_of(L);
	const char *name = luaL_checkstring(L, 1);
	lua_CFunction open;

	lua_settop(L, 1);
	luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
	lua_pushvalue(L, 1);
	lua_rawget(L, 2);
	if (lua_toboolean(L, 3))
		return 1;
	lua_settop(L, 2);
	if (libs_push(L, name))
		return 1;
	open = h->package_open ? NULL : find_open(L, name);
	if (open) {
		lua_pushliteral(L, ":harbord:");
		tape_push_open(L, name, open);
		return run_loader(L);
	}
	if (h->current && h->current == task_of(L)) {
		push_stock(L);
		lua_pushliteral(L, "skynet.require");
		lua_call(L, 1, 1);
		lua_getfield(L, -1, "require");
		lua_insert(L, 1);
		lua_settop(L, 2);
		lua_callk(L, 1, LUA_MULTRET, 0, require_end);
		return lua_gettop(L);
	}
	if (!h->package_open && search_module(L, name)) {
		load_file(L, name);
		return run_loader(L);
	}
	push_stock(L);
	lua_pushvalue(L, 1);
	lua_call(L, 1, LUA_MULTRET);
	return lua_gettop(L) - 2;
}

void require_open(lua_State *L)
{
	lua_pushcfunction(L, require);
	lua_setglobal(L, "require");
}

void require_init(void)
{
	libs_init(open_package);
	skynet_use_require(push_stock);
}

/* SPDX-License-Identifier: MIT */
/* The Lua state of a service: memory, libraries, and where `require` looks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/env.h"
#include "core/log.h"
#include "core/mem.h"
#include "lua/host.h"

#define WARN_FIRST ((size_t)32 << 20)

/* Accounts every byte; refuses to grow beyond the limit while the program runs, which Lua turns
 * into "not enough memory". */
static void *allocate(void *ud, void *p, size_t old, size_t size)
{
	struct host *h = ud;

	if (!p)
		old = 0;
	if (size == 0) {
		h->memory -= old;
		free(p);
		atomic_store_explicit(&h->s->memory, h->memory,
		                      memory_order_relaxed); /* a statistic */
		return NULL;
	}
	if (unlikely(h->memory_limit && size > old && h->current &&
	             h->memory + size - old > h->memory_limit))
		return NULL;
	void *q = realloc(p, size);

	if (!q)
		return NULL;
	h->memory += size - old;
	atomic_store_explicit(&h->s->memory, h->memory, memory_order_relaxed);
	if (unlikely(h->memory > h->memory_report)) {
		h->memory_report *= 2;
		log_printf(LOG_LEVEL_WARNING, service_handle(h->s), "Memory warning %.2f M",
		           (double)h->memory / (1 << 20));
	}
	return q;
}

static int panic(lua_State *L)
{
	log_error("unprotected error in a Lua service: %s", lua_tostring(L, -1));
	return 0;
}

/* package.searchers[2]: our own C modules and Lua files come before every path. */
static int search_own(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);
	lua_CFunction open = luahost_find_module(name);
	cleanup(mem_freep) char *path = NULL;

	if (open) {
		lua_pushcfunction(L, open);
		lua_pushliteral(L, ":harbord:");
		return 2;
	}
	path = mem_printf("%s/%s", luahost_lib_dir, name);
	for (char *p = path + strlen(luahost_lib_dir); *p; p++)
		if (*p == '.')
			*p = '/';
	for (size_t i = 0; i < 2; i++) {
		char file[4096];

		if (snprintf(file, sizeof(file), i ? "%s/init.lua" : "%s.lua", path) >=
		            (int)sizeof(file) ||
		    access(file, R_OK) != 0)
			continue;
		if (codecache_load(L, file) != LUA_OK)
			return luaL_error(L, "%s", lua_tostring(L, -1));
		lua_pushstring(L, file);
		return 2;
	}
	lua_pushfstring(L, "no harbord module '%s'", name);
	return 1;
}

/* Replaces the stock search along package.path: the same, with bytecode from the cache. */
static int search_path(lua_State *L)
{
	const char *file;

	lua_getglobal(L, "package");
	lua_getfield(L, -1, "searchpath");
	lua_pushvalue(L, 1);
	lua_getfield(L, -3, "path");
	lua_call(L, 2, 2);
	if (lua_isnil(L, -2))
		return 1; /* the text of what was tried */
	file = lua_tostring(L, -2);
	if (codecache_load(L, file) != LUA_OK)
		return luaL_error(L, "error loading module '%s' from file '%s':\n\t%s",
		                  lua_tostring(L, 1), file, lua_tostring(L, -1));
	lua_pushstring(L, file);
	return 2;
}

#define DEFAULT_PATH  "./lualib/?.lua;./lualib/?/init.lua"
#define DEFAULT_CPATH "./luaclib/?.so"

static int open_libraries(lua_State *L)
{
	const char *path = env_get("lua_path"), *cpath = env_get("lua_cpath");

	libs_open(L);
	lua_getglobal(L, "package");
	lua_getfield(L, -1, "searchers");
	lua_pushcfunction(L, search_path);
	lua_rawseti(L, -2, 2);
	/* preload, ours, path, cpath, all-in-one */
	for (lua_Integer i = (lua_Integer)lua_rawlen(L, -1); i >= 2; i--) {
		lua_rawgeti(L, -1, i);
		lua_rawseti(L, -2, i + 1);
	}
	lua_pushcfunction(L, search_own);
	lua_rawseti(L, -2, 2);
	lua_pop(L, 1);
	lua_pushstring(L, path ? path : DEFAULT_PATH);
	lua_setfield(L, -2, "path");
	lua_pushstring(L, cpath ? cpath : DEFAULT_CPATH);
	lua_setfield(L, -2, "cpath");
	require_open(L);
	/* Every service has the table, whether it requires it or not: messages come by its
	 * protocols. */
	luaL_requiref(L, "skynet", luaopen_skynet, 0);
	return 0;
}

int host_open_state(struct host *h)
{
	lua_State *L;

	h->memory_report = WARN_FIRST;
	L = lua_newstate(allocate, h);
	if (!L)
		return -1;
	h->L = L;
	lua_atpanic(L, panic);
	h->main = (struct task){ .co = L, .leaf = L, .host = h };
	task_adopt(L, &h->main);
	h->running = L;
	lua_gc(L, LUA_GCSTOP);
	lua_pushcfunction(L, open_libraries);
	return lua_pcall(L, 0, 0, 0) == LUA_OK ? 0 : -1;
}

/* SPDX-License-Identifier: MIT */
/* Finds and runs the file of a Lua service (what the stock loader script does). */
#include "lua/load/loader.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/node/env.h"
#include "lua/host/host.h"
#include "lua/load/codecache.h"
#include "lua/load/search.h"
#include "lua/load/suggest.h"

#define BLANKS " \t\r\n"
#define DEFAULT_SERVICES "./service/?.lua"

/* Replaces ? by name. Pushes the result. */
static const char *expand(lua_State *L, const char *template, size_t n, const char *name)
{
	lua_pushlstring(L, template, n);
	luaL_gsub(L, lua_tostring(L, -1), "?", name);
	lua_remove(L, -2);
	return lua_tostring(L, -1);
}

static void set_path(lua_State *L, const char *template, size_t n, const char *name)
{
	const char *slash = NULL;

	for (size_t i = 0; i < n; i++)
		if (template[i] == '/')
			slash = template + i;
	size_t dir = slash ? (size_t)(slash - template) + 1 : 0;

	if (memchr(template + dir, '?', n - dir)) {
		lua_pushlstring(L, template, dir);
	} else {
		/* one folder a service: its files are modules, too */
		const char *own = expand(L, template, dir, name);

		lua_getglobal(L, "package");
		lua_getfield(L, -1, "path");
		lua_pushfstring(L, "%s?.lua;%s", own, lua_tostring(L, -1));
		lua_setfield(L, -3, "path");
		lua_pop(L, 2);
	}
	lua_setglobal(L, "SERVICE_PATH");
}

/* Services of ours with names that games have for services of their own: the configured path comes
 * first. All others are parts of the node, and a file that happens to have their name must not
 * stand in for them. */
static bool is_common_name(const char *name)
{
	static const char *const names[] = { "gate", "console", "dbg", "cmemory" };

	for (size_t i = 0; i < array_len(names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static void load_own(lua_State *L, const char *file, const char *name)
{
	const char *template;

	if (codecache_load(L, file) != LUA_OK)
		lua_error(L);
	template = lua_pushfstring(L, "%s/?.lua", search_service_dir());
	set_path(L, template, strlen(template), name);
	lua_pop(L, 1);
}

/* The first line of the error: what is missing, and what may have been meant. */
static void push_no_service(lua_State *L, const char *name, const char *templates)
{
	if (suggest_service(L, templates, name)) {
		lua_pushfstring(L, "no Lua service '%s'; did you mean '%s'?\n", name,
				lua_tostring(L, -1));
		lua_remove(L, -2);
	} else {
		lua_pushfstring(L, "no Lua service '%s'\n", name);
	}
}

/* Raises what is on top, and the messages from the index on behind it, a line each. */
static void raise_all(lua_State *L, int first, int count)
{
	luaL_Buffer b;
	int head = lua_gettop(L);

	luaL_buffinit(L, &b);
	lua_pushvalue(L, head);
	luaL_addvalue(&b);
	for (int i = 0; i < count; i++) {
		if (i)
			luaL_addchar(&b, '\n');
		lua_pushvalue(L, first + i);
		luaL_addvalue(&b);
	}
	luaL_pushresult(&b);
	luaL_error(L, "%s", lua_tostring(L, -1));
}

/* Pushes the chunk of the service, or raises all messages. */
static void find_service(lua_State *L, const char *name)
{
	const char *user = env_get("luaservice");
	const char *own = search_own_service(name), *p = user ? user : DEFAULT_SERVICES;
	int top, errors = 0;
	bool there = false; /* a file, which does not compile */

	if (own && !is_common_name(name)) {
		load_own(L, own, name);
		return;
	}
	lua_pushnil(L); /* where the chunk goes */
	top = lua_gettop(L);

	while (*p) {
		size_t n = strcspn(p, ";");

		if (n) {
			const char *file = expand(L, p, n, name);
			int r = codecache_load(L, file);

			if (r == LUA_OK) {
				set_path(L, p, n, name);
				lua_replace(L, top);
				lua_settop(L, top);
				return;
			}
			errors++;
			lua_remove(L, -2);
			if (r != LUA_ERRFILE) { /* it is there, but: the most telling goes first */
				lua_insert(L, top + 1);
				there = true;
			}
		}
		p += n;
		p += *p == ';';
	}
	if (own && !there) {
		lua_settop(L, top - 1);
		load_own(L, own, name);
		return;
	}
	if (!there)
		push_no_service(L, name, user ? user : DEFAULT_SERVICES);
	else
		lua_pushliteral(L, "");
	raise_all(L, top + 1, errors);
}

static int push_words(lua_State *L, const char *args)
{
	int n = 0;

	for (;;) {
		args += strspn(args, BLANKS);
		size_t len = strcspn(args, BLANKS);

		if (!len)
			return n;
		luaL_checkstack(L, 4, "too many arguments");
		lua_pushlstring(L, args, len);
		args += len;
		n++;
	}
}

/* A service of ours, by the line that launches it. */
static bool is_own(const char *args, bool *ret_common)
{
	size_t skip = strspn(args, BLANKS), n = strcspn(args + skip, BLANKS);
	char name[64];

	if (n >= sizeof(name))
		return false;
	memcpy(name, args + skip, n);
	name[n] = 0;
	*ret_common = is_common_name(name);
	return search_own_service(name) != NULL;
}

bool loader_is_part_of_node(const char *args)
{
	bool common;

	return is_own(args, &common) && !common;
}

/* The configuration's `lualoader`, if it is the program's own: what the stock loader does is done
 * here, so a path that ends as that one's (lualib/loader.lua) asks for nothing else. */
static const char *own_loader(void)
{
	static const char stock[] = "lualib/loader.lua";
	const char *path = env_get("lualoader");
	size_t n = path ? strlen(path) : 0, m = sizeof(stock) - 1;

	if (n == 0)
		return NULL;
	if (n >= m && strcmp(path + n - m, stock) == 0 && (n == m || path[n - m - 1] == '/'))
		return NULL;
	return path;
}

static void set_global(lua_State *L, const char *name, const char *key, const char *fallback)
{
	const char *value = env_get(key);

	if (!value && !fallback)
		return;
	lua_pushstring(L, value ? value : fallback);
	lua_setglobal(L, name);
}

/* The program's loader does all: it gets the whole line, and the paths as globals. */
static int run_own_loader(lua_State *L, const char *path, const char *args)
{
	set_global(L, "LUA_PATH", "lua_path", "./lualib/?.lua;./lualib/?/init.lua");
	set_global(L, "LUA_CPATH", "lua_cpath", SEARCH_DEFAULT_CPATH);
	set_global(L, "LUA_SERVICE", "luaservice", DEFAULT_SERVICES);
	set_global(L, "LUA_PRELOAD", "preload", NULL);
	if (codecache_load(L, path) != LUA_OK)
		return luaL_error(L, "Can't load %s : %s", path, lua_tostring(L, -1));
	lua_pushstring(L, args);
	lua_call(L, 1, 0);
	return 0;
}

int loader_run(lua_State *L)
{
	struct host *h = host_of(L);
	const char *preload = env_get("preload"), *loader = own_loader();
	bool common;
	int words;

	/* Ours start without it: a loader that is wrong must not keep the node from telling so. */
	if (loader && !is_own(h->args, &common))
		return run_own_loader(L, loader, h->args);

	words = push_words(L, h->args);
	if (words == 0)
		return luaL_error(L, "snlua needs the name of a Lua service");
	lua_pushvalue(L, 1);
	lua_setglobal(L, "SERVICE_NAME");
	find_service(L, lua_tostring(L, 1));
	lua_insert(L, 1); /* chunk, name, arguments */
	/* ours with a loader of the program's own: what preload means is that loader's business */
	if (preload && *preload && !loader) {
		if (codecache_load(L, preload) != LUA_OK)
			return lua_error(L);
		for (int i = 0; i < words; i++)
			lua_pushvalue(L, 2 + i);
		lua_call(L, words, 0);
	}
	lua_remove(L, 2);
	lua_call(L, words - 1, 0);
	return 0;
}

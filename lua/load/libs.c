/* SPDX-License-Identifier: MIT */
/* The standard libraries of a service's state, there when first used.
 *
 * Opened at once they are two thirds of a small service: 14 KB and 50 us. So the table of globals
 * begins empty, with a metatable that knows what belongs there: a name that is read for the first
 * time is put in, a library is opened then. Whoever could see the difference (pairs, next, rawget,
 * getmetatable, setmetatable on the table, an assignment of nil) first has everything put in, and
 * then the metatable goes for good: from there on nothing tells the table from one that
 * luaL_openlibs made. Strings open their library with the first method that is looked up.
 */
#include "lua/load/libs.h"

#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/base/must.h"
#include "lua/host/coroutine.h"
#include "lua/host/host.h"
#include "lua/host/roots.h"
#include "lua/host/tables.h"
#include "lua/modules/share/sharetable.h"
#include "lua/vm/share.h"

#define NAMES_MAX 64u
#define HASH_SIZE 128u

/* A function of the base library or the opener of a library. */
struct global {
	char name[16];
	lua_CFunction f;
	bool is_library;
};

/* Set by libs_init, then constant. */
static struct global globals[NAMES_MAX];
static unsigned global_count;
static uint8_t hash[HASH_SIZE]; /* number in globals + 1 */
static lua_CFunction stock_next, stock_rawget, stock_rawset, stock_getmetatable, stock_setmetatable,
	stock_debug_getmetatable, stock_debug_setmetatable;

/* The metamethods of strings, as the string library has them. */
static struct {
	char name[16];
	lua_CFunction f;
} string_meta[16];
static unsigned string_meta_count;

static unsigned hash_of(const char *name)
{
	unsigned h = 5381;

	while (*name)
		h = h * 33 + (unsigned char)*name++;
	return h % HASH_SIZE;
}

static const struct global *find_global(const char *name)
{
	for (unsigned i = hash_of(name); hash[i]; i = (i + 1) % HASH_SIZE)
		if (strcmp(globals[hash[i] - 1].name, name) == 0)
			return &globals[hash[i] - 1];
	return NULL;
}

/* ---- collectgarbage ---- */

static lua_CFunction stock_collectgarbage;

/* How far a step goes depends on the bytes in use, which are not quite the same each time. */
static int held_collectgarbage(lua_State *L, const char *what)
{
	int n;

	if (strcmp(what, "step") == 0) {
		lua_gc(L, LUA_GCCOLLECT);
		lua_pushboolean(L, 1);
		return 1;
	}
	n = stock_collectgarbage(L);
	lua_gc(L, LUA_GCSTOP);
	return n;
}

/* Who chooses a mode keeps it: the host has one for those who do not. */
static int choosing_collectgarbage(lua_State *L)
{
	const char *what = lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : "";

	if (lua_isnoneornil(L, 1) || strcmp(what, "collect") == 0) {
		int n = stock_collectgarbage(L);

		roots_audit(host_of(L));
		return n;
	}
	if (strcmp(what, "incremental") == 0 || strcmp(what, "generational") == 0)
		host_of(L)->collector_chosen = true;
	return unlikely(host_of(L)->collector_held) ? held_collectgarbage(L, what)
						    : stock_collectgarbage(L);
}

/* ---- putting in ---- */

/* Pushes the library, which is opened if it is not. */
static void push_library(lua_State *L, const struct global *g)
{
	luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
	lua_pushstring(L, g->name);
	if (lua_rawget(L, -2) == LUA_TNIL) {
		lua_pop(L, 1);
		lua_pushcfunction(L, g->f);
		lua_pushstring(L, g->name);
		lua_call(L, 1, 1);
		lua_pushvalue(L, -1);
		lua_setfield(L, -3, g->name);
	}
	lua_remove(L, -2);
}

static void push_global(lua_State *L, const struct global *g)
{
	if (g->is_library)
		push_library(L, g);
	else if (g->f)
		lua_pushcfunction(L, g->f);
	else if (strcmp(g->name, LUA_GNAME) == 0)
		lua_pushglobaltable(L);
	else
		lua_pushliteral(L, LUA_VERSION);
}

/* Everything that is not there yet; afterwards the table is a plain one. */
static void complete(lua_State *L)
{
	struct host *h = host_of(L);

	if (!h->lazy_globals)
		return;
	h->lazy_globals = NULL;
	lua_pushglobaltable(L);
	lua_pushnil(L);
	lua_setmetatable(L, -2);
	for (unsigned i = 0; i < global_count; i++) {
		lua_pushstring(L, globals[i].name);
		if (lua_rawget(L, -2) == LUA_TNIL) {
			push_global(L, &globals[i]);
			lua_setfield(L, -3, globals[i].name);
		}
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
}

static bool is_lazy(lua_State *L, int index)
{
	return lua_topointer(L, index) == host_of(L)->lazy_globals && lua_istable(L, index);
}

static int globals_index(lua_State *L)
{
	const struct global *g = lua_type(L, 2) == LUA_TSTRING ? find_global(lua_tostring(L, 2))
							       : NULL;

	if (!g)
		return 0;
	push_global(L, g);
	return tables_keep(L);
}

/* What the program takes away shall not come back. */
static int globals_newindex(lua_State *L)
{
	lua_settop(L, 3);
	if (lua_isnil(L, 3))
		complete(L);
	lua_rawset(L, 1);
	return 0;
}

static int globals_pairs(lua_State *L)
{
	complete(L);
	lua_pushcfunction(L, stock_next);
	lua_pushvalue(L, 1);
	lua_pushnil(L);
	return 3;
}

/* Strings have a metatable of ours as long as their library is not open. */
static void open_string(lua_State *L)
{
	(void)libs_push(L, LUA_STRLIBNAME);
	lua_pop(L, 1);
}

/* ---- functions that look past a metatable, or at it ---- */

#define SEES_THROUGH(name, look)                                  \
	static int lazy_##name(lua_State *L)                      \
	{                                                         \
		int n = sharetable_redirect(L, look);             \
                                                                  \
		if (unlikely(n >= 0))                             \
			return n;                                 \
		if (unlikely(is_lazy(L, 1)))                      \
			complete(L);                              \
		else if (unlikely(lua_type(L, 1) == LUA_TSTRING)) \
			open_string(L);                           \
		return stock_##name(L);                           \
	}
SEES_THROUGH(next, SHARETABLE_NEXT)
SEES_THROUGH(rawget, SHARETABLE_RAWGET)
SEES_THROUGH(rawset, SHARETABLE_RAWSET)
SEES_THROUGH(getmetatable, SHARETABLE_GETMETATABLE)
SEES_THROUGH(setmetatable, SHARETABLE_SETMETATABLE)
SEES_THROUGH(debug_getmetatable, SHARETABLE_NONE)
SEES_THROUGH(debug_setmetatable, SHARETABLE_NONE)

/* Sets the field of the table on top and returns the function that it was. */
static lua_CFunction replace(lua_State *L, const char *name, lua_CFunction f)
{
	lua_CFunction stock;

	lua_getfield(L, -1, name);
	stock = lua_tocfunction(L, -1);
	lua_pop(L, 1);
	lua_pushcfunction(L, f);
	lua_setfield(L, -2, name);
	return stock;
}

static int open_debug(lua_State *L)
{
	(void)luaopen_debug(L);
	(void)replace(L, "getmetatable", lazy_debug_getmetatable);
	(void)replace(L, "setmetatable", lazy_debug_setmetatable);
	return 1;
}

/* ---- os: the time of programs, which jumps (harborctl clock) ---- */

static lua_CFunction stock_os_time, stock_os_date;

static void push_moved_time(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)((clock_wall_ns() + clock_moved_ns()) / NS_PER_SEC));
}

/* time([table]): without a table, and after a jump, ours. */
static int os_time(lua_State *L)
{
	if (!lua_isnoneornil(L, 1) || likely(!clock_moved_ns()))
		return stock_os_time(L);
	push_moved_time(L);
	return 1;
}

/* date([format [, time]]): without a time, and after a jump, of ours. */
static int os_date(lua_State *L)
{
	if (lua_isnoneornil(L, 2) && unlikely(clock_moved_ns())) {
		lua_settop(L, 1);
		push_moved_time(L);
	}
	return stock_os_date(L);
}

static int open_os(lua_State *L)
{
	(void)luaopen_os(L);
	(void)replace(L, "time", os_time);
	(void)replace(L, "date", os_date);
	return 1;
}

void libs_open_all(lua_State *L)
{
	for (unsigned i = 0; i < global_count; i++)
		if (globals[i].is_library && strcmp(globals[i].name, LUA_LOADLIBNAME) != 0) {
			push_library(L, &globals[i]);
			lua_pop(L, 1);
		}
}

bool libs_push(lua_State *L, const char *name)
{
	const struct global *g = find_global(name);

	if (!g || !g->is_library)
		return false;
	push_library(L, g);
	return true;
}

/* ---- strings ---- */

/* The library replaces the metatable that has this. */
static int string_index(lua_State *L)
{
	open_string(L);
	lua_settop(L, 2);
	lua_gettable(L, 1);
	return 1;
}

static void prepare_strings(lua_State *L)
{
	lua_pushliteral(L, "");
	lua_createtable(L, 0, (int)string_meta_count + 1);
	for (unsigned i = 0; i < string_meta_count; i++) {
		lua_pushcfunction(L, string_meta[i].f);
		lua_setfield(L, -2, string_meta[i].name);
	}
	lua_pushcfunction(L, string_index);
	lua_setfield(L, -2, "__index");
	lua_setmetatable(L, -2);
	lua_pop(L, 1);
}

/* ---- life ---- */

static void add(const char *name, lua_CFunction f, bool is_library)
{
	unsigned i = hash_of(name);

	if (global_count == NAMES_MAX || strlen(name) >= sizeof(globals[0].name))
		abort(); /* a Lua of the future: these numbers want to grow */
	strcpy(globals[global_count].name, name);
	globals[global_count].f = f;
	globals[global_count].is_library = is_library;
	while (hash[i])
		i = (i + 1) % HASH_SIZE;
	hash[i] = (uint8_t)++global_count;
}

static void learn_string_meta(lua_State *L)
{
	string_meta_count = 0;
	luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 0);
	lua_pushliteral(L, "");
	if (!lua_getmetatable(L, -1))
		abort();
	for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
		lua_CFunction f = lua_tocfunction(L, -1);

		if (!f)
			continue; /* __index */
		if (string_meta_count == array_len(string_meta) ||
		    strlen(lua_tostring(L, -2)) >= sizeof(string_meta[0].name))
			abort();
		strcpy(string_meta[string_meta_count].name, lua_tostring(L, -2));
		string_meta[string_meta_count++].f = f;
	}
	lua_pop(L, 3);
}

/* Names that every service has: of the libraries, of the skynet table, and of what its start leaves
 * behind. */
static void pool_names(lua_State *L)
{
	static const char *const names[] = {
#define API(name) #name,
#include "lua/api/api.def"
#undef API
		"skynet",    "SERVICE_NAME", "SERVICE_PATH",
		"LUA_NOENV", "name",	     "id",
		"pack",	     "unpack",	     "dispatch",
		"lua",	     "text",	     "error",
		"response",  "system",	     "debug",
		"client",    "socket",	     "start",
		"init",	     "__mode",	     "k",
		"v",
	};

	luaL_openlibs(L);
	luaL_checkstack(L, (int)array_len(names), NULL);
	for (size_t i = 0; i < array_len(names); i++)
		lua_pushstring(L, names[i]);
	share_names(L);
}

void libs_init(lua_CFunction open_package)
{
	const luaL_Reg libraries[] = {
		{ LUA_LOADLIBNAME, open_package }, { LUA_COLIBNAME, coroutine_open_library },
		{ LUA_TABLIBNAME, luaopen_table }, { LUA_IOLIBNAME, luaopen_io },
		{ LUA_OSLIBNAME, open_os },	   { LUA_STRLIBNAME, luaopen_string },
		{ LUA_MATHLIBNAME, luaopen_math }, { LUA_UTF8LIBNAME, luaopen_utf8 },
		{ LUA_DBLIBNAME, open_debug },
	};
	lua_State *L = luaL_newstate();

	must(open_package);
	if (!L)
		abort();
	global_count = 0;
	memset(hash, 0, sizeof(hash));
	luaL_requiref(L, LUA_GNAME, luaopen_base, 0);
	stock_collectgarbage = replace(L, "collectgarbage", choosing_collectgarbage);
	stock_next = replace(L, "next", lazy_next);
	stock_rawget = replace(L, "rawget", lazy_rawget);
	stock_rawset = replace(L, "rawset", lazy_rawset);
	stock_getmetatable = replace(L, "getmetatable", lazy_getmetatable);
	stock_setmetatable = replace(L, "setmetatable", lazy_setmetatable);
	for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
		add(lua_tostring(L, -2), lua_tocfunction(L, -1), false); /* NULL: _G and _VERSION */
	for (size_t i = 0; i < array_len(libraries); i++)
		add(libraries[i].name, libraries[i].func, true);
	lua_pop(L, 1);
	luaL_requiref(L, LUA_DBLIBNAME, luaopen_debug, 0);
	stock_debug_getmetatable = replace(L, "getmetatable", lazy_debug_getmetatable);
	stock_debug_setmetatable = replace(L, "setmetatable", lazy_debug_setmetatable);
	lua_pop(L, 1);
	luaL_requiref(L, LUA_OSLIBNAME, luaopen_os, 0);
	stock_os_time = replace(L, "time", os_time);
	stock_os_date = replace(L, "date", os_date);
	learn_string_meta(L);
	pool_names(L);
	lua_close(L);
}

void libs_open(lua_State *L)
{
	static const luaL_Reg globals_meta[] = { { "__index", globals_index },
						 { "__newindex", globals_newindex },
						 { "__pairs", globals_pairs },
						 { NULL, NULL } };

	/* The environment of the process is not the program's. */
	lua_pushboolean(L, 1);
	lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
	lua_createtable(L, 0, 16);
	host_of(L)->lazy_globals = lua_topointer(L, -1);
	luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
	lua_pushvalue(L, -2);
	lua_setfield(L, -2, LUA_GNAME);
	lua_pop(L, 1);
	tables_set_meta(L, globals_meta);
	lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
	prepare_strings(L);
}

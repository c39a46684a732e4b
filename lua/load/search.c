/* SPDX-License-Identifier: MIT */
/* Where the Lua file of a module is, without asking the file system at every birth.
 *
 * Our own modules are listed once. What the configured path has is remembered for SEARCH_TTL_NS, so
 * a file that newly stands before another is seen a second later; whether the file's content is
 * still the same, codecache.c asks every time. Limits: SEARCH_MAX remembered modules.
 */
#include "lua/load/search.h"

#include <string.h>
#include <unistd.h>

#include <lauxlib.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/node/env.h"
#include "core/base/lock.h"
#include "core/ds/map.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "lua/load/folder.h"
#include "lua/load/pinned.h"

#define SEARCH_TTL_NS NS_PER_SEC
#define SEARCH_MAX 4096u

/* set by search_init, then constant */
static struct map own_modules, own_services;
static char *own_service_dir;

static struct rwlock lock = RWLOCK_INIT(search);
static struct map found; /* name -> file, number = monotonic second of the search */

/* skynet/db/init.lua is skynet.db. */
static void add_own(const char *name, const char *file, void *ud)
{
	struct map *m = ud;
	const char *last = strrchr(name, '.');
	bool init = last && strcmp(last, ".init") == 0;
	cleanup(mem_freep) char *key = init ? mem_strndup(name, (size_t)(last - name))
					    : mem_strdup(name);
	struct map_item *i = map_add(m, key);

	if (i)
		i->text = mem_strdup(file);
	pinned_add(file);
}

void search_init(const char *lib_dir, const char *service_dir)
{
	must(!own_service_dir);
	folder_each(lib_dir, ".lua", true, add_own, &own_modules);
	folder_each(service_dir, ".lua", false, add_own, &own_services);
	own_service_dir = mem_strdup(service_dir);
}

void search_fini(void)
{
	map_fini(&own_modules);
	map_fini(&own_services);
	mem_free(steal(own_service_dir));
	search_forget();
}

void search_forget(void)
{
	rwlock_write(&lock);
	map_fini(&found);
	rwlock_release(&lock);
}

const char *search_own_module(const char *name)
{
	struct map_item *i = map_find(&own_modules, name);

	return i ? i->text : NULL;
}

const char *search_own_service(const char *name)
{
	struct map_item *i = map_find(&own_services, name);

	return i ? i->text : NULL;
}

const char *search_service_dir(void)
{
	return own_service_dir;
}

void search_each_own(bool modules, void (*f)(const char *name, void *ud), void *ud)
{
	const struct map *m = modules ? &own_modules : &own_services;

	for (size_t i = 0; i < m->count; i++)
		f(m->items[i].key, ud);
}

/* Pushes the first readable file of the templates and returns true, or pushes nothing. */
static bool search_templates(lua_State *L, const char *path, const char *name)
{
	const char *slashed = luaL_gsub(L, name, ".", "/");

	while (*path) {
		size_t n = strcspn(path, ";");

		if (n) {
			lua_pushlstring(L, path, n);
			const char *file = luaL_gsub(L, lua_tostring(L, -1), "?", slashed);

			if (access(file, R_OK) == 0) {
				lua_replace(L, -3);
				lua_pop(L, 1);
				return true;
			}
			lua_pop(L, 2);
		}
		path += n;
		path += *path == ';';
	}
	lua_pop(L, 1);
	return false;
}

static void remember(const char *name, const char *file, uint32_t second)
{
	struct map_item *i;

	rwlock_write(&lock);
	i = map_find(&found, name);
	if (!i && found.count < SEARCH_MAX)
		i = map_add(&found, name);
	if (i) {
		mem_free(i->text);
		i->text = mem_strdup(file);
		i->number = second;
	}
	rwlock_release(&lock);
}

bool search_module(lua_State *L, const char *name)
{
	const char *own = search_own_module(name), *path = env_get("lua_path");
	uint32_t second = (uint32_t)(clock_mono_ns() / SEARCH_TTL_NS);
	struct map_item *i;
	char file[1024] = "";

	if (own) {
		lua_pushstring(L, own);
		return true;
	}
	rwlock_read(&lock);
	i = map_find(&found, name);
	/* copied: a Lua error must not leave the lock behind */
	if (i && i->number == second && strlen(i->text) < sizeof(file))
		strcpy(file, i->text);
	rwlock_release(&lock);
	if (*file) {
		lua_pushstring(L, file);
		return true;
	}
	if (!search_templates(L, path ? path : SEARCH_DEFAULT_PATH, name))
		return false;
	remember(name, lua_tostring(L, -1), second);
	return true;
}

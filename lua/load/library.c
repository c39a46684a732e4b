/* SPDX-License-Identifier: MIT */
/* Shared objects of ours. What has been opened stays open until the process ends, for functions of
 * it may be anywhere.
 *
 * Ordering  L1 store(open) release <-> load(open) acquire: the object that it points into is
 * loaded.
 *           Two threads may open one object at the same time: the dynamic linker counts, and both
 *           find the same function.
 */
#include "lua/load/library.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>

#include <lauxlib.h>

#include "core/base/base.h"
#include "core/base/mem.h"
#include "lua/load/folder.h"
#include "lua/load/pinned.h"

struct library {
	char *name, *file;
	_Atomic(lua_CFunction) open;
};

/* constant after library_init, but for `open` */
static struct library *libraries;
static size_t count;

static void add(const char *name, const char *file, void *ud)
{
	(void)ud;
	libraries = mem_realloc(libraries, (count + 1) * sizeof(*libraries));
	libraries[count].name = mem_strdup(name);
	libraries[count].file = mem_strdup(file);
	atomic_init(&libraries[count].open, NULL);
	count++;
	pinned_add(file);
}

void library_init(const char *dir)
{
	if (dir)
		folder_each(dir, ".so", true, add, NULL);
}

void library_fini(void)
{
	for (size_t i = 0; i < count; i++) {
		mem_free(libraries[i].name);
		mem_free(libraries[i].file);
	}
	mem_free(steal(libraries));
	count = 0;
}

/* skynet.crypt: luaopen_skynet_crypt. Pushes one string. */
static lua_CFunction open_library(lua_State *L, const struct library *l)
{
	const char *symbol = luaL_gsub(L, l->name, ".", "_");
	void *object = pinned_dlopen(l->file, RTLD_NOW | RTLD_LOCAL);
	lua_CFunction f = NULL;

	symbol = lua_pushfstring(L, "luaopen_%s", symbol);
	lua_remove(L, -2);
	if (object) /* POSIX: the address of a function fits into a pointer */
		*(void **)&f = dlsym(object, symbol);
	if (!f)
		luaL_error(L, "error loading module '%s' from file '%s':\n\t%s", l->name, l->file,
			   dlerror());
	return f;
}

static struct library *find(const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(libraries[i].name, name) == 0)
			return &libraries[i];
	return NULL;
}

bool library_has(const char *name)
{
	return find(name) != NULL;
}

lua_CFunction library_find(lua_State *L, const char *name)
{
	struct library *l = find(name);
	lua_CFunction f;

	if (!l)
		return NULL;
	f = atomic_load_explicit(&l->open, memory_order_acquire); /* L1 */
	if (!f) {
		f = open_library(L, l);
		lua_pop(L, 1);
		atomic_store_explicit(&l->open, f, memory_order_release); /* L1 */
	}
	return f;
}

void library_each(void (*f)(const char *name, void *ud), void *ud)
{
	for (size_t i = 0; i < count; i++)
		f(libraries[i].name, ud);
}

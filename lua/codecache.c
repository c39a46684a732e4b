/* SPDX-License-Identifier: MIT */
/* Code cache: a Lua file is compiled once per process; other services load its bytecode.
 *
 * An entry is valid while the file's inode, size and modification time stay the same, so an edited
 * file takes effect with the next service. Limits: CACHE_FILES files; beyond that files are
 * compiled anew.
 */
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include "core/map.h"
#include "core/mem.h"
#include "lua/host.h"

#define CACHE_FILES 4096u

struct code {
	struct stat st;
	size_t size;
	char *bytes;
};

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER; /* LOCK_CODE: births load in parallel */
static struct map index_of;                                /* file -> number */
static struct code *codes;
static uint32_t count;

static int collect(lua_State *L, const void *p, size_t n, void *ud)
{
	struct code *c = ud;

	(void)L;
	c->bytes = mem_realloc(c->bytes, c->size + n);
	memcpy(c->bytes + c->size, p, n);
	c->size += n;
	return 0;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void keep(const char *file, struct code *c_take)
{
	struct map_item *i;

	pthread_rwlock_wrlock(&lock);
	i = map_find(&index_of, file);
	if (!i && count < CACHE_FILES) {
		i = map_add(&index_of, file);
		i->number = count++;
		codes = mem_realloc(codes, count * sizeof(*codes));
		codes[i->number] = (struct code){ .size = 0 };
	}
	if (i) {
		mem_free(codes[i->number].bytes);
		codes[i->number] = *c_take;
		c_take->bytes = NULL;
	}
	pthread_rwlock_unlock(&lock);
	mem_free(c_take->bytes);
}

int codecache_load(lua_State *L, const char *file)
{
	struct code c = { .size = 0 };
	struct stat st;
	int r;

	if (stat(file, &st) != 0) {
		/* mostly a template that does not hold the file */
		lua_pushfstring(L, "cannot open %s", file);
		return LUA_ERRFILE;
	}
	pthread_rwlock_rdlock(&lock);
	struct map_item *i = map_find(&index_of, file);

	if (i && same_file(&codes[i->number].st, &st)) {
		/* Under the lock: loading copies what it needs. "@file": the chunk's own name is in
		 * it. */
		r = luaL_loadbufferx(L, codes[i->number].bytes, codes[i->number].size, file, "b");
		pthread_rwlock_unlock(&lock);
		return r;
	}
	pthread_rwlock_unlock(&lock);
	r = luaL_loadfile(L, file);
	if (r != LUA_OK)
		return r;
	c.st = st;
	if (lua_dump(L, collect, &c, 0) == 0)
		keep(file, &c);
	return LUA_OK;
}

void codecache_clear(void)
{
	pthread_rwlock_wrlock(&lock);
	for (uint32_t i = 0; i < count; i++)
		mem_free(codes[i].bytes);
	mem_free(codes);
	codes = NULL;
	count = 0;
	map_fini(&index_of);
	pthread_rwlock_unlock(&lock);
}

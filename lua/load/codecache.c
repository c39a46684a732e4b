/* SPDX-License-Identifier: MIT */
/* Code cache: a Lua file is compiled once per process. Other services run the same code; on a stock
 * VM they load its bytecode.
 *
 * An entry is valid while the file's inode, size and modification time stay the same. The file
 * system is asked at most once a second and file, so an edited file takes effect a second later.
 * A file of ours whose place an upgrade has taken is the one of before (pinned.h).
 * Limits: CACHE_FILES files; beyond that files are compiled anew.
 */
#include "lua/load/codecache.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/clock.h"
#include "core/base/lock.h"
#include "core/ds/map.h"
#include "core/base/mem.h"
#include "lua/host/roots.h"
#include "lua/load/pinned.h"
#include "lua/vm/share.h"

#define CACHE_FILES 4096u

#define CHECK_NS NS_PER_SEC

struct code {
	struct stat st;
	/* the CHECK_NS of the last look at the file; relaxed: one look more does no harm */
	atomic_uint checked;
	struct share_root *root; /* the cache's reference, or NULL: a stock VM, or no memory */
	size_t size;
	char *bytes; /* without a root */
};

static struct rwlock lock = RWLOCK_INIT(code); /* births load in parallel */
static struct map index_of;		       /* file -> number */
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

static void forget(struct code *c)
{
	share_unref(c->root);
	mem_free(c->bytes);
}

/* Another version has taken its place. */
static void drop(struct code *c)
{
	if (c->root)
		share_set_old(c->root);
	forget(c);
}

/* Two who are born at once may both have read the file: the first one's is kept, and the other's is
 * its own. */
static void keep(const char *file, struct code *c_take)
{
	struct map_item *i;
	bool there;

	rwlock_write(&lock);
	i = map_find(&index_of, file);
	if (!i && count < CACHE_FILES) {
		i = map_add(&index_of, file);
		i->number = count++;
		codes = mem_realloc(codes, count * sizeof(*codes));
		codes[i->number] = (struct code){ .size = 0 };
	}
	there = i && same_file(&codes[i->number].st, &c_take->st);
	if (i && !there) { /* the one before is dropped instead, without the lock */
		struct code before = codes[i->number];

		codes[i->number] = *c_take;
		*c_take = before;
	}
	rwlock_release(&lock);
	(there ? forget : drop)(c_take);
}

static unsigned now(void)
{
	return (unsigned)(clock_mono_ns() / CHECK_NS);
}

static bool is_fresh(struct code *c, const char *file)
{
	struct stat st;

	if (atomic_load_explicit(&c->checked, memory_order_relaxed) == now())
		return true;
	if (pinned_stat(file, &st) != 0 || !same_file(&c->st, &st))
		return false;
	atomic_store_explicit(&c->checked, now(), memory_order_relaxed);
	return true;
}

/* true: it was there, and *ret_status is how loading went. */
static bool load_cached(lua_State *L, const char *file, int *ret_status)
{
	struct map_item *i;
	struct share_root *root = NULL;
	struct code *c;
	bool fresh;

	rwlock_read(&lock);
	i = map_find(&index_of, file);
	c = i ? &codes[i->number] : NULL;
	fresh = c && is_fresh(c, file);
	if (fresh && c->root)
		root = share_ref(c->root);
	/* Under the lock: loading copies what it needs. "@file": the chunk's own name is in it. */
	else if (fresh)
		*ret_status = luaL_loadbufferx(L, c->bytes, c->size, file, "b");
	rwlock_release(&lock);
	if (root) {
		roots_take(host_of(L), root);
		luaL_checkstack(L, 1, NULL);
		share_push_code(L, root);
		roots_review(host_of(L));
		*ret_status = LUA_OK;
	}
	return fresh;
}

/* The chunk on top becomes shared. False: it does not. */
static bool keep_shared(lua_State *L, const char *file, struct code *c)
{
	c->root = share_code(L);
	if (!c->root)
		return false;
	roots_take(host_of(L), share_ref(c->root));
	keep(file, c);
	roots_review(host_of(L));
	return true;
}

/* Is luaL_loadfile. What is held of a file of ours is looked at once more when it was read, for
 * another one may have taken its place meanwhile. */
static int compile(lua_State *L, const char *file)
{
	size_t size;
	const char *text = pinned_replaced(file, &size);
	int r;

	if (!text) {
		r = luaL_loadfile(L, file);
		text = pinned_replaced(file, &size);
		if (!text)
			return r;
		lua_pop(L, 1);
	}
	lua_pushfstring(L, "@%s", file);
	r = luaL_loadbufferx(L, text, size, lua_tostring(L, -1), "t");
	lua_remove(L, -2);
	return r;
}

int codecache_load(lua_State *L, const char *file)
{
	struct code c = { .size = 0 };
	struct stat st;
	enum code_mode mode = host_of(L)->code_mode;
	int r = LUA_OK;

	if (mode != CODE_OFF && load_cached(L, file, &r))
		return r;
	if (pinned_stat(file, &st) != 0) {
		/* mostly a template that does not hold the file */
		lua_pushfstring(L, "cannot open %s", file);
		return LUA_ERRFILE;
	}
	r = compile(L, file);
	if (r != LUA_OK || mode != CODE_ON)
		return r;
	if (load_cached(L, file, &r)) { /* meanwhile, by another birth: we need no second one */
		lua_remove(L, -2);
		return r;
	}
	c.st = st;
	atomic_init(&c.checked, now());
	if (!keep_shared(L, file, &c) && lua_dump(L, collect, &c, 0) == 0)
		keep(file, &c);
	return LUA_OK;
}

void codecache_clear(void)
{
	rwlock_write(&lock);
	for (uint32_t i = 0; i < count; i++)
		drop(&codes[i]);
	mem_free(codes);
	codes = NULL;
	count = 0;
	map_fini(&index_of);
	rwlock_release(&lock);
}

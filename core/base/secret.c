/* SPDX-License-Identifier: MIT */
/*
 * Memory for secrets: see secret.h. jemalloc keeps what a thread frees in a cache of that thread,
 * without asking where it is from: so each thread has a second cache, of this arena alone.
 */
#include "core/base/secret.h"

#include <jemalloc/jemalloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* A sanitizer build has none of them. */
#pragma weak mallctl
#pragma weak mallocx
#pragma weak rallocx
#pragma weak dallocx

static pthread_once_t once = PTHREAD_ONCE_INIT;
/* set once, then constant */
static extent_hooks_t *usual, hooks;
static pthread_key_t caches; /* for the ends of threads: their cache's flags, not 0 */
static int arena_flags;	     /* 0: there is no arena */
/* MALLOCX_TCACHE of this thread; 0: not yet */
static _Thread_local int cache_flags;

/* Pages from the system, for the arena. */
static void *alloc_pages(extent_hooks_t *h, void *at, size_t size, size_t alignment, bool *zero,
			 bool *commit, unsigned arena)
{
	void *p = usual->alloc(usual, at, size, alignment, zero, commit, arena);

	(void)h;
	if (p)
		(void)madvise(p, size, MADV_DONTDUMP);
	return p;
}

/* Where the system may refuse memory that it has promised (so jemalloc believes when it cannot read
 * vm.overcommit_memory, as in a unit with ProcSubset=pid) pages are mapped anew before they are
 * used. Returns true: it failed. */
static bool commit_pages(extent_hooks_t *h, void *at, size_t size, size_t offset, size_t length,
			 unsigned arena)
{
	(void)h;
	if (usual->commit(usual, at, size, offset, length, arena))
		return true;
	(void)madvise((char *)at + offset, length, MADV_DONTDUMP);
	return false;
}

static void end_cache(void *number)
{
	unsigned cache = (unsigned)(uintptr_t)number - 1;

	(void)mallctl("tcache.destroy", NULL, NULL, &cache, sizeof(cache));
	cache_flags = MALLOCX_TCACHE_NONE;
}

static void make_arena(void)
{
	extent_hooks_t *ours = &hooks;
	size_t size = sizeof(usual);
	unsigned arena;

	if (!mallctl || mallctl("arena.0.extent_hooks", &usual, &size, NULL, 0) != 0)
		return;
	hooks = *usual;
	hooks.alloc = alloc_pages;
	hooks.commit = commit_pages;
	size = sizeof(arena);
	if (pthread_key_create(&caches, end_cache) == 0 &&
	    mallctl("arenas.create", &arena, &size, &ours, sizeof(ours)) == 0)
		arena_flags = (int)MALLOCX_ARENA(arena);
}

static void make_cache(void)
{
	size_t size = sizeof(unsigned);
	unsigned cache;

	cache_flags = MALLOCX_TCACHE_NONE;
	if (mallctl("tcache.create", &cache, &size, NULL, 0) != 0)
		return;
	if (pthread_setspecific(caches, (void *)((uintptr_t)cache + 1)) == 0)
		cache_flags = (int)MALLOCX_TCACHE(cache);
	else
		(void)mallctl("tcache.destroy", NULL, NULL, &cache, sizeof(cache));
}

/* Returns the flags of this thread, or 0: there is nothing but the heap. */
static int where(void)
{
	if (cache_flags)
		return arena_flags | cache_flags;
	(void)pthread_once(&once, make_arena);
	if (!arena_flags)
		return 0;
	make_cache();
	return arena_flags | cache_flags;
}

bool secret_is_hidden(void)
{
	return where();
}

void *secret_alloc(size_t n)
{
	int flags = where();

	n += !n;
	return flags ? mallocx(n, flags) : malloc(n);
}

void *secret_zalloc(size_t count, size_t each)
{
	size_t all;
	void *p;

	if (__builtin_mul_overflow(count, each, &all))
		return NULL;
	p = secret_alloc(all);
	return p ? memset(p, 0, all) : NULL;
}

void *secret_realloc(void *p, size_t n)
{
	int flags = where();

	n += !n;
	if (!p)
		return secret_alloc(n);
	return flags ? rallocx(p, n, flags) : realloc(p, n);
}

void secret_free(void *p)
{
	int flags = where();

	if (p && flags)
		dallocx(p, flags);
	else
		free(p);
}

char *secret_strdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *p = secret_alloc(n);

	return p ? memcpy(p, s, n) : NULL;
}

void *secret_alloc_at(size_t n, const char *file, int line)
{
	(void)file, (void)line;
	return secret_alloc(n);
}

void *secret_realloc_at(void *p, size_t n, const char *file, int line)
{
	(void)file, (void)line;
	return secret_realloc(p, n);
}

void secret_free_at(void *p, const char *file, int line)
{
	(void)file, (void)line;
	secret_free(p);
}

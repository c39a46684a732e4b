/* SPDX-License-Identifier: MIT */
/* failalloc.arm(n[, count]): of the allocations of the calling service's state, as long as code
 * of the program runs, the n-th from now on and the next ones fail, `count` together (default 2:
 * Lua collects garbage and tries again). failalloc.passes(): how many there were since. Whatever
 * it is, it ends with the failures. */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "lua/host/host.h"

struct faulty {
	struct faulty *next; /* of all: a state may allocate until its very end, so none is freed */
	lua_Alloc alloc;
	void *ud;
	unsigned long passes, from, count;
};

static _Atomic(struct faulty *) all;

int luaopen_failalloc(lua_State *L);

static void *allocate(void *ud, void *p, size_t old, size_t size)
{
	struct faulty *f = ud;
	struct host *h = f->ud;

	if (size > (p ? old : 0) && h->running) {
		unsigned long n = ++f->passes;

		if (f->from && n >= f->from && n - f->from < f->count)
			return NULL;
	}
	return f->alloc(f->ud, p, old, size);
}

static struct faulty *faulty_of(lua_State *L)
{
	void *ud;
	lua_Alloc alloc = lua_getallocf(L, &ud);
	struct faulty *f;

	if (alloc == allocate)
		return ud;
	f = calloc(1, sizeof(*f));
	if (!f)
		abort();
	*f = (struct faulty){ .alloc = alloc, .ud = ud };
	/* relaxed: nobody reads the list but a leak detector */
	f->next = atomic_load_explicit(&all, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&all, &f->next, f, memory_order_relaxed,
						      memory_order_relaxed))
		;
	lua_setallocf(L, allocate, f);
	return f;
}

static int arm(lua_State *L)
{
	struct faulty *f = faulty_of(L);

	f->from = (unsigned long)luaL_checkinteger(L, 1);
	f->count = (unsigned long)luaL_optinteger(L, 2, 2);
	f->passes = 0;
	return 0;
}

static int passes(lua_State *L)
{
	struct faulty *f = faulty_of(L);

	f->from = 0;
	lua_pushinteger(L, (lua_Integer)f->passes);
	return 1;
}

int luaopen_failalloc(lua_State *L)
{
	static void *self; /* Lua unloads the library while its state still frees */
	Dl_info info;

	if (!self && dladdr((void *)allocate, &info))
		self = dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);

	static const luaL_Reg functions[] = { { "arm", arm },
					      { "passes", passes },
					      { NULL, NULL } };

	luaL_newlib(L, functions);
	return 1;
}

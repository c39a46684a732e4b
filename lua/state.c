/* SPDX-License-Identifier: MIT */
/* The Lua state of a service and its memory. */
#include <stdlib.h>

#include "core/log.h"
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
	void *q = p ? realloc(p, size) : malloc(size);

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

static int open_libraries(lua_State *L)
{
	libs_open(L);
	require_open(L);
	/* Every service has the table, whether it requires it or not: messages come by its protocols. */
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

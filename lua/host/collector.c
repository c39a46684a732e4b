/* SPDX-License-Identifier: MIT */
/* The mode of a service's collector: see collector.h. */
#include "lua/host/collector.h"

#include "core/base/must.h"
#include "lua/host/task.h"

/* A start that allocates this much runs with a collector. */
#define START_KIB 128

/* Lua's words for the incremental collector: it begins anew at twice the memory in use, marks a KiB
 * for each that is allocated, and does so each 8 KiB. */
#define LARGE_PAUSE 200
#define LARGE_STEP_MUL 100
#define LARGE_STEP_LOG2 13

void collector_start(struct host *h)
{
	must(!h->started && !h->settling);
	lua_gc(h->L, LUA_GCRESTART);
	lua_gc(h->L, LUA_GCSTEP, -START_KIB);
	h->settling = true;
}

void collector_settle(struct host *h)
{
	bool large = h->settled || h->memory > COLLECTOR_LARGE_HEAP;

	must(!h->current && !h->running);
	h->settling = false;
	task_empty_pool(h);
	if (!h->settled && (h->collector_chosen || large))
		lua_gc(h->L, LUA_GCCOLLECT);
	h->settled = true;
	if (h->collector_chosen)
		return;
	/* The generational collector is the faster one, but its major collections stop a service
	 * for as long as it takes to go through all of its heap: 9 ms for 600,000 objects. Step by
	 * step it is 2 ms, for half as much memory again. */
	if (large)
		lua_gc(h->L, LUA_GCINC, LARGE_PAUSE, LARGE_STEP_MUL, LARGE_STEP_LOG2);
	else
		lua_gc(h->L, LUA_GCGEN, 0, 0);
}

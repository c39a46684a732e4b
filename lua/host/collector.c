/* SPDX-License-Identifier: MIT */
/* The mode of a service's collector: see collector.h. */
#include "lua/host/collector.h"

#include "core/base/clock.h"
#include "core/base/must.h"
#include "core/sched/timeout.h"
#include "lua/host/task.h"
#include "lua/host/wait.h"

/* A start that allocates this much runs with a collector. */
#define START_KIB 128

/* Lua's words for the incremental collector: it begins anew at twice the memory in use, marks a KiB
 * for each that is allocated, and does so each 8 KiB. */
#define LARGE_PAUSE 200
#define LARGE_STEP_MUL 100
#define LARGE_STEP_LOG2 13

/* A service that handles fewer messages between two looks is quiet. Slices take a tenth of its
 * worker, and hold up a request for a millisecond. */
#define QUIET_MESSAGES 100
#define QUIET_FIRST_CS 200u
#define QUIET_LAST_CS (QUIET_FIRST_CS << 7)
#define SLICE_NS NS_PER_MS
#define SLICE_PAUSE_CS 1u
/* The first cycle that ends may have begun before the service was quiet, and spares what was alive
 * then. */
#define QUIET_ENDS 2

void collector_start(struct host *h)
{
	must(!h->started && !h->settling);
	h->settling = true;
	if (h->collector_held)
		return; /* it has not run yet */
	lua_gc(h->L, LUA_GCRESTART);
	lua_gc(h->L, LUA_GCSTEP, -START_KIB);
}

void collector_let_go(struct host *h)
{
	h->collector_held = false;
	if (h->L)
		lua_gc(h->L, LUA_GCRESTART);
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
	if (large) {
		lua_gc(h->L, LUA_GCINC, LARGE_PAUSE, LARGE_STEP_MUL, LARGE_STEP_LOG2);
		h->large = true;
		h->quiet_cs = QUIET_FIRST_CS;
	} else {
		lua_gc(h->L, LUA_GCGEN, 0, 0);
	}
}

/* ---- a large service that is quiet ---- */

static void look_later(struct host *h, uint32_t cs)
{
	struct wait *w;

	h->quiet_session = host_new_session(h);
	w = wait_add(h, h->quiet_session, WAIT_QUIET);
	w->timer = service_timeout(h->s, h->quiet_session, 0, cs * NS_PER_CS);
}

void collector_worked(struct host *h)
{
	if (h->recent++ >= 0 && !h->quiet_session && !h->exiting)
		look_later(h, h->quiet_cs);
}

/* Returns true when all that was garbage when the service became quiet is gone. */
static bool collect_slice(struct host *h)
{
	uint64_t until = clock_mono_ns() + SLICE_NS;

	do
		h->quiet_ends += lua_gc(h->L, LUA_GCSTEP, 0) != 0;
	while (h->quiet_ends < QUIET_ENDS && clock_mono_ns() < until);
	return h->quiet_ends == QUIET_ENDS;
}

static void collected(struct host *h)
{
	bool worth_it = h->memory < h->quiet_memory - h->quiet_memory / 8;

	h->quiet_ends = 0;
	h->quiet_memory = 0;
	if (worth_it)
		h->quiet_cs = QUIET_FIRST_CS;
	else if (h->quiet_cs < QUIET_LAST_CS)
		h->quiet_cs *= 2;
}

void collector_look(struct host *h)
{
	bool quiet = h->recent < QUIET_MESSAGES;

	must(h->quiet_session && !h->current);
	h->quiet_session = 0;
	h->recent = -1;
	if (h->exiting)
		return;
	if (h->collector_chosen) {
		h->large = false;
	} else if (!quiet) {
		h->quiet_ends = 0;
		h->quiet_memory = 0;
		look_later(h, h->quiet_cs);
	} else {
		if (!h->quiet_memory)
			h->quiet_memory = h->memory;
		if (collect_slice(h))
			collected(h);
		else
			look_later(h, SLICE_PAUSE_CS);
	}
}

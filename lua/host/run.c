/* SPDX-License-Identifier: MIT */
/* Code of the program runs, and what interrupts it: see run.h.
 *
 * An endless loop is left by a hook that a signal on the worker's own thread sets (lua_sethook may
 * be called from a signal handler): it logs the stack, or raises.
 */
#include "lua/host/run.h"

#include "core/base/must.h"
#include "core/log/log.h"
#include "core/sched/sched.h"
#include "core/sched/worker.h"
#include "lua/host/stacks.h"

/* set by run_init, then constant */
static const struct module *host_module;
static void (*at_step)(struct host *h);

/* Any code of the service may be what the hook meets first, also a coroutine that is not the task's
 * own. */
static void on_hook(lua_State *L, lua_Debug *ar)
{
	struct host *h = host_of(L);

	(void)ar;
	/* acquire: pairs with the release in service_retire */
	if (atomic_load_explicit(&h->s->retired, memory_order_acquire)) {
		/* It stays, and strikes at every instruction: a pcall in the loop does not save
		 * it. Nor do tasks begin that are due. */
		lua_sethook(L, on_hook, LUA_MASKCOUNT, 1);
		h->exiting = true;
		luaL_error(L, "killed");
	}
	lua_sethook(L, NULL, 0, 0);
	/* relaxed, both flags: set on this thread or meant for whenever it is seen */
	if (atomic_exchange_explicit(&h->want_stack, false, memory_order_relaxed)) {
		luaL_traceback(L, L, NULL, 0);
		log_printf(LOG_LEVEL_WARNING, service_handle(h->s), "stack of :%08x: %s",
			   service_handle(h->s), lua_tostring(L, -1));
		lua_pop(L, 1);
	}
	if (atomic_exchange_explicit(&h->want_told, false, memory_order_relaxed)) {
		luaL_traceback(L, L, NULL, 0);
		stacks_tell(service_handle(h->s), lua_tostring(L, -1));
		lua_pop(L, 1);
	}
	if (atomic_exchange_explicit(&h->want_look, false, memory_order_relaxed))
		at_step(h);
	if (atomic_exchange_explicit(&h->want_break, false, memory_order_relaxed))
		luaL_error(L, "signal 0");
}

bool run_is_host(const struct service *s)
{
	return s->module == host_module;
}

struct host *run_host_of(const struct service *s)
{
	return run_is_host(s) ? s->ud : NULL;
}

static void set_hook(struct host *h)
{
	atomic_store_explicit(&h->interrupted, true, memory_order_relaxed);
	lua_sethook(h->running, on_hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
}

bool run_look_at_step(struct host *h)
{
	lua_Hook hook = lua_gethook(h->running);

	if (hook && hook != on_hook)
		return false;
	/* relaxed: this thread */
	atomic_store_explicit(&h->want_look, true, memory_order_relaxed);
	set_hook(h);
	return true;
}

/* In a signal handler on the worker that runs s, so nothing of the host changes meanwhile. */
static void on_interrupt(struct service *s)
{
	struct host *h = run_host_of(s);

	if (!h || !h->running)
		return;
	if (!atomic_load_explicit(&h->want_break, memory_order_relaxed) &&
	    !atomic_load_explicit(&h->want_told, memory_order_relaxed))
		atomic_store_explicit(&h->want_stack, true, memory_order_relaxed);
	set_hook(h);
}

/* What was meant for this run breaks no later one. */
void run_move_hook(struct host *h, lua_State *L, lua_State *outer)
{
	if (L != outer && lua_gethook(L) == on_hook) {
		lua_sethook(L, NULL, 0, 0);
		if (outer)
			lua_sethook(outer, on_hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
	}
	if (outer)
		return;
	/* relaxed, all: flags of this thread, or meant for whenever they are seen */
	atomic_store_explicit(&h->interrupted, false, memory_order_relaxed);
	atomic_store_explicit(&h->want_stack, false, memory_order_relaxed);
	atomic_store_explicit(&h->want_break, false, memory_order_relaxed);
	atomic_store_explicit(&h->want_told, false, memory_order_relaxed);
	atomic_store_explicit(&h->want_look, false, memory_order_relaxed);
}

int run_call(struct host *h, lua_State *L, int nargs, int nresults, int handler)
{
	lua_State *outer = run_enter(h, L);
	int status = lua_pcall(L, nargs, nresults, handler);

	run_leave(h, L, outer);
	return status;
}

/* Only what runs now is interrupted; in an idle service there is nothing. */
void run_interrupt(struct host *h, atomic_bool *want)
{
	for (unsigned i = 0; i < sched_workers(); i++) {
		struct worker_view v;

		sched_view(i, &v);
		if (v.handle != service_handle(h->s))
			continue;
		atomic_store_explicit(want, true, memory_order_relaxed);
		sched_interrupt_worker(i, v.handle);
	}
}

void run_init(const struct module *m, void (*look)(struct host *h))
{
	must(m && look && !host_module);
	host_module = m;
	at_step = look;
	sched_set_interrupt(on_interrupt);
}

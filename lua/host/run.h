/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Code of the program runs: from run_enter to run_leave the memory limit of the service holds, and
 * an interrupt from outside breaks in. In between the caller is in a protected call.
 *
 * Threads: the worker that runs the service, but for run_interrupt.
 */
#include "lua/host/host.h"

struct module;

/* Code of the program runs in L from now on. Returns what ran before, for run_leave. */
static inline lua_State *run_enter(struct host *h, lua_State *L)
{
	lua_State *outer = h->running;

	h->running = L;
	return outer;
}

/* An interrupt came while L ran: its hook goes on to what ran before, or off. */
void run_move_hook(struct host *h, lua_State *L, lua_State *outer);

static inline void run_leave(struct host *h, lua_State *L, lua_State *outer)
{
	h->running = outer;
	/* relaxed: set by a signal handler on this thread */
	if (unlikely(atomic_load_explicit(&h->interrupted, memory_order_relaxed)))
		run_move_hook(h, L, outer);
}

/* Is lua_pcall for code of the program. Returns its status. */
int run_call(struct host *h, lua_State *L, int nargs, int nresults, int handler);
/* Any thread: sets one of the host's flags want_* and interrupts what its service runs now. In an
 * idle one nothing happens. */
void run_interrupt(struct host *h, atomic_bool *want);
/* Whether a service has a host. Any thread that holds it. */
bool run_is_host(const struct service *s);
/* The host of a service, or NULL. The worker that runs the service, its signal handlers too. */
struct host *run_host_of(const struct service *s);
/* A signal handler on that worker: the function that run_init was given is called at the next step
 * of the code that runs. false: the program has a hook of its own there. */
bool run_look_at_step(struct host *h);
/* Before the first service is launched: instances of this module are hosts, and look is called
 * where somebody wants to look. */
void run_init(const struct module *m, void (*look)(struct host *h));

/* SPDX-License-Identifier: MIT */
/* Module "snlua": a service that is a Lua state. Birth, death, and interrupts from outside.
 *
 * init only posts a message to the new service itself; the state is built by the worker that takes
 * it, so births run in parallel. An endless loop is left by a hook that a signal on the worker's
 * own thread sets (lua_sethook may be called from a signal handler): it logs the stack, or raises.
 */
#include "lua/load/luahost.h"

#include <stdlib.h>
#include <string.h>

#include "core/actor/command.h"
#include "core/log/log.h"
#include "core/base/mem.h"
#include "core/actor/module.h"
#include "core/sched/sched.h"
#include "lua/contract/contract.h"
#include "lua/modules/socket/gate.h"
#include "lua/host/host.h"
#include "lua/host/shown.h"
#include "lua/host/seri.h"
#include "lua/host/stacks.h"
#include "lua/vm/share.h"

const char *luahost_lib_dir, *luahost_service_dir;
static size_t default_memory_limit;
static unsigned default_mailbox_max;
static enum overload_policy default_mailbox_policy;

static const struct module snlua;

/* ---- interrupts ---- */

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
	if (atomic_exchange_explicit(&h->want_break, false, memory_order_relaxed))
		luaL_error(L, "signal 0");
}

/* In a signal handler on the worker that runs s, so nothing of the host changes meanwhile. */
static void on_interrupt(struct service *s)
{
	struct host *h = s->ud;

	if (s->module != &snlua || !h || !h->running)
		return;
	atomic_store_explicit(&h->interrupted, true, memory_order_relaxed);
	if (!atomic_load_explicit(&h->want_break, memory_order_relaxed) &&
	    !atomic_load_explicit(&h->want_told, memory_order_relaxed))
		atomic_store_explicit(&h->want_stack, true, memory_order_relaxed);
	lua_sethook(h->running, on_hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
}

/* What was meant for this run breaks no later one. */
void host_move_hook(struct host *h, lua_State *L, lua_State *outer)
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
}

int host_call(struct host *h, lua_State *L, int nargs, int nresults, int handler)
{
	lua_State *outer = host_enter(h, L);
	int status = lua_pcall(L, nargs, nresults, handler);

	host_leave(h, L, outer);
	return status;
}

/* ---- life ---- */

static void *snlua_create(void)
{
	struct host *h = mem_zalloc(sizeof(*h));

	h->unknown_request_ref = h->unknown_response_ref = h->info_ref = LUA_NOREF;
	h->raw_callback_ref = h->filter_ref = LUA_NOREF;
	h->tokens_ref = h->timeouts_ref = h->inits_ref = LUA_NOREF;
	h->why = "the callee was killed";
	h->memory_limit = default_memory_limit;
	return h;
}

/* (a light userdata) -> an error for the launcher, in what it points to */
static int pack_error(lua_State *L)
{
	struct msg **ret = lua_touserdata(L, 1);
	const char *text = lua_touserdata(L, 2);
	size_t size;

	lua_pushliteral(L, "ERROR");
	lua_pushstring(L, text);
	*ret = msg_of(seri_pack(L, 3, &size));
	**ret = (struct msg){ .size = size };
	return 0;
}

/* Between turns: the memory limit of the program does not count here. */
static void end_unborn(struct host *h, const char *text)
{
	lua_State *L = h->L;
	struct msg *m;

	lua_settop(L, 0);
	lua_pushcfunction(L, pack_error);
	lua_pushlightuserdata(L, &m);
	lua_pushlightuserdata(L, (void *)text);
	if (lua_pcall(L, 2, 0, 0) != LUA_OK)
		mem_exhausted(strlen(text));
	m->source = service_handle(h->s);
	m->type = PTYPE_LUA;
	if (service_send_name(".launcher", m) != SEND_OK) {
		/* The bootstrap itself: only the daemon is there to be told. */
		cleanup(mem_freep) char *why = mem_printf("start_failed %s", text);

		m = msg_create_copy(why, strlen(why));
		m->source = service_handle(h->s);
		m->type = PTYPE_TEXT;
		service_forward_name(".daemon", m);
	}
	api_end_service(L, "the callee failed to load");
}

static void report_load_error(struct host *h, const char *text)
{
	log_printf(LOG_LEVEL_ERROR, service_handle(h->s), "lua loader error : %s", text);
	if (!h->exiting) /* else: skynet.exit in the main chunk */
		end_unborn(h, text);
}

void host_start_failed(struct host *h, const char *text)
{
	log_printf(LOG_LEVEL_ERROR, service_handle(h->s), "init service failed: %s", text);
	if (!h->exiting)
		end_unborn(h, text);
}

/* A start that allocates this much runs with a collector. */
#define START_KIB 128

/* Lua's words for the incremental collector: it begins anew at twice the memory in use, marks a KiB for each that is
 * allocated, and does so each 8 KiB. */
#define LARGE_PAUSE 200
#define LARGE_STEP_MUL 100
#define LARGE_STEP_LOG2 13

/* The start function has returned, or waits for the first time: what loading and starting left behind goes, the stacks
 * that they have grown too, and the collector changes to the mode it stays in, unless the program chose one. Again when
 * the heap has become large. */
void host_settle(struct host *h)
{
	bool large = h->settled || h->memory > HOST_LARGE_HEAP;

	h->settling = false;
	task_empty_pool(h);
	if (!h->settled && (h->collector_chosen || large))
		lua_gc(h->L, LUA_GCCOLLECT);
	h->settled = true;
	if (h->collector_chosen)
		return;
	/* The generational collector is the faster one, but its major collections stop a service for as long as it takes
	 * to go through all of its heap: 9 ms for 600,000 objects. Step by step it is 2 ms, for half as much memory again. */
	if (large)
		lua_gc(h->L, LUA_GCINC, LARGE_PAUSE, LARGE_STEP_MUL, LARGE_STEP_LOG2);
	else
		lua_gc(h->L, LUA_GCGEN, 0, 0);
}

/* The first message: builds the state and runs the service's file. */
static void boot(struct service *s, void *ud, struct msg *m)
{
	struct host *h = ud;

	msg_destroy(m);
	service_set_message_callback(s, h, host_message);
	if (host_open_state(h) != 0) {
		log_printf(LOG_LEVEL_ERROR, service_handle(s), "no memory for a Lua state");
		(void)command_run(s, "EXIT", NULL);
		return;
	}
	lua_pushcfunction(h->L, shown_traceback);
	lua_pushcfunction(h->L, host_load);
	if (host_call(h, h->L, 0, 0, 1) != LUA_OK) {
		cleanup(mem_freep) char *text = mem_strdup(lua_tostring(h->L, -1));

		report_load_error(h, text);
		return;
	}
	lua_settop(h->L, 0);
	if (!h->booted && !h->exiting && h->raw_callback_ref == LUA_NOREF) {
		cleanup(mem_freep) char *text = mem_printf("%s never called skynet.start", h->args);

		report_load_error(h, text);
		return;
	}
	/* The start comes next and settles; only a large one sees the collector before that. */
	lua_gc(h->L, LUA_GCRESTART);
	lua_gc(h->L, LUA_GCSTEP, -START_KIB);
	h->settling = true;
	if (h->forks.count)
		task_run_pending(h);
}

static int snlua_init(void *instance, struct service *s, const char *args)
{
	struct host *h = instance;
	struct msg *m = msg_create(0);

	h->s = s;
	h->args = mem_strdup(args ? args : "");
	atomic_store_explicit(&s->starting, true, memory_order_relaxed);
	/* a service of ours that refuses a request would leave others without what they wait for */
	if (default_mailbox_max && !host_is_part_of_node(h->args))
		overload_set_bound(s, default_mailbox_max, default_mailbox_policy);
	service_set_message_callback(s, h, boot);
	m->dest = service_handle(s);
	return service_send(m) == SEND_OK ? 0 : -1;
}

static int compare_handles(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Whom we asked need not answer any more; each is told once. */
static void tell_callees(struct host *h)
{
	uint32_t *dests = h->waits_used ? mem_alloc(h->waits_used * sizeof(*dests)) : NULL;
	unsigned n = 0;

	for (unsigned i = 0; i < h->waits_size; i++)
		if (h->waits[i].session && h->waits[i].kind == WAIT_CALL && h->waits[i].dest)
			dests[n++] = h->waits[i].dest;
	if (n)
		qsort(dests, n, sizeof(*dests), compare_handles);
	for (unsigned i = 0; i < n; i++)
		if (i == 0 || dests[i] != dests[i - 1])
			service_send_error(service_handle(h->s), dests[i], 0);
	mem_free(dests);
}

static void fail_responses(struct host *h)
{
	for (struct response *r = h->responses, *next; r; r = next) {
		next = r->next;
		if (r->session)
			service_send_error_text(service_handle(h->s), r->source, r->session,
			                        h->why);
		r->host = NULL;
	}
	h->responses = NULL;
}

static void close_state(struct host *h)
{
	lua_State *L = h->L;

	tell_callees(h);
	task_free_all(h);
	fail_responses(h);
	lua_close(L);
	roots_release(h);
	/* Finalizers may have armed timers; nobody is here to get them. */
	for (unsigned i = 0; i < h->waits_size; i++)
		if (h->waits[i].session && h->waits[i].timer)
			(void)service_timeout_cancel(h->waits[i].timer);
	timeout_release_all(h);
	fail_responses(h);
}

static void snlua_release(void *instance)
{
	struct host *h = instance;

	if (h->L)
		close_state(h);
	/* An interrupt that comes later finds nothing: it may come at any time until the service
	 * is gone. The fence keeps the order for the signal handler, which runs on this thread. */
	if (h->s) /* NULL: it was never launched */
		service_set_message_callback(h->s, NULL, NULL);
	atomic_signal_fence(memory_order_seq_cst);
	trace_release(h);
	for (struct task *t = h->blank, *next; t; t = next) {
		next = t->next;
		mem_free(t);
	}
	for (unsigned i = PROTO_BUILTIN; i < h->proto_count; i++)
		mem_free(h->protos[i - PROTO_BUILTIN]);
	mem_free(h->protos);
	mem_free(h->waits);
	mem_free(h->wakeups.items);
	mem_free(h->forks.items);
	mem_free(h->type_map);
	payload_free(h->loose);
	mem_free(h->args);
	mem_free(h);
}

/* Only what runs now is interrupted; in an idle service there is nothing. */
static void interrupt_running(struct host *h, atomic_bool *want)
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

/* Another thread: signal 0 breaks what runs, 1 tells the memory, STACKS_SIGNAL has it tell its stack. */
static void snlua_signal(void *instance, int sig)
{
	struct host *h = instance;

	if (sig == STACKS_SIGNAL) {
		interrupt_running(h, &h->want_told);
		return;
	}
	log_printf(LOG_LEVEL_INFO, service_handle(h->s), "recv a signal %d", sig);
	if (sig == 0) {
		interrupt_running(h, &h->want_break);
	} else if (sig == 1) {
		log_printf(LOG_LEVEL_INFO, service_handle(h->s), "Current Memory %.3fK",
		           (double)atomic_load_explicit(&h->s->memory, memory_order_relaxed) /
		                   1024);
	}
}

static const struct module snlua = {
	.name = "snlua",
	.create = snlua_create,
	.init = snlua_init,
	.release = snlua_release,
	.signal = snlua_signal,
};

const char *luahost_vm(void)
{
	return share_vm();
}

void luahost_hold_block(lua_State *L, void *block)
{
	host_of(L)->block = block;
}

struct service *luahost_service(lua_State *L)
{
	return host_of(L)->s;
}

int luahost_init(const struct luahost_config *c)
{
	luahost_lib_dir = mem_strdup(c->lib_dir);
	luahost_service_dir = mem_strdup(c->service_dir);
	default_memory_limit = c->memory_limit;
	default_mailbox_max = c->mailbox_max;
	default_mailbox_policy = c->mailbox_only_warns ? OVERLOAD_WARN : OVERLOAD_REFUSE;
	contract_init();
	gate_init();
	libs_init();
	search_init(luahost_lib_dir, luahost_service_dir);
	module_add(&snlua);
	multicast_init();
	sched_set_interrupt(on_interrupt);
	return 0;
}

void luahost_fini(void)
{
	codecache_clear();
	search_fini();
	mem_free((char *)luahost_lib_dir);
	mem_free((char *)luahost_service_dir);
	luahost_lib_dir = luahost_service_dir = NULL;
}

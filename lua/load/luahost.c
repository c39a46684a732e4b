/* SPDX-License-Identifier: MIT */
/* Module "snlua": a service that is a Lua state. Its birth, its signals, its death.
 *
 * init only posts a message to the new service itself; the state is built by the worker that takes
 * it, so births run in parallel.
 */
#include "lua/load/luahost.h"

#include "core/node/command.h"
#include "core/actor/module.h"
#include "core/base/mem.h"
#include "core/log/log.h"
#include "core/actor/send.h"
#include "lua/contract/contract_mem.h"
#include "lua/host/again.h"
#include "lua/host/collector.h"
#include "lua/host/dispatch.h"
#include "lua/host/life.h"
#include "lua/host/look.h"
#include "lua/host/memory.h"
#include "lua/host/move.h"
#include "lua/host/proto.h"
#include "lua/host/response.h"
#include "lua/host/roots.h"
#include "lua/host/run.h"
#include "lua/host/sampler.h"
#include "lua/host/shown.h"
#include "lua/host/stacks.h"
#include "lua/host/task.h"
#include "lua/host/timeout.h"
#include "lua/host/trace.h"
#include "lua/host/wait.h"
#include "lua/load/codecache.h"
#include "lua/load/hint.h"
#include "lua/load/library.h"
#include "lua/load/libs.h"
#include "lua/load/loader.h"
#include "lua/load/pinned.h"
#include "lua/load/require.h"
#include "lua/load/search.h"
#include "lua/load/state.h"
#include "lua/load/tape.h"
#include "lua/modules/cluster/multicast.h"
#include "lua/modules/socket/gate.h"
#include "lua/modules/socket/inbox.h"
#include "lua/modules/socket/socketdriver.h"
#include "lua/vm/share.h"

/* [any] relaxed: lone numbers, for services that are launched from then on */
static atomic_size_t default_memory_limit;
static atomic_uint default_mailbox_max, default_mailbox_policy;

static void *snlua_create(void)
{
	struct host *h = mem_zalloc(sizeof(*h));

	h->unknown_request_ref = h->unknown_response_ref = h->info_ref = LUA_NOREF;
	h->raw_callback_ref = h->filter_ref = LUA_NOREF;
	h->tokens_ref = h->timeouts_ref = h->inits_ref = LUA_NOREF;
	h->why = "the callee was killed";
	h->memory_limit = atomic_load_explicit(&default_memory_limit, memory_order_relaxed);
	return h;
}

/* The first message: builds the state and runs the service's file. */
static void boot(struct service *s, void *ud, struct msg *m)
{
	struct host *h = ud;
	int status;

	msg_destroy(m);
	service_set_message_callback(s, h, host_message);
	if (state_open(h) != 0) {
		log_printf(LOG_LEVEL_ERROR, service_handle(s), "no memory for a Lua state");
		(void)command_run(s, "EXIT", NULL);
		return;
	}
	lua_pushcfunction(h->L, shown_traceback);
	lua_pushcfunction(h->L, loader_run);
	status = run_call(h, h->L, 0, 0, 1);
	if (status != LUA_OK) {
		char memory[MEMORY_TEXT_MAX] = "";

		if (status == LUA_ERRMEM)
			memory_describe(h, memory);
		cleanup(mem_freep) char *text = mem_printf("%s%s%s", lua_tostring(h->L, -1),
							   *memory ? "; " : "", memory);

		life_load_failed(h, text);
		return;
	}
	lua_settop(h->L, 0);
	if (!h->booted && !h->exiting && h->raw_callback_ref == LUA_NOREF) {
		cleanup(mem_freep) char *text = mem_printf("%s never called skynet.start: the file "
							   "ends, and nobody takes its messages",
							   h->args);

		life_load_failed(h, text);
		return;
	}
	collector_start(h);
	if (h->forks.count)
		task_run_pending(h);
}

static int snlua_init(void *instance, struct service *s, const char *args)
{
	unsigned mailbox_max = atomic_load_explicit(&default_mailbox_max, memory_order_relaxed);
	struct host *h = instance;
	struct msg *m = msg_create(0);

	h->s = s;
	h->args = mem_strdup(args ? args : "");
	atomic_store_explicit(&s->starting, true, memory_order_relaxed);
	/* a service of ours that refuses a request would leave others without what they wait for */
	if (mailbox_max && !loader_is_part_of_node(h->args))
		overload_set_bound(s, mailbox_max,
				   (enum overload_policy)atomic_load_explicit(
					   &default_mailbox_policy, memory_order_relaxed));
	service_set_message_callback(s, h, boot);
	tape_attach(h);
	m->dest = service_handle(s);
	move_begin(h);
	return service_send(m) == SEND_OK ? 0 : -1;
}

static void close_state(struct host *h)
{
	lua_State *L = h->L;

	again_drop(h);
	wait_tell_callees(h);
	task_free_all(h);
	response_fail_all(h);
	lua_close(L);
	roots_release(h);
	inbox_release(h);
	/* Finalizers may have armed timers; nobody is here to get them. */
	wait_release_all(h);
	timeout_release_all(h);
	response_fail_all(h);
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
	task_release_all(h);
	proto_release_all(h);
	mem_free(h->type_map);
	payload_free(h->loose);
	msg_destroy(h->state);
	move_release(h);
	mem_free(h->args);
	mem_free(h);
}

/* Another thread: signal 0 breaks what runs, 1 tells the memory, STACKS_SIGNAL has it tell its
 * stack. */
static void snlua_signal(void *instance, int sig)
{
	struct host *h = instance;

	if (sig == STACKS_SIGNAL) {
		run_interrupt(h, &h->want_told);
		return;
	}
	log_printf(LOG_LEVEL_INFO, service_handle(h->s), "recv a signal %d", sig);
	if (sig == 0) {
		run_interrupt(h, &h->want_break);
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

void luahost_get_shared(struct luahost_shared *ret)
{
	struct share_stats s;

	share_stats(&s);
	*ret = (struct luahost_shared){ .roots = s.roots,
					.root_bytes = s.root_bytes,
					.strings = s.pool_strings,
					.string_bytes = s.pool_bytes };
}

const char *luahost_vm(void)
{
	return share_vm();
}

void luahost_set_limits(const struct luahost_limits *l)
{
	atomic_store_explicit(&default_memory_limit, l->memory, memory_order_relaxed);
	atomic_store_explicit(&default_mailbox_policy,
			      l->mailbox_only_warns ? OVERLOAD_WARN : OVERLOAD_REFUSE,
			      memory_order_relaxed);
	atomic_store_explicit(&default_mailbox_max, l->mailbox_max, memory_order_relaxed);
}

int luahost_init(const struct luahost_config *c)
{
	contract_init();
	gate_init();
	socketdriver_init();
	require_init();
	shown_set_hints(hint_push);
	search_init(c->lib_dir, c->service_dir);
	library_init(c->library_dir);
	module_add(&snlua);
	multicast_init();
	run_init(&snlua, look_answer);
	look_init();
	sampler_init();
	return 0;
}

void luahost_fini(void)
{
	codecache_clear();
	library_fini();
	search_fini();
	pinned_fini();
}

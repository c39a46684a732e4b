/* SPDX-License-Identifier: MIT */
/* Module "snlua": a service that is a Lua state. Birth, death, and interrupts from outside.
 *
 * init only posts a message to the new service itself; the state is built by the worker that takes it,
 * so births run in parallel. An endless loop is left by a hook that a signal on the worker's own thread
 * sets (lua_sethook may be called from a signal handler): it logs the stack, or raises.
 */
#include "lua/luahost.h"

#include <stdlib.h>
#include <string.h>

#include "core/command.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/module.h"
#include "core/sched.h"
#include "lua/host.h"
#include "lua/seri.h"

const char *luahost_lib_dir, *luahost_service_dir;
static size_t default_memory_limit;

/* ---- interrupts ---- */

static void on_hook(lua_State *L, lua_Debug *ar)
{
	struct host *h = host_of(L);

	(void)ar;
	if (atomic_load_explicit(&h->s->retired, memory_order_acquire)) {
		/* stays set: a pcall in the loop must not save it */
		lua_sethook(L, on_hook, LUA_MASKCOUNT, 1000);
		luaL_error(L, "killed");
	}
	lua_sethook(L, NULL, 0, 0);
	/* acq_rel: pairs with the setter's release */
	if (atomic_exchange_explicit(&h->want_stack, false, memory_order_acq_rel)) {
		luaL_traceback(L, L, NULL, 0);
		log_printf(LOG_LEVEL_WARNING, service_handle(h->s), "the running coroutine: %s",
			   lua_tostring(L, -1));
		lua_pop(L, 1);
	}
	if (atomic_exchange_explicit(&h->want_break, false, memory_order_acq_rel))
		luaL_error(L, "signal 0");
}

/* In a signal handler, on the worker that runs s. */
static void on_interrupt(struct service *s)
{
	struct host *h = s->ud;

	if (!h || !h->L || strcmp(s->module->name, "snlua") != 0)
		return;
	if (!atomic_load_explicit(&h->want_break, memory_order_acquire))
		atomic_store_explicit(&h->want_stack, true, memory_order_release);
	lua_sethook(h->current ? h->current->co : h->L, on_hook,
		    LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
}

/* ---- life ---- */

static void *snlua_create(void)
{
	struct host *h = mem_zalloc(sizeof(*h));

	h->start_ref = h->unknown_request_ref = h->unknown_response_ref = LUA_NOREF;
	h->info_ref = h->raw_callback_ref = h->tokens_ref = h->timeouts_ref = h->inits_ref = LUA_NOREF;
	h->why = "the callee was killed";
	h->memory_limit = default_memory_limit;
	return h;
}

static int load_traceback(lua_State *L)
{
	luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
	return 1;
}

static void report_load_error(struct host *h, const char *text)
{
	struct msg *m;
	size_t size;
	lua_State *L = h->L;

	log_printf(LOG_LEVEL_ERROR, service_handle(h->s), "lua loader error : %s", text);
	lua_settop(L, 0);
	lua_pushliteral(L, "ERROR");
	lua_pushstring(L, text);
	m = msg_of(seri_pack(L, 1, &size));
	lua_settop(L, 0);
	*m = (struct msg){ .size = size, .source = service_handle(h->s), .type = PTYPE_LUA };
	if (service_send_name(".launcher", m) != SEND_OK) {
		/* The bootstrap itself: only the daemon is there to be told. */
		cleanup(mem_freep) char *why = mem_printf("start_failed %s", text);

		m = msg_create_copy(why, strlen(why));
		m->source = service_handle(h->s);
		m->type = PTYPE_TEXT;
		(void)service_send_name(".daemon", m);
	}
	h->why = "the callee failed to load";
	(void)command_run(h->s, "EXIT", NULL);
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
	lua_pushcfunction(h->L, load_traceback);
	lua_pushcfunction(h->L, host_load);
	if (lua_pcall(h->L, 0, 0, 1) != LUA_OK) {
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
	lua_gc(h->L, LUA_GCRESTART);
	lua_gc(h->L, LUA_GCGEN, 0, 0);
	if (h->forks.count)
		task_run_pending(h);
}

static int snlua_init(void *instance, struct service *s, const char *args)
{
	struct host *h = instance;
	struct msg *m = msg_create(0);

	h->s = s;
	h->args = mem_strdup(args ? args : "");
	service_set_message_callback(s, h, boot);
	m->dest = service_handle(s);
	return service_send(m) == SEND_OK ? 0 : -1;
}

static void snlua_release(void *instance)
{
	struct host *h = instance;

	if (h->L) {
		lua_State *L = h->L;

		/* Who waits for us hears of it, whom we asked need not answer. */
		for (unsigned i = 0; i < h->waits_size; i++) {
			struct wait *w = &h->waits[i];

			if (!w->session)
				continue;
			if ((w->kind == WAIT_CALL || w->kind == WAIT_RAWCALL) && w->dest)
				service_send_error(service_handle(h->s), w->dest, 0);
		}
		for (struct response *r = h->responses, *next; r; r = next) {
			next = r->next;
			if (r->session)
				service_send_error_text(service_handle(h->s), r->source, r->session, h->why);
			r->host = NULL;
		}
		h->responses = NULL;
		task_free_all(h);
		for (unsigned i = 0; i < h->waits_size; i++)
			if (h->waits[i].session && h->waits[i].timer)
				(void)service_timeout_cancel(h->waits[i].timer);
		lua_close(L);
	}
	mem_free(h->waits);
	mem_free(h->protos);
	mem_free(h->args);
	mem_free(h);
}

/* Another thread: signal 0 breaks what runs, 1 tells the memory. */
static void snlua_signal(void *instance, int sig)
{
	struct host *h = instance;

	log_printf(LOG_LEVEL_INFO, service_handle(h->s), "recv a signal %d", sig);
	if (sig == 0) {
		atomic_store_explicit(&h->want_break, true, memory_order_release);
		for (unsigned i = 0; i < sched_workers(); i++) {
			struct worker_view v;

			sched_view(i, &v);
			if (v.handle == service_handle(h->s))
				sched_interrupt_worker(i, v.handle);
		}
	} else if (sig == 1) {
		log_printf(LOG_LEVEL_INFO, service_handle(h->s), "Current Memory %.3fK",
			   (double)atomic_load_explicit(&h->s->memory, memory_order_relaxed) / 1024);
	}
}

static const struct module snlua = {
	.name = "snlua",
	.create = snlua_create,
	.init = snlua_init,
	.release = snlua_release,
	.signal = snlua_signal,
};

struct service *luahost_service(lua_State *L)
{
	return host_of(L)->s;
}

int luahost_init(const struct luahost_config *c)
{
	luahost_lib_dir = mem_strdup(c->lib_dir);
	luahost_service_dir = mem_strdup(c->service_dir);
	default_memory_limit = c->memory_limit;
	module_add(&snlua);
	sched_set_interrupt(on_interrupt);
	return 0;
}

void luahost_fini(void)
{
	codecache_clear();
	mem_free((char *)luahost_lib_dir);
	mem_free((char *)luahost_service_dir);
	luahost_lib_dir = luahost_service_dir = NULL;
}

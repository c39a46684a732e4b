/* SPDX-License-Identifier: MIT */
/* What a recording and a replay have in common: the launch, and the functions whose results the
 * program cannot foresee. See tape.h. */
#include "lua/load/tape.h"

#include <lauxlib.h>
#include <string.h>

#include "core/actor/handle.h"
#include "core/base/lock.h"
#include "lua/vm/share.h"

enum how {
	VALUE, /* a replay does not run it: it only returns what it returned */
	BOTH,  /* a replay runs it as well */
	SEED,  /* a replay runs it with what it returned */
};

/* What a recording keeps the results of. The place in the table is part of the format. */
static const struct covered {
	const char *module, *name; /* module "" : a global */
	enum how how;
} covered[] = {
	{ "skynet", "now", VALUE },
	{ "skynet", "hpc", VALUE },
	{ "skynet", "time", VALUE },
	{ "skynet", "starttime", VALUE },
	{ "skynet", "localname", VALUE },
	{ "skynet", "getenv", VALUE },
	{ "skynet", "stat", VALUE },
	{ "skynet", "mqlen", VALUE },
	{ "skynet", "mailbox", VALUE },
	{ "skynet", "endless", VALUE },
	{ "skynet", "launch", VALUE },
	{ "skynet", "abort", VALUE },
	{ "skynet.core", "command", VALUE },
	{ "skynet.core", "intcommand", VALUE },
	{ "skynet.core", "addresscommand", VALUE },
	{ "os", "time", VALUE },
	{ "os", "clock", VALUE },
	{ "os", "date", VALUE },
	{ "os", "getenv", VALUE },
	{ "os", "tmpname", VALUE },
	{ "math", "randomseed", SEED },
	{ "", "collectgarbage", BOTH },
};

/* [claim_lock] the next launch that matches takes it */
static _Atomic(struct tape *) tape_waiting;

static void message(struct service *s, void *ud, struct msg *m)
{
	container_of(s->message_log, struct tape, hook)->ops->message(s, ud, m);
}

struct tape *tape_of_service(struct service *s)
{
	return s && s->message_log && s->message_log->write == message
		       ? container_of(s->message_log, struct tape, hook)
		       : NULL;
}

void tape_stand_before(struct tape *t, struct service *s)
{
	t->hook = (struct message_log){ .write = message, .end = t->ops->end };
	service_set_message_log(s, &t->hook);
}

const char *tape_function(unsigned i)
{
	return i < array_len(covered) ? covered[i].name : "?";
}

static struct lock claim_lock = LOCK_INIT(tape_claim);

static bool matches(const struct tape *t, const char *args)
{
	size_t n = strlen(t->service);

	return t->ops->plays ||
	       (strncmp(args, t->service, n) == 0 && (args[n] == 0 || args[n] == ' '));
}

void tape_offer(struct tape *t)
{
	lock_take(&claim_lock);
	atomic_store_explicit(&tape_waiting, t, memory_order_relaxed);
	lock_release(&claim_lock);
}

bool tape_withdraw(struct tape *t)
{
	bool waits;

	lock_take(&claim_lock);
	waits = atomic_load_explicit(&tape_waiting, memory_order_relaxed) == t;
	if (waits)
		atomic_store_explicit(&tape_waiting, NULL, memory_order_relaxed);
	lock_release(&claim_lock);
	return waits;
}

static noinline void claim(struct host *h)
{
	struct tape *t;

	lock_take(&claim_lock);
	t = atomic_load_explicit(&tape_waiting, memory_order_relaxed);
	if (t && matches(t, h->args)) {
		atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
		atomic_store_explicit(&tape_waiting, NULL, memory_order_relaxed);
	} else {
		t = NULL;
	}
	lock_release(&claim_lock);
	if (!t)
		return;
	h->collector_chosen = true; /* ours goes by the clock */
	t->ops->begin(t, h);
}

void tape_attach(struct host *h)
{
	/* relaxed: a first look, the lock tells */
	if (unlikely(atomic_load_explicit(&tape_waiting, memory_order_relaxed) != NULL))
		claim(h);
}

/* ---- functions ---- */

/* The results are on the stack, of 1 the error if it raised. */
static int run_original(lua_State *L, int *ret_status)
{
	int n = lua_gettop(L);

	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	*ret_status = lua_pcall(L, n, LUA_MULTRET, 0);
	return lua_gettop(L);
}

static int recorded(lua_State *L)
{
	struct tape *t = tape_of_service(host_service(L));
	unsigned i = (unsigned)lua_tointeger(L, lua_upvalueindex(2));
	int status, n = run_original(L, &status);

	bool raised = status != LUA_OK;

	if (t)
		(void)t->ops->values(t, L, i, &raised);
	return status == LUA_OK ? n : lua_error(L);
}

static int played(lua_State *L)
{
	struct tape *t = tape_of_service(host_service(L));
	unsigned i = (unsigned)lua_tointeger(L, lua_upvalueindex(2));
	int status = LUA_OK, n, top = lua_gettop(L);
	bool raised;

	if (!t || !t->ops->values(t, L, i, &raised)) { /* it has ended */
		n = run_original(L, &status);
		return status == LUA_OK ? n : lua_error(L);
	}
	if (covered[i].how == BOTH) {
		lua_pushvalue(L, lua_upvalueindex(1));
		for (int arg = 1; arg <= top; arg++)
			lua_pushvalue(L, arg);
		if (lua_pcall(L, top, 0, 0) != LUA_OK)
			lua_pop(L, 1); /* as the recorded one did */
	}
	for (int arg = 0; arg < top; arg++)
		lua_remove(L, 1);
	n = lua_gettop(L);
	if (raised)
		return lua_error(L);
	if (covered[i].how == SEED) {
		lua_pushvalue(L, lua_upvalueindex(1));
		for (int arg = 1; arg <= n; arg++)
			lua_pushvalue(L, arg);
		lua_call(L, n, 0);
	}
	return n;
}

/* Pushes the table of a module, which is loaded. */
static void push_module(lua_State *L, const char *name)
{
	if (!*name) {
		lua_pushglobaltable(L);
		return;
	}
	lua_getglobal(L, "require");
	lua_pushstring(L, name);
	lua_call(L, 1, 1);
}

/* All globals are put in at once, and modules that add functions are loaded: so a recording and its
 * replay have the same. */
static void load_all(lua_State *L)
{
	lua_getglobal(L, "pairs");
	lua_pushglobaltable(L);
	lua_call(L, 1, 0);
	push_module(L, "skynet.manager");
	lua_pop(L, 1);
}

static void set_seed(lua_State *L, const struct tape *t)
{
	push_module(L, "math");
	lua_getfield(L, -1, "randomseed");
	lua_pushinteger(L, t->random[0]);
	lua_pushinteger(L, t->random[1]);
	lua_call(L, 2, 0);
	lua_pop(L, 1);
}

void tape_wrap(lua_State *L)
{
	struct tape *t = tape_of_service(host_service(L));

	if (likely(!t))
		return;
	load_all(L);
	set_seed(L, t);
	for (unsigned i = 0; i < array_len(covered); i++) {
		push_module(L, covered[i].module);
		if (lua_getfield(L, -1, covered[i].name) == LUA_TFUNCTION) {
			lua_pushinteger(L, i);
			lua_pushcclosure(L, t->ops->plays ? played : recorded, 2);
			lua_setfield(L, -2, covered[i].name);
		} else {
			lua_pop(L, 1);
		}
		lua_pop(L, 1);
	}
}

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Lua host: one per Lua service. Its state, its tasks and what they wait for.
 *
 * Threads:   everything here belongs to the worker that runs the service, except where said.
 * Ownership: the host owns its Lua state, tasks, waits; a task's coroutine is anchored by a registry
 *            reference for as long as the task lives.
 */
#include <lua.h>
#include <lauxlib.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/msg.h"
#include "core/service.h"
#include "lua/lua_priv.h"

/* What a suspended task waits for, and what a response of a session is for. */
enum wait_kind {
	WAIT_NONE,
	WAIT_CALL,     /* an answer; `proto` unpacks it */
	WAIT_RAWCALL,  /* an answer, handed over as pointer and size */
	WAIT_ANSWER,   /* an answer of core/remote.h, turned into results by `answer` */
	WAIT_SLEEP,    /* a timer, or wakeup */
	WAIT_WAKEUP,   /* wakeup only; has no session */
	WAIT_TIMEOUT,  /* no task yet: a function in the host's timeouts table */
	WAIT_DEADLINE, /* the time limit of the call in `session2` */
	WAIT_EXIT,     /* never resumed */
};

struct task {
	lua_State *co;
	struct host *host;
	struct task *prev, *next;   /* host->live, or host->pool by next */
	int ref;                    /* anchors co in the registry */

	/* the request it serves */
	uint32_t source;
	int32_t session;            /* 0 = none, or answered */
	bool request_was_call;      /* it had a session when it came */
	struct msg *request;        /* lives until the task first yields or ends */

	/* what it waits for */
	enum wait_kind wait;
	int32_t wait_session;
	int32_t deadline_session;   /* calltimeout, else 0 */
	bool has_token;             /* tokens[token] = this task */
	const char *error;          /* how the wait failed, NULL = it did not; see error_text */
	char *error_text;           /* owned */
	struct msg *held;           /* answer that the task reads until it yields again */
	struct proto *proto;
	luahost_answer answer;
	int dispatch_line;
};

struct wait {
	int32_t session;            /* 0 = free */
	int32_t session2;
	uint32_t dest;              /* WAIT_CALL: who was asked, 0 = by name */
	uint8_t kind;
	struct task *task;          /* NULL: WAIT_TIMEOUT, WAIT_DEADLINE */
	struct msg *timer;
};

struct proto {
	int id;
	const char *name;           /* interned Lua string, anchored by name_ref */
	int name_ref;
	int dispatch_ref, pack_ref, unpack_ref; /* LUA_NOREF: none */
	bool seri;                  /* pack and unpack are the serialiser itself */
};

/* skynet.response(): a userdata that owes an answer. */
struct response {
	struct host *host;          /* NULL once settled */
	struct response *prev, *next;
	uint32_t source;
	int32_t session;
};

struct fifo {
	struct task **items;
	unsigned first, count, capacity;
};

#define PROTO_MAX 256

struct host {
	struct service *s;
	lua_State *L;
	char *args;
	struct task main;           /* pseudo-task: what plain coroutines inherit */
	struct task *current;       /* the running task, NULL between turns */

	size_t memory, memory_limit, memory_report;

	struct task *live;          /* doubly linked */
	struct task *pool;
	unsigned pooled;
	unsigned tasks;             /* suspended or running */

	struct wait *waits;         /* open addressing, power of two */
	unsigned waits_used, waits_size;

	struct proto *protos;
	unsigned proto_count;
	uint8_t proto_index[PROTO_MAX]; /* 0 = none, else index + 1 */

	struct fifo wakeups, forks;
	struct response *responses;

	int tokens_ref, timeouts_ref, inits_ref;
	int start_ref;
	int unknown_request_ref, unknown_response_ref, info_ref;
	int raw_callback_ref;
	bool raw_forward;
	bool booted, started, exiting;
	/* [any] set by signal and overseer, read by the hook */
	atomic_bool want_stack, want_break;
	const char *why;            /* reason told to callers at the end */
};

#define HOST_POOL_MAX 64u

/* ---- task.c ---- */
static inline struct task *task_of(lua_State *L)
{
	return *(struct task **)lua_getextraspace(L);
}

static inline struct host *host_of(lua_State *L)
{
	return task_of(L)->host;
}

/* The running task, or raises: a blocking function was called where nothing can wait. */
struct task *task_blocking(lua_State *L, const char *what);
struct task *task_create(struct host *h);
/* Resumes with nargs values on the task's stack, deals with its end, error or yield. */
void task_resume(struct task *t, int nargs);
/* Ends a suspended task: closes its variables; its request, if unanswered, fails with why. */
void task_kill(struct task *t, const char *why);
void task_fail_request(struct task *t, const char *why);
/* Wakeups and forks that are due; after every message. */
void task_run_pending(struct host *h);
void task_free_all(struct host *h);
void fifo_push(struct fifo *f, struct task *t);
struct task *fifo_pop(struct fifo *f);
bool fifo_remove(struct fifo *f, struct task *t);

int32_t host_new_session(struct host *h);
struct wait *wait_add(struct host *h, int32_t session, enum wait_kind kind);
struct wait *wait_find(struct host *h, int32_t session);
void wait_remove(struct host *h, struct wait *w);
/* Takes the task out of whatever it waits for (timers cancelled). */
void wait_abandon(struct task *t);
/* Fails the wait of a task and resumes it: its blocking function raises. */
void wait_fail(struct wait *w, const char *why, size_t size);
/* "call failed: why" for the failed task t. Never returns. */
int task_raise(lua_State *L, struct task *t);

/* ---- dispatch.c ---- */
void host_message(struct service *s, void *ud, struct msg *m_take);
struct proto *proto_find_id(struct host *h, int id);
struct proto *proto_check(lua_State *L, int arg);
struct proto *proto_add(struct host *h, int id);

/* ---- state.c ---- */
int host_open_state(struct host *h);

/* ---- loader.c: runs the service's file in the state; raises ---- */
int host_load(lua_State *L);

/* ---- codecache.c: like luaL_loadfilex in text or binary mode, compiled once per process ---- */
int codecache_load(lua_State *L, const char *file);
void codecache_clear(void);

/* ---- shared by the api files ---- */
struct luaL_Reg;
/* Takes a string or (pointer, size) at arg as a message with its own payload; raises on other types. */
struct msg *api_take_message(lua_State *L, int arg);
extern const char *luahost_lib_dir, *luahost_service_dir;

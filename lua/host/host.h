/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Lua host: one per Lua service. Its state, its tasks and what they wait for.
 *
 * Threads:   everything here belongs to the worker that runs the service, except where said.
 * Ownership: the host owns its Lua state, tasks and waits; a task's coroutine is anchored by a registry
 *            reference for as long as the task has it. A struct task is kept until the host ends,
 *            so a coroutine that somebody still holds never points to freed memory.
 * Memory:    the limit of a service holds while its own code runs (host.running), which is
 *            always inside of a protected call; what the host allocates otherwise may pass it,
 *            so that no error strikes where nothing catches it.
 * Waits:     a wait is recorded only when the yield that follows cannot fail
 *            (task_blocking), and what makes somebody answer is sent after that is known. So
 *            no session, timer or token outlives a function that raised.
 */
#include <lua.h>
#include <lauxlib.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/actor/msg.h"
#include "core/actor/overload.h"
#include "core/actor/service.h"
#include "lua/host/lua_priv.h"

/* What a suspended task waits for, and what a session is for. */
enum wait_kind {
	WAIT_NONE,
	WAIT_CALL,     /* an answer or an error */
	WAIT_SLEEP,    /* a timer, or wakeup */
	WAIT_WAKEUP,   /* wakeup only; has no session */
	WAIT_DEADLINE, /* the time limit of the call `peer` */
	WAIT_DROPPED,  /* an answer that nobody wants any more */
	WAIT_LOOK,     /* no task: the next look for lost responses */
	WAIT_NEVER,    /* the task is never resumed: it exits, or stalled in coroutine.yield */
};

enum request_state {
	REQUEST_NONE,  /* the task serves no request */
	REQUEST_OPEN,  /* neither answered nor handed on */
	REQUEST_DONE,
};

/* Which requests of a protocol are traced, see trace.c. */
enum trace_flag {
	TRACE_TAGGED, /* those that bring a tag */
	TRACE_ALWAYS,
	TRACE_NEVER,
};

struct proto {
	const char *name;           /* interned Lua string, anchored by name_ref */
	int name_ref, dispatch_ref, pack_ref, unpack_ref; /* LUA_NOREF: none */
	uint8_t id;
	bool seri;                  /* pack and unpack are the serialiser itself */
	uint8_t trace;              /* enum trace_flag */
};

struct task {
	lua_State *co;
	struct host *host;
	struct task *prev, *next;   /* host->live; host->pool and host->blank by next */
	int ref;                    /* anchors co in the registry */
	bool live;                  /* on host->live */
	bool barred;                /* it runs inside of a function that cannot yield, see coroutine.c */

	/* the request it serves */
	uint32_t source;
	int32_t session;            /* 0 = a send, or settled */
	uint32_t request_size;
	struct msg *request;        /* until unpacked; at most until the task first yields or ends */
	struct proto *request_proto;
	uint8_t request_state;
	bool request_borrowed;      /* the payload is somebody else's to free */

	/* what it waits for */
	uint8_t wait;               /* enum wait_kind */
	bool woken;                 /* by wakeup */
	bool failed;                /* the call failed; error_text says why, or is NULL */
	bool token_in_table;        /* else the token is the coroutine itself */
	uint16_t queued;            /* entries in host->wakeups */
	int32_t wait_session;
	int32_t deadline_session;   /* of calltimeout, else 0 */
	const void *token;
	int token_ref;              /* the token, if it is in the table */
	char *error_text;           /* owned */
	struct msg *held;           /* answer that the task reads until it yields again */
	struct proto *call_proto;
	luahost_answer answer;

	char *tag;                  /* of its trace, owned, or NULL */

	/* skynet.profile */
	bool profiled;
	uint64_t profile_began_ns, profile_total_ns;
};

struct wait {
	int32_t session;            /* 0 = free */
	uint8_t kind;
	union {
		int32_t peer;       /* WAIT_DEADLINE: the call's session */
		uint32_t name_hash; /* WAIT_CALL to a global name: dest is 0 */
	};
	uint32_t dest;              /* WAIT_CALL: who was asked */
	struct task *task;
	struct msg *timer;          /* still armed, or NULL */
};

/* skynet.response(): a userdata that owes an answer. */
struct response {
	struct host *host;          /* NULL once settled */
	struct response *prev, *next;
	uint32_t source;
	int32_t session;            /* 0: the requester is gone */
	uint8_t age;                /* looks that found it, see api_answer.c */
};

struct due {
	struct task *task;          /* NULL: cancelled */
	const void *token;
	int token_ref;              /* the token, if it is in the table */
};

struct fifo {
	struct due *items;
	unsigned first, count, capacity; /* a power of two */
};

/* Coroutines are kept for the next requests: at least so many, and as many as were lately needed at once. After so many
 * ends of tasks a coroutine, a wave and a few more, an eighth of what is more than that goes. */
#define HOST_POOL_MIN 64u
#define HOST_POOL_MAX 65536u
#define HOST_POOL_REVIEW 8u
#define HOST_DROPPED_MAX 4096u /* late answers that are known to be late */
#define PROTO_BUILTIN 4

struct share_root;

/* What the state refers to outside of itself, sorted by address. */
struct roots {
	struct share_root **roots;
	size_t count, size;
	size_t count_left, bytes_left; /* old ones, after the last audit */
	unsigned cycles;               /* of the collector, since roots_watch */
	bool watched;
};

/* A service with more is collected step by step; the first warning of its memory comes there, too. */
#define HOST_LARGE_HEAP ((size_t)32 << 20)

struct host {
	struct service *s;
	lua_State *L;
	char *args;
	struct task main;           /* pseudo-task: what plain coroutines inherit */
	struct task *current;       /* the task whose code runs, NULL between turns */

	size_t memory, memory_limit, memory_report;

	struct task *live;          /* started or queued, doubly linked */
	struct task *pool;          /* with a coroutine */
	struct task *blank;         /* without */
	unsigned pooled, tasks;
	unsigned pool_limit; /* of both together */
	unsigned peak, ended; /* most tasks at once, and ends, since the last review */
	unsigned review_at;   /* when `ended` is that */

	struct wait *waits;         /* open addressing, power of two */
	unsigned waits_used, waits_size, dropped;
	union timeout_slot *timeouts; /* by tag - 1, see timeout.c */
	uint32_t timeouts_size, timeout_count, timeout_free;
	uint32_t start_tag;         /* the timeout that runs the start */

	struct proto builtin[PROTO_BUILTIN];
	struct proto **protos;      /* beyond the built-in ones */
	unsigned proto_count;       /* all */

	struct fifo wakeups, forks;
	struct response *responses;
	int32_t look_session;       /* of the next look for lost ones, 0: none is due */
	uint32_t look_cs;           /* after so long */
	struct task *start_task;    /* while the start function runs */

	int tokens_ref, timeouts_ref, inits_ref;
	int unknown_request_ref, unknown_response_ref, info_ref;
	int raw_callback_ref, filter_ref;
	struct trace *trace;        /* NULL: there never was a tag */
	uint8_t *type_map;          /* skynet.forward_type, 256 entries or NULL */
	bool raw_forward;
	bool unusual;               /* raw callback, filter or type map */
	const void *lazy_globals;   /* the table of globals as long as it is not complete, see libs.c */
	bool package_open;          /* the library `package` has been touched */
	bool booted, started, exiting, closing;
	uint8_t code_mode;          /* enum code_mode */
	bool limited;               /* skynet.memlimit was used */
	bool describing;            /* an error, with memory beyond the limit */
	bool settling;              /* loaded, and the start has not come to its first end; or the heap became large */
	bool settled;               /* it has been so once */
	bool collector_chosen;      /* by the program, with collectgarbage */
	struct roots roots;         /* see roots.c */
	void *block;                /* see luahost_hold_block */
	void *loose;                /* payload that an error may have lost, see api_packstring */
	const char *why;            /* reason told to callers at the end */

	/* [any] written by the owner, read by its own signal handler; see luahost.c */
	lua_State *volatile running; /* where code of the program runs, NULL while none does */
	atomic_bool interrupted;     /* a hook was set since no code ran */
	atomic_bool want_stack, want_break, want_told; /* told: the stack goes to who asked, stacks.h */
};

/* ---- wait.c: sessions and who waits for them ---- */
int32_t host_new_session(struct host *h);
struct wait *wait_add(struct host *h, int32_t session, enum wait_kind kind);
struct wait *wait_find(struct host *h, int32_t session);
void wait_remove(struct host *h, struct wait *w);
/* Removes the session, if it is known, and its timer. */
void wait_forget(struct host *h, int32_t session);
/* The task sleeps on the value at the index, which is not its own coroutine. */
void wait_on_token(lua_State *L, struct task *t, int index);
/* Takes the task out of whatever it waits for. `late`: the answer may still come and is to be ignored. */
void wait_abandon(struct task *t, bool late);

/* ---- timeout.c ---- */
/* After ti centiseconds (at once for ti <= 0, but behind what is queued already) the function at the index runs in a
 * task of its own. The message, the host's until it fires or is cancelled, has tag and session. */
struct msg *timeout_start(lua_State *L, int function, lua_Integer ti);
/* true: there was one, and its function will not run. */
bool timeout_cancel(lua_State *L, uint32_t tag, int32_t session);
bool timeout_cancel_session(lua_State *L, int32_t session); /* looks at all of them */
/* m has a tag; it stays the caller's. */
void timeout_fire(struct host *h, struct msg *m);
/* m, with or without a tag, is about to be freed unfired. */
void timeout_lost(struct host *h, const struct msg *m);
/* At the end of the service, after its state was closed. */
void timeout_release_all(struct host *h);

/* ---- luahost.c ---- */
/* Code of the program runs in L from now on, in a protected call: the memory limit holds, and an
 * interrupt breaks it. Returns what ran before, for host_leave. */
static inline lua_State *host_enter(struct host *h, lua_State *L)
{
	lua_State *outer = h->running;

	h->running = L;
	return outer;
}
/* An interrupt came while L ran: its hook goes on to what ran before, or off. */
void host_move_hook(struct host *h, lua_State *L, lua_State *outer);
static inline void host_leave(struct host *h, lua_State *L, lua_State *outer)
{
	h->running = outer;
	/* relaxed: set by a signal handler on this thread */
	if (unlikely(atomic_load_explicit(&h->interrupted, memory_order_relaxed)))
		host_move_hook(h, L, outer);
}
/* lua_pcall as code of the program, on the main state or what runs. */
int host_call(struct host *h, lua_State *L, int nargs, int nresults, int handler);
void host_settle(struct host *h);
/* The task of skynet.start came to an end of which the start function knows nothing: the service ends, and who launched
 * it is told. Between turns. */
void host_start_failed(struct host *h, const char *text);

/* ---- task.c ---- */
/* Coroutines that wait for the next requests become garbage. Between turns. */
void task_empty_pool(struct host *h);
static inline struct task *task_of(lua_State *L)
{
	return *(struct task **)lua_getextraspace(L);
}

static inline void task_adopt(lua_State *L, struct task *t)
{
	*(struct task **)lua_getextraspace(L) = t;
}

static inline struct host *host_of(lua_State *L)
{
	return task_of(L)->host;
}

/* Whether L may wait now: it runs in the name of a task, and nothing between it and the task's
 * own coroutine is a function that cannot yield. */
bool task_can_wait(lua_State *L);
/* The running task if L may wait, or raises: in the main chunk, in plain coroutines and in
 * functions that C calls (table.sort, string.gsub, most metamethods, hooks) nothing can wait.
 * Comes before anything is sent or recorded; until the function yields, nothing that is called
 * may wait. */
struct task *task_blocking(lua_State *L, const char *what);
/* A task with a coroutine and nothing on its stack. Between turns; NULL: no memory. */
struct task *task_create(struct host *h);
/* The same for functions that run in L: raises. */
struct task *task_create_in(lua_State *L);
/* Starts or resumes; nargs values (and, at the start, the function) are on its stack. Deals with its
 * yield, end or error. The task may be gone afterwards. */
void task_resume(struct task *t, int nargs);
/* Ends a suspended task: closes its variables; its request, if unanswered, fails with why. */
void task_kill(struct task *t, const char *why);
void task_fail_request(struct task *t, const char *why);
/* For want of memory the service does not see m. A stream that has lost bytes ends: nobody shall
 * read on as if nothing had been there. */
void task_lose_message(const struct msg *m);
/* Fails what the task waits for and resumes it: its blocking function raises "call failed: why". */
void task_fail_wait(struct task *t, const char *why, size_t size);
/* For continuations: raises if the wait failed. */
void task_check_failed(lua_State *L, struct task *t);
/* Wakeups and forks that are due; after every message. */
void task_run_pending(struct host *h);
void task_free_all(struct host *h);
void fifo_push(struct fifo *f, struct task *t, const void *token);
/* Logs an escaped error in the format of the contract. The message is on top of `from` and is popped.
 * ret_line, 256 bytes: its first line, for the caller. */
void task_log_error(struct host *h, lua_State *from, int status, uint32_t source, int32_t session,
		    size_t size, char *ret_line);

/* ---- coroutine.c ---- */
/* The innermost coroutine of skynet.coroutine that a suspended one waits in; itself if there is
 * none. */
lua_State *coroutine_leaf(lua_State *co);
/* Opens Lua's library `coroutine`, whose resume and wrap tell the host what runs. */
int coroutine_open_library(lua_State *L);

/* ---- dispatch.c ---- */
void host_message(struct service *s, void *ud, struct msg *m_take);
/* The same for a payload that stays the caller's. */
void host_message_borrowed(struct host *h, struct msg *m);
/* MSG_FOREIGN, or 0, for a payload that the running task, or a callback of the program, was
 * shown. */
uint8_t host_payload_flags(struct host *h, const void *payload);
struct proto *proto_find_id(struct host *h, int id);
struct proto *proto_find_name(struct host *h, const char *name);
/* By name or number at arg; raises for one that is not registered. */
struct proto *proto_check(lua_State *L, int arg);
struct proto *proto_add(struct host *h, int id);

/* ---- trace.c ---- */
void trace_set_tag(struct task *t, const char *tag, size_t size); /* NULL: none */
/* A line of the task's tag; with the places on co's stack unless that is NULL. */
void trace_event(struct task *t, const char *event, lua_State *co);
/* A PTYPE_TRACE message: its payload is the tag of the next request from there. */
void trace_pending(struct host *h, const struct msg *m);
/* A request begins; the host has a struct trace. */
void trace_request(struct task *t);
/* The tag goes ahead of a call to the address at arg. */
void trace_call(lua_State *L, struct task *t, int arg);
/* By the flag at the index: true, false or nil. */
void trace_set_proto(lua_State *L, struct proto *p, int flag);
void trace_release(struct host *h);
int trace_log(lua_State *L); /* (tag, text[, co[, level]]): writes a line */

/* ---- state.c, libs.c ---- */
int host_open_state(struct host *h);
void libs_init(void);
void libs_open(lua_State *L);
/* Pushes the standard library of that name, opened if it was not; false: there is none. */
bool libs_push(lua_State *L, const char *name);

/* ---- search.c: where Lua files are ---- */
#define SEARCH_DEFAULT_PATH "./lualib/?.lua;./lualib/?/init.lua"
/* The program's own, then where the system's packages have modules for this Lua. */
#define SEARCH_DEFAULT_CPATH "./luaclib/?.so;" LUA_CDIR "?.so;" LUA_CDIR2 "?.so"
void search_init(const char *lib_dir, const char *service_dir);
void search_fini(void);
void search_forget(void);
/* Files of our own, NULL: we have none of that name. Valid until the host ends. */
const char *search_own_module(const char *name);
const char *search_own_service(const char *name);
/* Pushes the file of a module, ours or along the configured path, and gives true; or pushes nothing. */
bool search_module(lua_State *L, const char *name);

/* ---- require.c: the global function ---- */
void require_open(lua_State *L);
/* Opens the library `package`, as luaopen_package does, for the lazy table at index 1. */
int require_open_package(lua_State *L);
/* Pushes Lua's own require. */
void require_push_stock(lua_State *L);

/* ---- loader.c: runs the service's file in the state; raises ---- */
int host_load(lua_State *L);
/* The line launches a service of ours that no program may stand in for. */
bool host_is_part_of_node(const char *args);

/* ---- codecache.c: like luaL_loadfile, compiled once per process ---- */
enum code_mode {
	CODE_ON,    /* cached code is used, new code is kept */
	CODE_EXIST, /* cached code is used */
	CODE_OFF,   /* the file is compiled */
};
int codecache_load(lua_State *L, const char *file);
void codecache_clear(void);

/* ---- roots.c: what the service shares with others ---- */
/* Before the state refers to anything of it. */
void roots_take(struct host *h, struct share_root *r_take);
/* After a newer version was taken, and what the caller has of it is on the stack: if old ones have become many, collects garbage and lets go what can be. */
void roots_review(struct host *h);
/* Lets go of old versions to which nothing refers; garbage refers, too. */
void roots_audit(struct host *h);
/* The state has a shared table: each cycle of its collector looks whether old versions can go. May raise. */
void roots_watch(lua_State *L);
/* How many there are newer versions of, and their bytes. */
size_t roots_old(const struct roots *rs, size_t *ret_count);
/* The state is closed. */
void roots_release(struct host *h);

/* ---- shared by the api files ---- */
/* Raises unless the argument can be called. */
void api_check_callable(lua_State *L, int arg);
/* Takes nothing, a string or (pointer, size) at arg as a message with a payload; raises on other types. */
struct msg *api_take_message(lua_State *L, int arg);
/* Packs the values from `from` to the top by a protocol; they may be replaced. */
struct msg *api_pack_message(lua_State *L, struct proto *p, int from);
/* To a number or string at arg. SEND_*, or raises for other types and for 0; m is taken always.
 * ret_dest: the number, 0 for a global name. */
int api_deliver(lua_State *L, int arg, struct msg *m_take, uint32_t *ret_dest);
/* Sends m as a request to the address at arg and waits; `done` (or NULL) turns the answer into results.
 * timeout_cs < 0: none. The last thing a C function does. */
int api_request(lua_State *L, int arg, struct proto *p, struct msg *m_take, int64_t timeout_cs,
		lua_KFunction done);
/* Turns the answer of an api_request into results. */
int api_answer_values(lua_State *L);
/* The look is due. Between turns. */
void api_look_for_lost(struct host *h);
bool api_answer_request(struct host *h, uint32_t source, int32_t session, struct msg *m_take);
/* The request that a function answers: of the running task, also from a coroutine inside it. */
static inline struct task *api_request_task(lua_State *L)
{
	return host_of(L)->current;
}
/* Ends the service: what skynet.exit does but for the last yield. */
void api_end_service(lua_State *L, const char *why);
extern const char *luahost_lib_dir, *luahost_service_dir;

/* Functions of the skynet table. */
#define API(name) int api_##name(lua_State *L);
#include "lua/api/api.def"
#undef API

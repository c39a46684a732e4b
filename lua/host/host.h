/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Lua host: one per Lua service. Its state, its tasks and what they wait for.
 * The functions that work on these are declared in the header of their file.
 *
 * Threads:   everything here belongs to the worker that runs the service, except where said.
 * Ownership: the host owns its Lua state, tasks and waits; a task's coroutine is anchored by a
 *            registry reference for as long as the task has it. A struct task is kept until the
 *            host ends, so a coroutine that somebody still holds never points to freed memory.
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

#include "core/actor/calls.h"
#include "core/actor/msg.h"
#include "core/actor/overload.h"
#include "core/actor/service.h"
#include "core/base/clock.h"
#include "core/ds/list.h"
#include "core/ds/ring.h"
#include "core/ds/sessions.h"

/* What a suspended task waits for, and what a session is for. */
enum wait_kind {
	WAIT_NONE,
	WAIT_CALL,     /* an answer or an error */
	WAIT_SLEEP,    /* a timer, or wakeup */
	WAIT_WAKEUP,   /* wakeup only; has no session */
	WAIT_DEADLINE, /* the time limit of the call `peer` */
	WAIT_DROPPED,  /* an answer that nobody wants any more */
	WAIT_LOOK,     /* no task: the next look for lost responses */
	WAIT_AGAIN,    /* no task: the next try with events of sockets that found no memory */
	WAIT_QUIET,    /* no task: the next look whether a large service is quiet */
	WAIT_NEVER,    /* the task is never resumed: it exits, or stalled in coroutine.yield */
};

enum request_state {
	REQUEST_NONE, /* the task serves no request */
	REQUEST_OPEN, /* neither answered nor handed on */
	REQUEST_DONE,
};

/* Which requests of a protocol are traced, see trace.c. */
enum trace_flag {
	TRACE_TAGGED, /* those that bring a tag */
	TRACE_ALWAYS,
	TRACE_NEVER,
};

struct proto {
	const char *name; /* interned Lua string, anchored by name_ref */
	int name_ref, dispatch_ref, pack_ref, unpack_ref; /* LUA_NOREF: none */
	uint8_t id;
	bool seri;     /* pack and unpack are the serialiser itself */
	bool native;   /* bytes of sockets take the short way, see block.h */
	uint8_t trace; /* enum trace_flag */
};

/* Turns the payload of an answer into results: pushes them and returns their number. */
typedef int (*answer_reader)(lua_State *L, const void *data, size_t size);

struct inboxes;
struct wait;
struct response;
union timeout_slot;

struct task {
	lua_State *co;
	struct host *host;
	struct task *prev, *next; /* host->live; host->pool and host->blank by next */
	int ref;		  /* anchors co in the registry */
	bool live;		  /* on host->live */
	bool barred;		  /* inside of a function that cannot yield, see coroutine.c */

	/* the request it serves */
	uint32_t source;
	int32_t session;	 /* 0 = a send, or settled */
	int32_t request_session; /* the same, and stays when it is settled */
	uint32_t request_size;
	struct msg *request; /* until unpacked, or the task first yields or ends */
	struct proto *request_proto;
	uint8_t request_state;
	bool request_borrowed; /* the payload is somebody else's to free */

	/* what it waits for */
	uint8_t wait;	     /* enum wait_kind */
	bool woken;	     /* by wakeup */
	bool failed;	     /* the call failed; error_text says why, or is NULL */
	bool token_in_table; /* else the token is the coroutine itself */
	uint16_t queued;     /* entries in host->wakeups */
	int32_t wait_session;
	int32_t deadline_session; /* of calltimeout, else 0 */
	uint64_t call_begun;	  /* calls_begin's, of a call; else 0 */
	const void *token;
	int token_ref;	  /* the token, if it is in the table */
	char *error_text; /* owned */
	struct msg *held; /* answer that the task reads until it yields again */
	struct proto *call_proto;
	answer_reader answer;

	/* when its function began and when its last wait did (host_now_ns), for people */
	uint64_t began_ns, wait_ns;

	char *tag; /* of its trace, owned, or NULL */

	/* skynet.profile */
	bool profiled;
	uint64_t profile_began_ns, profile_total_ns;
};

struct due {
	struct task *task; /* NULL: cancelled */
	const void *token;
	int token_ref; /* the token, if it is in the table */
};

struct fifo RING_FIELDS(struct due);

#define PROTO_BUILTIN 4

struct share_root;

/* What the state refers to outside of itself, sorted by address. */
struct roots {
	struct share_root **roots;
	size_t count, size;
	size_t count_left, bytes_left; /* old ones, after the last audit */
	unsigned cycles;	       /* of the collector, since roots_watch */
	bool watched;
};

/* The last block that the allocator did not give, see memory.h. */
struct refusal {
	const void *p;
	size_t growth, in_use;
	uint64_t said_ns; /* when the last line about one was logged, 0: never */
};

struct host {
	struct service *s;
	lua_State *L;
	char *args;
	struct task main;     /* pseudo-task: what plain coroutines inherit */
	struct task *current; /* the task whose code runs, NULL between turns */

	size_t memory, memory_limit, memory_report;
	struct refusal refusal;

	struct task *live;  /* started or queued, doubly linked */
	struct task *pool;  /* with a coroutine */
	struct task *blank; /* without */
	unsigned pooled, tasks;
	unsigned pool_limit;  /* of both together */
	unsigned peak, ended; /* most tasks at once, and ends, since the last review */
	unsigned review_at;   /* when `ended` is that */

	struct calls_sampler calls;
	struct sessions waits;	      /* see wait.h */
	unsigned dropped;	      /* of those, WAIT_DROPPED */
	union timeout_slot *timeouts; /* by tag - 1, see timeout.c */
	uint32_t timeouts_size, timeout_count, timeout_free;
	uint32_t start_tag; /* the timeout that runs the start */

	struct proto builtin[PROTO_BUILTIN];
	struct proto **protos; /* beyond the built-in ones */
	unsigned proto_count;  /* all */

	struct fifo wakeups, forks;
	struct response *responses;
	int32_t look_session;	 /* of the next look for lost ones, 0: none is due */
	uint32_t look_cs;	 /* after so long */
	struct msg *again;	 /* events of sockets that found no memory, see again.h */
	int32_t again_session;	 /* of the next try, 0: none is due */
	uint32_t again_cs;	 /* the pause before the one after it */
	struct task *start_task; /* while the start function runs */

	int tokens_ref, timeouts_ref, inits_ref;
	int unknown_request_ref, unknown_response_ref, info_ref;
	int raw_callback_ref, filter_ref;
	struct trace *trace; /* NULL: there never was a tag */
	uint8_t *type_map;   /* skynet.forward_type, 256 entries or NULL */
	bool raw_forward;
	bool unusual;		  /* raw callback, filter or type map */
	const void *lazy_globals; /* the table of globals while it is not complete, see libs.c */
	bool package_open;	  /* the library `package` has been touched */
	bool booted, started, exiting, closing;
	uint8_t code_mode; /* enum code_mode */
	uint8_t hold;	   /* enum move_hold, see move.h */
	bool limited;	   /* skynet.memlimit was used */
	bool describing;   /* an error, with memory beyond the limit */
	/* loaded, and the start has not come to its first end; or the heap became large */
	bool settling;
	bool settled;	       /* it has been so once */
	bool collector_chosen; /* by the program, with collectgarbage */
	bool collector_held;   /* it only runs when told: by the program, or lua/load/tape.h */
	bool large;	       /* collected step by step, and while it is quiet; see collector.h */
	uint8_t quiet_ends;    /* ends of cycles since it has been quiet */
	int32_t quiet_session; /* of the next look, 0: none is due */
	int32_t recent;	       /* messages since the last look; that of the look itself is -1 */
	uint32_t quiet_cs;     /* the pause before the next look after messages */
	size_t quiet_memory;   /* when it became quiet */
	/* the last field that the skynet table did not have, see lua/load/hint.h */
	char missing_name[32];
	int missing_line;	  /* where it was asked for; 0: nowhere */
	struct roots roots;	  /* see roots.c */
	void *block;		  /* see block.h */
	struct inboxes *inboxes;  /* of sockets, NULL: none; see lua/modules/socket/inbox.h */
	void *loose;		  /* payload that an error may have lost, see api_packstring */
	const char *why;	  /* reason told to callers at the end */
	LIST_OF(struct msg) held; /* while the service stands still */
	unsigned held_count;
	struct msg *state; /* of its life on another node, or NULL */

	/* [any] written by the owner, read by its own signal handler; see run.c */
	lua_State *volatile running; /* where code of the program runs, NULL while none does */
	atomic_bool interrupted;     /* a hook was set since no code ran */
	/* told: the stack goes to who asked, stacks.h */
	atomic_bool want_stack, want_break, want_told, want_look;
};

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

/* The service that this Lua state, or coroutine, belongs to. */
static inline struct service *host_service(lua_State *L)
{
	return host_of(L)->s;
}

/* The monotonic time to within some 10 ms, without a look at a clock: a turn is short, or the
 * overseer looks meanwhile. */
static inline uint64_t host_now_ns(const struct host *h)
{
	/* relaxed: the owner wrote it */
	uint64_t turn = atomic_load_explicit(&h->s->turn_began_ns, memory_order_relaxed);
	uint64_t recent = clock_recent_ns();

	return turn > recent ? turn : recent;
}

/* Whether this thread runs the service of the host now: who calls the functions of this folder is
 * there. */
static inline bool host_is_here(const struct host *h)
{
	return service_current() == h->s;
}

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Sessions of a service: which number belongs to which waiting task.
 *
 * Threads:   the worker that runs the service.
 * Ownership: the table is the host's. A struct wait is valid until one is added or removed.
 * Limits:    as many as wait, and WAIT_DROPPED_MAX answers that come too late.
 */
#include "lua/host/host.h"

#define WAIT_DROPPED_MAX 4096u

struct wait {
	int32_t session; /* 0 = free */
	uint8_t kind;
	union {
		int32_t peer;	    /* WAIT_DEADLINE: the call's session */
		uint32_t name_hash; /* WAIT_CALL to a global name: dest is 0 */
	};
	uint32_t dest; /* WAIT_CALL: who was asked */
	struct task *task;
	struct msg *timer; /* still armed, or NULL */
};

/* Returns a session that nobody waits for. */
int32_t host_new_session(struct host *h);
/* Adds a wait for a session that has none. */
struct wait *wait_add(struct host *h, int32_t session, enum wait_kind kind);
/* Returns the wait in one of the h->waits.size places of the table, for who looks at all; NULL
 * if the place is free. */
struct wait *wait_at(struct host *h, unsigned place);
/* Returns NULL if nobody waits for the session. */
struct wait *wait_find(struct host *h, int32_t session);
void wait_remove(struct host *h, struct wait *w);
/* Removes the session, if it is known, and its timer. */
void wait_forget(struct host *h, int32_t session);
/* The task sleeps on the value at the index, which is not its own coroutine. Raises for want of
 * memory. */
void wait_on_token(lua_State *L, struct task *t, int index);
/* Takes the task out of whatever it waits for. `late`: the answer may still come and is to be
 * ignored. */
void wait_abandon(struct task *t, bool late);
/* The service ends: tells each service that was asked and has not answered, once. */
void wait_tell_callees(struct host *h);
/* Takes back the timers that are armed, and frees the table. The state is closed. */
void wait_release_all(struct host *h);

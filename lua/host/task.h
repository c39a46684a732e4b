/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Tasks: pooled coroutines with what they serve and what they wait for.
 *
 * Threads:   the worker that runs the service.
 * Ownership: a struct task is the host's and kept until that ends.
 * Limits:    coroutines are kept for the next requests, at least TASK_POOL_MIN and at most
 *            TASK_POOL_MAX, and within that as many as were lately needed at once.
 */
#include "lua/host/host.h"

#define TASK_POOL_MIN 64u
#define TASK_POOL_MAX 65536u

/* Whether L may wait now: it runs in the name of a task, and nothing between it and the task's
 * own coroutine is a function that cannot yield. */
bool task_can_wait(lua_State *L);
/* Returns the running task if L may wait, or raises: in the main chunk, in plain coroutines and in
 * functions that C calls (table.sort, string.gsub, most metamethods, hooks) nothing can wait.
 * Comes before anything is sent or recorded; until the function yields, nothing that is called
 * may wait. */
struct task *task_blocking(lua_State *L, const char *what);
/* Returns a task with a coroutine and nothing on its stack. Between turns; NULL: no memory. */
struct task *task_create(struct host *h);
/* The same for functions that run in L: raises. */
struct task *task_create_in(lua_State *L);
/* Starts or resumes; nargs values (and, at the start, the function) are on its stack. Deals with
 * its yield, end or error. The task may be gone afterwards. */
void task_resume(struct task *t, int nargs);
/* Ends a suspended task: closes its variables; its request, if unanswered, fails with why. */
void task_kill(struct task *t, const char *why);
void task_fail_request(struct task *t, const char *why);
/* Fails what the task waits for and resumes it: its blocking function raises "call failed: why". */
void task_fail_wait(struct task *t, const char *why, size_t size);
/* For continuations: raises if the wait failed. */
void task_check_failed(lua_State *L, struct task *t);
/* Runs the wakeups and forks that are due; after every message. */
void task_run_pending(struct host *h);
/* Coroutines that wait for the next requests become garbage. Between turns. */
void task_empty_pool(struct host *h);
/* The service ends: closes every task and empties the pool. */
void task_free_all(struct host *h);
/* The state is closed: frees the structs. */
void task_release_all(struct host *h);
void fifo_push(struct fifo *f, struct task *t, const void *token);
/* Logs an escaped error in the format of the contract. The message is on top of `from` and is
 * popped. ret_line, 256 bytes or NULL: its first line, for the caller. */
void task_log_error(struct host *h, lua_State *from, int status, uint32_t source, int32_t session,
		    size_t size, char *ret_line);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Bytes of sockets on their way through a service. The message of a socket owns a block; the module
 * that unpacks it says when the block left the message, and when somebody took it. What is neither
 * here nor there when memory ends is freed, and a stream that has lost bytes is ended: nobody shall
 * read on as if nothing had been there. A connection that nobody has heard of is ended, too.
 *
 * Threads: the worker that runs the service.
 */
#include "lua/host/host.h"

/* The service has been handed a block and nobody has taken it yet; NULL: it is taken. */
void block_hold(lua_State *L, void *block);
/* For want of memory the service does not see m. */
void block_lose(struct msg *m);
/* The dispatch of the task's request found no memory: frees its block, wherever it was on its
 * way. */
void block_free(struct task *t);
/* The task's request is unpacked by that function. */
bool block_is_ours(const struct task *t);
/* The short way of m, without a task. Returns true when its bytes are where they belong; the
 * message is the caller's. */
bool block_deliver(struct host *h, struct msg *m);
/* Before the first service is launched: the function that block_deliver calls. */
void block_set_deliver(bool (*f)(struct host *h, struct msg *m));
/* Before the first service is launched: the function that unpacks messages of sockets and reports
 * by block_hold. */
void block_set_unpack(lua_CFunction f);

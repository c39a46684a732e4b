/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Timeouts of skynet.timeout: functions that run later, each in a task of its own.
 *
 * Threads:   the worker that runs the service.
 * Ownership: the message of a timeout is the host's until it fires or is cancelled.
 */
#include "lua/host/host.h"

/* After ti centiseconds (at once for ti <= 0, but behind what is queued already) the function at
 * the index runs in a task of its own. Returns the message, which has tag and session. Raises for
 * want of memory. */
struct msg *timeout_start(lua_State *L, int function, lua_Integer ti);
/* Returns true if there was one, and its function will not run. */
bool timeout_cancel(lua_State *L, uint32_t tag, int32_t session);
/* The same for who does not know the tag: looks at all of them. */
bool timeout_cancel_session(lua_State *L, int32_t session);
/* m has a tag; it stays the caller's. */
void timeout_fire(struct host *h, struct msg *m);
/* m, with or without a tag, is about to be freed unfired. */
void timeout_lost(struct host *h, const struct msg *m);
/* At the end of the service, after its state was closed. */
void timeout_release_all(struct host *h);

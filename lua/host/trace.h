/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Trace tags: a task with a tag logs what becomes of it, and the tag follows its calls.
 *
 * Threads:   the worker that runs the service.
 * Ownership: a task owns its tag.
 */
#include "lua/host/host.h"

/* The tag is copied; NULL: none. */
void trace_set_tag(struct task *t, const char *tag, size_t size);
/* Logs a line of the task's tag; with the places on co's stack unless that is NULL. */
void trace_event(struct task *t, const char *event, lua_State *co);
/* A PTYPE_TRACE message: its payload is the tag of the next request from there. */
void trace_pending(struct host *h, const struct msg *m);
/* A request begins; the host has a struct trace. */
void trace_request(struct task *t);
/* The tag goes ahead of a call, with that session, to the address at arg. */
void trace_call(lua_State *L, struct task *t, int arg, int32_t session);
/* By the flag at the index: true, false or nil. */
void trace_set_proto(lua_State *L, struct proto *p, int flag);
void trace_release(struct host *h);
/* (tag, text[, co[, level]]): writes a line. */
int trace_log(lua_State *L);
/* The module skynet.trace.core. */
int luaopen_skynet_trace_core(lua_State *L);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * skynet: sending and calling.
 *
 * Functions of the skynet table, as Lua calls them.
 */
#include "lua/host/host.h"

/* Returns the task whose request a function answers: the running one, also from a coroutine inside
 * it. NULL: none. */
static inline struct task *api_request_task(lua_State *L)
{
	return host_of(L)->current;
}

/* Takes nothing, a string or (pointer, size) at arg as a message with a payload; raises on other
 * types. */
struct msg *api_take_message(lua_State *L, int arg);
/* Returns the handle at arg; raises for what is no integer, or has more than 32 bits. */
uint32_t api_check_handle(lua_State *L, int arg);
/* Packs the values from `from` to the top by a protocol; they may be replaced. */
struct msg *api_pack_message(lua_State *L, struct proto *p, int from);
/* Sends m as a request to the address at arg and waits; `done` (or NULL) turns the answer into
 * results. timeout_cs < 0: none. The last thing a C function does. */
int api_request(lua_State *L, int arg, struct proto *p, struct msg *m_take, int64_t timeout_cs,
		lua_KFunction done);
/* Turns the answer of an api_request into results. */
int api_answer_values(lua_State *L);
/* Answers of remote_ops arrive as responses: yields the running task until the answer to `session`
 * is there, as the last thing a C function does (`return api_wait_answer(...)`). on_answer turns
 * the payload into results; an error answer is raised as "call failed: WHY". */
int api_wait_answer(lua_State *L, int32_t session, answer_reader on_answer);

int api_call(lua_State *L);
int api_calltimeout(lua_State *L);
int api_rawcall(lua_State *L);
int api_rawsend(lua_State *L);
int api_redirect(lua_State *L);
int api_send(lua_State *L);
int api_term(lua_State *L);

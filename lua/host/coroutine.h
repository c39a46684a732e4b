/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Coroutines inside of a task, and Lua's library `coroutine`, whose resume and wrap tell the host
 * what runs.
 *
 * Threads: the worker that runs the service.
 */
#include <lua.h>

/* Returns the innermost coroutine of skynet.coroutine that a suspended one waits in; itself if
 * there is none. */
lua_State *coroutine_leaf(lua_State *co);
/* Where a C function that resumes has the coroutine: argument 1 (returns 1), upvalue 1 (-1); 0: f
 * does not resume. Any thread. */
int coroutine_resumed_by(lua_CFunction f);
/* Opens the library `coroutine`, as luaopen_coroutine does. */
int coroutine_open_library(lua_State *L);
/* The module skynet.coroutine. */
int luaopen_skynet_coroutine(lua_State *L);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The functions that a recording keeps the results of (tape_functions.def): they are wrapped when
 * the service gets to see them, so a service that is not recorded has the functions themselves.
 *
 * Threads: the worker that runs the service.
 */
#include <lua.h>

/* The libraries of the service are open; may raise. */
void tape_wrap(lua_State *L);
/* Pushes what opens a C module of ours: `open`, or what wraps its functions as well. May raise. */
void tape_push_open(lua_State *L, const char *name, lua_CFunction open);
/* The name of a function that is covered, by its place in the table; any number. */
const char *tape_function(unsigned i);

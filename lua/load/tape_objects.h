/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Covered functions whose results are objects, or what the program is handed in memory: what a
 * recording keeps of them are bytes, of which a replay makes such objects of its own.
 *
 * Each is called in the place of the function, whose original is the first upvalue, with the
 * arguments on the stack; returns the number of results, and may raise.
 *
 * Threads: the worker that runs the service.
 */
#include <lua.h>
#include "lua/load/tape.h"

/* A reader of skynet.stm is called. */
int tape_record_reading(lua_State *L, struct tape *t, struct tape_call *call);
int tape_play_reading(lua_State *L, struct tape *t, struct tape_call *call);
/* A schema of sproto is loaded from a slot. */
int tape_record_schema(lua_State *L, struct tape *t, struct tape_call *call);
int tape_play_schema(lua_State *L, struct tape *t, struct tape_call *call);

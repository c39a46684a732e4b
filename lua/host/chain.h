/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Coroutines that run inside of each other, read as frames.h does.
 *
 * Threads: as lua/vm/frames.h.
 */
#include "lua/vm/frames.h"

/* More are left out. */
#define CHAIN_MAX 8u

/* Finds the coroutine that co resumed last, the one that this resumed, and so on; ret[0] is co.
 * Returns how many. */
unsigned chain_find(struct lua_State *co, struct lua_State *ret[CHAIN_MAX]);
/* Reads the frames of all of them, the innermost first, as frames_read does; those of `running` in
 * front if it is none of them. */
unsigned chain_frames(struct lua_State *co, struct lua_State *running, struct frame *ret,
		      unsigned max, unsigned *ret_depth);

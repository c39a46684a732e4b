/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The module skynet.stm: a value with one writer and many readers.
 *
 * Threads: the worker that runs the service.
 */
#include <lua.h>
#include <stddef.h>

int luaopen_skynet_stm(lua_State *L);

/* ---- for recordings and replays (lua/load) ---- */

/* Pushes the metatable of readers, whose __call reads. */
void stm_push_readers(lua_State *L);
/* The stack holds a reader that has read something, f and ud, nothing else: calls f with that.
 * Returns how many results of reader(f, ud) are on top. */
int stm_hand_over(lua_State *L);
/* Makes a copy of the bytes the newest version that the reader at index finds. The reader is one
 * that newcopy has made of NULL: no writer has its cell. Raises if there is none. */
void stm_publish_to(lua_State *L, int index, const void *bytes, size_t size);

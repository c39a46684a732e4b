/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What to do about an error, where Lua's own text only says that something is nil: a function of
 * the skynet table that is misspelt, or that a module adds which was not required.
 *
 * A field that is not there stays nil, for programs ask for some. Its name and the line are kept
 * instead (lua/api/api_skynet.c), and when an error of that line is about a nil field of that name,
 * its text gets a hint behind it.
 *
 * Threads: the worker that runs the state.
 */
#include <lua.h>
#include <stdbool.h>

/* Pushes the hint for the text of an error and returns true, or pushes nothing. */
bool hint_push(lua_State *L, const char *error);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The standard libraries of a service's state, there when first used.
 *
 * Threads: libs_init before the first service; else the worker that runs the service.
 */
#include <lua.h>
#include <stdbool.h>

/* Before the first service is launched. open_package: opens the library `package`. */
void libs_init(lua_CFunction open_package);
void libs_open(lua_State *L);
/* Pushes the standard library of that name, opened if it was not; false: there is none. */
bool libs_push(lua_State *L, const char *name);
/* Opens all but `package`. */
void libs_open_all(lua_State *L);

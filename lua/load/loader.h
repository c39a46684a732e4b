/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Finds and runs the file of a Lua service.
 *
 * Threads: loader_run: the worker that runs the service; else any.
 */
#include <lua.h>
#include <stdbool.h>

/* A Lua function without arguments and results: runs the file of the service that the state belongs
 * to; raises. */
int loader_run(lua_State *L);
/* The line launches a service of ours that no program may stand in for. */
bool loader_is_part_of_node(const char *args);

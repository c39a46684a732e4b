/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Lines of the log that Lua code makes.
 *
 * Threads: the worker that runs the service.
 */
#include <stddef.h>
#include "core/log/log.h"
#include "lua/host/host.h"

/* Writes a line of the service of L: with the place of the Lua function that called the C function
 * which runs now, and with the request in whose name that is. */
void logline_write(lua_State *L, enum log_level level, const char *text, size_t size);

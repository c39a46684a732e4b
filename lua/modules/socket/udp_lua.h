/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The functions of skynet.socketdriver that open UDP sockets, and the addresses of datagrams.
 *
 * Threads: the worker that runs the service.
 */
#include <lauxlib.h>

/* Ends with an entry of NULLs. Light functions: they need no upvalue. */
extern const luaL_Reg udp_functions[];

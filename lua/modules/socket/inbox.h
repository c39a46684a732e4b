/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What skynet.socket knows of a socket in C: its receive buffer, and the one reader who waits for
 * bytes.
 *
 * A packet whose socket has an inbox is appended to its buffer without a task of Lua; when it holds
 * what the reader waits for, he is woken, and it is he who takes it out, so that a want of memory
 * is his. What is the program's affair (a buffer that is too large, a socket that nobody knows)
 * goes the long way through skynet.socket's dispatch function.
 *
 * Threads:   the worker that runs the service.
 * Ownership: an inbox is part of its buffer, an object of Lua that the caller keeps. The host owns
 * the
 *            table from id to inbox, in which a collected buffer is not found any more.
 * Limits:    as many as the service has sockets.
 */
#include <lua.h>
#include <lauxlib.h>
#include <stdbool.h>

struct host;
struct msg;

/* Functions of skynet.socketdriver; ends with an entry of NULLs. */
extern const luaL_Reg inbox_functions[];

/* A message for a service. Returns true when it was bytes for an inbox, which it has now. */
bool inbox_deliver(struct host *h, struct msg *m);
/* The service ends, its state is closed. */
void inbox_release(struct host *h);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The Lua state of a service: its memory and what is in it before the service's file runs.
 *
 * Threads: the worker that runs the service.
 */
struct host;

/* Opens the state of a host. 0, or -1 for want of memory. */
int state_open(struct host *h);

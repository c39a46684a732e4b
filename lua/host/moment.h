/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the worker on this thread is at, at this moment: the service, the message, the stacks of Lua
 * and C. For signal handlers; it is inside of guard_run itself.
 *
 * Threads: a worker, in its signal handlers.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/base/backtrace.h"
#include "lua/vm/frames.h"

struct service;

#define MOMENT_FRAMES 64u

struct moment {
	uint32_t handle; /* 0: no service is in turn, and the rest is not there */
	bool is_lua;	 /* it is a Lua service */
	bool runs_lua;	 /* and code of the program runs, not the host itself */
	bool broken;	 /* the stack of Lua could not be read to its end */

	/* the task that runs, if it serves somebody */
	bool serves;
	uint32_t source;
	int32_t session;
	char proto[16];

	unsigned frames, depth;
	struct frame frame[MOMENT_FRAMES];
	unsigned calls;
	uintptr_t call[BACKTRACE_MAX];
};

/* Reads it; s: the service in turn, or NULL; context: of the signal if it is a fault, or NULL;
 * max: most frames of Lua. */
void moment_read(struct moment *ret, struct service *s, const void *context, unsigned max);
/* The same without the calls of C, which take longer than the rest. */
void moment_read_lua(struct moment *ret, struct service *s, unsigned max);

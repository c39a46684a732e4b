/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A look at a Lua service from outside: the stacks of all its tasks, what each waits for, and whom
 * it serves.
 *
 * Whoever runs the service fills in the look, and the service itself need not do anything: an
 * order in its mailbox has the owner do so between two messages; if the service is in a turn that
 * does not end, a signal has its worker do so, by a hook at the next step of its code, or in the
 * handler itself when that step does not come, for C code runs. The answer is bounded: tasks whose
 * stacks are equal are one entry, and there are LOOK_STACKS_MAX.
 *
 * Threads:   look_take any but workers, it waits; LOOKS_MAX at once.
 *            The others the worker that runs the service, its signal handler too.
 * Ownership: what look_take returns is the caller's.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lua/vm/frames.h"

struct host;
struct service;

#define LOOKS_MAX 4u
#define LOOK_STACKS_MAX 128u
#define LOOK_FRAMES_MAX 40u
/* Up to so many tasks each is an entry of its own. */
#define LOOK_APART 64u
/* More tasks than this are counted and not looked at. */
#define LOOK_TASKS_MAX 200000u

/* A message as people know it. */
struct look_message {
	int32_t session;
	char proto[16];		  /* "": unknown */
	char command[FRAME_NAME]; /* its first value if that is a string or a number, "": unknown */
};

struct look_stack {
	uint64_t hash;
	unsigned count; /* tasks that stand here; what follows is of the one that waits longest */
	bool runs;
	uint64_t began_ns, wait_ns;

	bool serves; /* a request, or a message */
	uint32_t source;
	struct look_message request;

	uint8_t wait;  /* enum wait_kind */
	uint32_t dest; /* of a call; 0: the name */
	char name[FRAME_NAME];
	struct look_message call;
	uint64_t due_ns; /* of a sleep, or the limit of a call; 0: none */

	unsigned frames, depth;
	struct frame frame[LOOK_FRAMES_MAX];
};

enum look_how {
	LOOK_RESTED, /* the owner did so between two messages */
	LOOK_LUA,    /* Lua code runs, and was at a step of it */
	LOOK_C,	     /* C code runs that Lua called, or the host itself */
};

struct look {
	enum look_how how;
	unsigned tasks, looked_at;
	unsigned timeouts;	    /* functions that wait for their time */
	unsigned entries, left_out; /* left_out: tasks for which there was no entry */
	struct look_stack stacks[LOOK_STACKS_MAX]; /* what runs is the first, if anything does */
};

enum look_result {
	LOOK_DONE,
	LOOK_NO_SERVICE,
	LOOK_NOT_LUA,  /* a service of a C module */
	LOOK_SILENT,   /* nobody has answered in time */
	LOOK_TOO_MANY, /* LOOKS_MAX others look */
};

/* Looks at a service of this node, and waits for that at most timeout_ns; stop() ends it earlier.
 * *ret_look is the caller's (mem_free) if LOOK_DONE is returned. */
enum look_result look_take(uint32_t handle, uint64_t timeout_ns, bool (*stop)(void),
			   struct look **ret_look);
/* Before the workers are there. */
void look_init(void);
/* A hook at a step of Lua code: the same. */
void look_answer(struct host *h);

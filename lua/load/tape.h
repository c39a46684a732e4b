/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Recording a service, and replaying it alone.
 *
 * A recording begins at the launch of a Lua service, for only then is its state known: nothing. The
 * file (tapefile.h) keeps each message that it gets, in order, those of sockets with their bytes;
 * the shared data that it looks at; what it asks of the node (clocks, names, environment, sockets:
 * tape_functions.def); the seeds of its random numbers; when its garbage is collected; and what it
 * sends. A replay runs the same code on the same messages with the same answers, opens nothing, and
 * compares what it sends to services and what it writes to sockets.
 *
 * Not covered: io, os.exit and other ways to the outside; what a light userdata of another service
 * points to, but for the cells of skynet.stm; addresses in texts (tostring of a table) and the
 * order of pairs over keys that are addresses; the memory limit; C modules of the program that ask
 * the clock or the world themselves.
 *
 * A service that is not recorded has none of this: what stands before its callback and around its
 * functions is put there at launch (service_set_message_log, closures), and senders look at one
 * pointer (core/actor/tap.h).
 *
 * Threads:   as said. Each file is written by a thread of its own.
 * Ownership: the recording is freed when the service has let go of it and the file is closed.
 * Limits:    TAPES_MAX recordings at a time; the size of each; TAPE_BEHIND bytes of all that wait
 *            for the disk, beyond which the one that adds ends, for a service does not wait for a
 *            disk.
 */
#include <stdbool.h>
#include <stdint.h>
#include "core/actor/service.h"
#include "lua/host/host.h"

struct tape;

/* A call of a function that is covered. */
struct tape_call {
	unsigned function; /* its place in tape_functions.def */
	bool raised;	   /* its only result is an error */
	uint64_t hash;	   /* of what it was told, if that is compared */
};

/* What a recording does, and what a replay does. */
struct tape_ops {
	bool plays;
	/* The service is being launched. Its launcher's thread, nobody else has the service. */
	void (*begin)(struct tape *t, struct host *h);
	/* In the place of its callback, which is t->hook.next. */
	service_msg_cb message;
	void (*end)(struct service *s);
	/* A recording: what is on the stack is what the function returned, or raised. A replay:
	 * pushes that, and sets call->raised. May raise. */
	void (*values)(struct tape *t, lua_State *L, struct tape_call *call);
	/* The service is about to look at the shared data of this name: makes the recording and
	 * the replay see the same. Returns their version. */
	uint64_t (*share)(struct tape *t, const char *name);
	/* After a call of such a function: garbage may be collected. */
	void (*collect)(struct tape *t, lua_State *L);
	/* The service uses what is not kept: a text of at most 80 bytes for people. */
	void (*uncovered)(struct tape *t, const char *what);
};

struct tape {
	struct message_log hook; /* stands before the service's callback */
	const struct tape_ops *ops;
	char *service;	   /* whose launch is meant: name, maybe with arguments */
	int64_t random[2]; /* seed of math.random */
	atomic_uint refs;  /* who offered it has one, the service another */
	size_t collect_at; /* [owner] bytes of its heap */
	bool inside;	   /* [owner] a covered function runs: what it calls is not kept */
	struct tape *next; /* of those that wait for a launch, or have been taken from there */
};

/* The next launch that matches gets it, and a reference of its own; of several that match, the one
 * that was offered first. Any thread. */
void tape_offer(struct tape *t);
/* true: it waited, and no launch gets it any more. Any thread. */
bool tape_withdraw(struct tape *t);
/* The tape that stands before this service's callback, or NULL. The owner. */
struct tape *tape_of_service(struct service *s);
/* It stands there from now on. For begin. */
void tape_stand_before(struct tape *t, struct service *s);
/* The hash of a payload, and its size; 0 if it has a pointer, which differs from run to run. */
uint64_t tape_hash(const struct msg *m, uint64_t *ret_size);
/* Why a recording ends that lacks nothing. */
#define TAPE_WHOLE "the service has ended"

/* Garbage is collected at points that the recording keeps: what weak tables hold and when
 * finalizers run is the same in the replay. Whether it is time; and does it, in any thread of the
 * service. */
bool tape_should_collect(const struct tape *t, const struct host *h);
void tape_collect(struct tape *t, struct host *h, lua_State *L);

/* A service is being launched, its callback is set. */
void tape_attach(struct host *h);

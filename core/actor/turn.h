/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A turn: a worker runs one service for a bounded batch of messages.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/actor/service.h"

#define TURN_FIRST MSG_ROOM_MIN

/* What a worker's turn is at, for whoever looks after the workers. That worker writes it, all of it
 * relaxed: readers want numbers that are nearly right. */
struct turn {
	atomic_uint_least64_t progress; /* changes with every message */
	atomic_uint_least64_t began_ns; /* monotonic, 0 = not in a turn */
	atomic_uint handle;		/* the service whose turn it is, 0 = none */
	atomic_uint source;		/* of the message in work, like the next two */
	atomic_int session, type;
	/* of that message, for the worker's own signal handlers */
	uint64_t size;
	char first[TURN_FIRST]; /* the payload's first bytes; those from `size` on mean nothing */
};

/* Runs one bounded batch of messages. *now is the monotonic time, in and out: one clock reading a
 * turn. true: more is waiting; false: the service rests or is gone, do not touch it. The owner. */
bool service_run(struct service *s, struct turn *turn, uint64_t *now);

/* After clock_init and before the first turn. */
void turn_init(void);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Commands that wait for something and must not hold up the loop, nor need a worker, for they ask
 * why the workers do not come back: each is run by a thread of its own.
 *
 * Threads: errand_start any, errand_end_all the one that stops the node; the run function its own.
 * Limits:  ERRANDS_MAX at once.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/base/json.h"
#include "daemon/admin/asker.h"

#define ERRANDS_MAX 8u

struct errand {
	struct asker who;
	struct json j;	     /* the answer, unless why is set */
	const char *why;     /* constant */
	uint32_t handle;     /* of the service that it is about; 0: all, or none */
	unsigned numbers[4]; /* what else it was told */
	void (*run)(struct errand *e);
};

/* Runs e->run(e) with a copy of *e, and answers e->who with what that wrote. Returns NULL, or why
 * there is no thread for it: a constant. */
const char *errand_start(const struct errand *e);
/* Whether the node stops: who waits gives up. */
bool errand_stops(void);
/* Waits for the end of all; there will be no others. */
void errand_end_all(void);

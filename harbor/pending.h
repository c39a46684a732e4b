/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Requests that wait for an answer from one node, so that they can fail at once when it is lost.
 *
 * A request is a message with a session that is no answer itself. The same (source, session) twice is one
 * entry: gates forward every client's packets under the same session and nobody answers those.
 *
 * Threads: any, one lock. pending_add takes a batch, so a flush locks once.
 * Limits:  PENDING_MAX; above it a request is not tracked: it is lost without an error if the node is.
 */
#include <pthread.h>
#include <stdbool.h>
#include "core/msg.h"

#define PENDING_MAX (1u << 20)

struct pending_entry {
	uint32_t source, dest;
	int32_t session; /* 0 = free */
};

struct pending {
	pthread_mutex_t lock;
	struct pending_entry *entries; /* open addressing, a power of two */
	unsigned used, size;
};

void pending_init(struct pending *p);
void pending_fini(struct pending *p);

bool pending_is_request(const struct msg *m);
/* Those of the n messages that are requests. */
void pending_add(struct pending *p, struct msg *const *m, unsigned n);
/* An answer to `dest` arrived; other messages are ignored. */
void pending_answered(struct pending *p, const struct msg *m);
/* Each request that waits gets PTYPE_ERROR with this reason; then none waits. */
void pending_fail(struct pending *p, const char *why);
unsigned pending_count(struct pending *p);

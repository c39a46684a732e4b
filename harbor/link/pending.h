/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Requests that wait for an answer from one node, so that they can fail at once when it is lost.
 *
 * A request is a message that wants an answer (msg.h). The same (source, session) twice is one
 * entry with a count: gates forward every client's packets under the same session and nobody
 * answers those.
 *
 * An answer belongs to a request if that was sent to the same node, by the service and with the
 * session that the answer names. Not to the same handle: the service that was asked may hand the
 * request on to another one of its node.
 *
 * Threads: any, one lock. pending_add takes a batch, so a flush locks once.
 * Limits:  PENDING_MAX entries; a request above it fails soon, on the net loop (it is sent
 *          nevertheless, and its answer dropped).
 */
#include <stdbool.h>
#include "core/base/lock.h"
#include "core/ds/sessions.h"
#include "core/actor/msg.h"

#define PENDING_MAX (1u << 20)

struct pending {
	struct lock lock;
	struct sessions table; /* of struct entry, see pending.c */
};

void pending_init(struct pending *p);
void pending_fini(struct pending *p);

/* Those of the n messages that are requests. */
void pending_add(struct pending *p, struct msg *const *m, unsigned n);
/* m, an answer with a session, arrived from the node. false: nothing waits for it. */
must_use bool pending_answered(struct pending *p, const struct msg *m);
/* Returns the handle that was asked what m answers, 0: nothing waits for it. */
uint32_t pending_asked(struct pending *p, const struct msg *m);
/* Requests to this handle wait in `to` from now on, as requests to new_dest; to NULL: nowhere. */
void pending_move(struct pending *p, uint32_t dest, struct pending *to, uint32_t new_dest);
/* Forgets requests of services of this node to this handle. */
void pending_forget(struct pending *p, unsigned node, uint32_t dest);
/* Each request that waits gets PTYPE_ERROR with this reason; then none waits. */
void pending_fail(struct pending *p, const char *why);
unsigned pending_count(struct pending *p);

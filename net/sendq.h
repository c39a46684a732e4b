/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Write queue of one socket: a high and a low list, drained high first.
 *
 *   high  [####....] -> [........] -> [........]      offset: what of the very first item is sent
 *   low   [........] -> [........]
 *
 * An item is one payload buffer; the message header in front of it (core/actor/msg.h) is the list
 * node, so queueing allocates nothing. Items are never interleaved: a low item that was sent in
 * part moves to the head of high, so `offset` always speaks of the head of high.
 *
 * Threads:   none; the socket's lock guards it. Pure: no descriptor, no clock.
 * Ownership: items belong to the queue until they are sent or cleared.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "core/actor/msg.h"
#include "core/ds/list.h"

enum { SENDQ_HIGH, SENDQ_LOW };

struct sendq_list LIST_FIELDS(struct msg);

struct sendq {
	struct sendq_list list[2];
	size_t offset;
	uint64_t bytes;	  /* waiting; a message header is not counted */
	uint64_t memory;  /* what the items cost, headers and sent parts of them too */
	uint64_t warn_at; /* next warning threshold, 0 = none was raised */
};

#define SENDQ_WARNING (UINT64_C(1) << 20)

/* What an item of so many bytes costs: the allocation with its header. A flood of single bytes is
 * not cheap. */
static inline uint64_t sendq_cost(uint64_t size)
{
	return sizeof(struct msg) + ((size + 15) & ~UINT64_C(15));
}

/* Appends size > 0 bytes of a payload_alloc'ed buffer. */
void sendq_push(struct sendq *q, int priority, void *payload_take, size_t size);
/* The same when the first `sent` < size bytes are out already; only into an empty queue. */
void sendq_push_rest(struct sendq *q, void *payload_take, size_t size, size_t sent);
static inline bool sendq_empty(const struct sendq *q)
{
	return !q->bytes;
}
/* What is to be written next, in order: fills at most max entries, returns their
 * number. */
int sendq_gather(const struct sendq *q, struct iovec *ret_iov, int max);
/* The kernel took n bytes of what was gathered. */
void sendq_sent(struct sendq *q, size_t n);
/* Frees everything that waits. */
void sendq_clear(struct sendq *q);

/* To be asked after a push behind waiting data: KiB queued, rounded up, when the owner must be
 * warned (first at 1 MiB, then at 2, 4, 8 ...), else 0. */
unsigned sendq_warning(struct sendq *q);
/* To be asked when a push was refused: true once until the queue ran empty, when the owner must be
 * warned. */
bool sendq_refused(struct sendq *q);
/* To be asked when the queue ran empty: true when a warning is to be taken back. */
bool sendq_calm(struct sendq *q);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Ledger: what one link owes to the network, in bytes, in one sum.
 *
 *   link_send --enter--> outbox, queue --written--> the socket's own queue --> kernel
 *                           waiting                     in_socket
 *
 * A message is in one of the two at any time. While it is being written it is in both, and a large
 * one waits as a whole until its last piece is out: the sum may be too high, never too low. The
 * socket's part is what its queue held after the last write; the loop makes it shorter without a
 * word, so whoever finds the sum too high looks at the socket again (ledger_socket) before he
 * believes it.
 *
 * The sum alone is held to the limit of a link, and it is what harborctl shows. The socket of a
 * link has no limit of its own.
 *
 * Threads: enter, and reading: any. Everything else: who holds the link's lock.
 * Ordering: all relaxed. These are numbers that are compared with a bound; what is accepted because
 * of them goes another way (link.c), which has its own ordering.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/base/must.h"

struct ledger {
	atomic_uint_least64_t waiting, in_socket;
};

/* Returns what waits here and not yet in the socket. */
static inline uint64_t ledger_waiting(const struct ledger *g)
{
	return atomic_load_explicit(&g->waiting, memory_order_relaxed);
}

/* Returns all that was accepted and not yet taken by the kernel, as far as is known here. */
static inline uint64_t ledger_sum(const struct ledger *g)
{
	return ledger_waiting(g) + atomic_load_explicit(&g->in_socket, memory_order_relaxed);
}

/* Enters a message of so many bytes, unless the sum would be above the bound. */
static inline bool must_use ledger_enter(struct ledger *g, uint64_t bytes, uint64_t bound)
{
	/* whoever adds first is counted first */
	uint64_t waiting = atomic_fetch_add_explicit(&g->waiting, bytes, memory_order_relaxed) +
			   bytes;

	if (likely(waiting + atomic_load_explicit(&g->in_socket, memory_order_relaxed) <= bound))
		return true;
	atomic_fetch_sub_explicit(&g->waiting, bytes, memory_order_relaxed);
	return false;
}

/* A message that was entered does not wait any more: it bounced, or its link is lost. */
static inline void ledger_leave(struct ledger *g, uint64_t bytes)
{
	uint64_t before = atomic_fetch_sub_explicit(&g->waiting, bytes, memory_order_relaxed);

	must_slow(before >= bytes);
	(void)before;
}

/* The socket's queue was seen to hold so much. */
static inline void ledger_socket(struct ledger *g, uint64_t in_socket)
{
	atomic_store_explicit(&g->in_socket, in_socket, memory_order_relaxed);
}

/* Messages of so many bytes were written, and now the socket's queue holds so much. */
static inline void ledger_written(struct ledger *g, uint64_t bytes, uint64_t in_socket)
{
	ledger_socket(g, in_socket);
	ledger_leave(g, bytes);
}

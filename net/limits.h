/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Bounds of what waits to be written: one of each socket, and one of all sockets of services.
 *
 * A queue is what the kernel did not take yet; an item costs its bytes and its header. At its bound
 * a socket of a service does what its policy says. One write into an empty queue is taken whatever
 * its size: it is in memory already, and a program that answers with one large piece is no flood.
 * While the bound of all is reached, each socket may still have NET_LOW_MARK waiting, so that who
 * reads what he gets is served, and sockets that are only being closed are given up early. C owners
 * have bounds of their own (net_set_limit), hold strictly, and are told by the result alone.
 *
 * Threads: any; a struct bound belongs to its socket and is guarded by that one's lock.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "net/sendq.h"

enum net_policy {
	NET_POLICY_CLOSE, /* the send fails, ERROR and CLOSE come, the rest is dropped */
	NET_POLICY_ERROR, /* the send fails; WARNING comes once, and 0 when all has gone out */
	NET_POLICY_KEEP,  /* for net_set_bound: as it is */
};

struct net_limits {
	uint64_t queue; /* bytes a socket; 0 = NET_QUEUE_DEFAULT */
	enum net_policy policy;
	uint64_t total;	 /* bytes of all sockets of services; 0 = no bound */
	uint32_t window; /* bytes that wait passed on (pressure.h); 0 = no bound */
};
#define NET_QUEUE_DEFAULT (UINT64_C(16) << 20)
/* What each socket may have waiting, whatever waits on the others; and a queue that held more than
 * this calls on_drain when it is empty again. */
#define NET_LOW_MARK (64u << 10)

/* For sockets that are made from then on, and at once for what bounds all of them together. After
 * net_init; any thread, one at a time. */
void net_set_limits(const struct net_limits *limits);

/* ---- for the files of net/ ---- */

/* The bound of one socket's queue, and its part in the sum of all. */
struct bound {
	uint64_t limit; /* of the queue's memory */
	enum net_policy policy;
	uint64_t refused; /* writes, because of this bound or that of all */
	uint64_t counted; /* what of the queue's memory the sum holds */
};

/* What a fresh socket has. */
void limits_init(struct bound *ret);
/* bytes 0 = the node's. */
void limits_set(struct bound *b, uint64_t bytes, enum net_policy policy);
/* After each change of a queue: `memory` is what the sum shall hold of it from now on. */
void limits_account(struct bound *b, uint64_t memory);
/* The window of a fresh socket. */
uint32_t limits_window(void);
/* May `size` more bytes wait in `out`? */
enum limits_verdict { LIMITS_OK, LIMITS_SOCKET_FULL, LIMITS_NODE_FULL };
enum limits_verdict limits_check(const struct bound *b, const struct sendq *out, bool of_service,
				 size_t size);
/* Says in ret_text what of that did not fit where. Returns ret_text. */
char *limits_explain(enum limits_verdict v, const struct bound *b, const struct sendq *out,
		     size_t size, char *ret_text, size_t text_size);
/* Returns true when the bound of all is reached, or nearly. */
bool limits_exhausted(void);

/* Counters. */
void limits_count_refused(void);
void limits_count_accept_refused(void);
/* Returns how many sockets were closed for their queue so far if that may be logged now, and 0
 * else: a flood of clients must not become a flood of lines. */
uint64_t limits_count_closed(void);

struct net_stats {
	unsigned sockets;
	uint64_t queued;	  /* bytes that wait on sockets of services */
	uint64_t queued_max;	  /* their bound, 0 = none */
	uint64_t closed_full;	  /* sockets closed because their queue was full */
	uint64_t refused;	  /* writes refused for the same reason */
	uint64_t accepts_refused; /* connections closed at once: descriptors had run out */
};
/* Fills all but the number of sockets. */
void limits_get_stats(struct net_stats *ret);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Links: one per other node, the data plane. Never freed while workers run: a sender finds one by
 * harbor id in a table of pointers, without a lock.
 *
 * Threads:   link_send: any. link_received: the net loop. Everything else: the net loop, under the
 *            harbor's lock.
 * Ownership: link_send takes the message; the link owns it until the kernel or the socket's queue
 *            has it, or until it bounces.
 * Order:     the pushes of one sender are its order on the wire for each receiver (see txq.h).
 * Limits:    queue_max bytes accepted and not yet taken by the kernel: outbox, queue and socket
 *            together, which the ledger counts (ledger.h). A message of message_max bytes. What is
 *            above is refused, counted and logged at a bounded rate; a request gets PTYPE_ERROR,
 *            and so does the caller whose answer it was: for that there is a small reserve beyond
 *            queue_max, and when it is used up, too, the link is given up with all calls on it.
 * Answers:   taken from the node that was asked, for as long as the question waits (pending.h);
 *            what else comes is counted and dropped.
 */
#include <stdalign.h>
#include <stdatomic.h>
#include "core/base/lock.h"
#include "harbor/protocol/peer.h"
#include "harbor/link/ledger.h"
#include "harbor/link/pending.h"
#include "harbor/link/txq.h"

struct link {
	unsigned id;
	/* [any] */
	alignas(64) _Atomic(struct msg *) outbox; /* newest first */
	struct ledger ledger;			  /* bytes, with headers */
	atomic_uint_least64_t sent, received, dropped;
	atomic_uint_least64_t strays;	      /* answers that nobody waits for */
	atomic_uint_least64_t quiet_until_ns; /* the next line about dropped messages */
	atomic_uint_least64_t strays_quiet_until_ns;
	atomic_int gate;      /* enum link_gate */
	atomic_int conn;      /* > 0: the link is up, write here */
	atomic_bool flushing; /* somebody has the flush right */
	atomic_bool stalled;  /* the socket is full; on_drain resumes */
	atomic_bool resting;  /* a posted closure resumes */
	atomic_bool backlog;  /* the queue is not empty */
	/* [tx_lock] the flusher, or the loop */
	alignas(64) struct lock tx_lock;
	struct txq queue;
	struct pending pending; /* has its own lock */

	/* [loop] */
	struct peer peer;
	bool seen;		/* in the current snapshot of members */
	uint64_t since_wall_ns; /* it came up, or went down (harbor/effects.c) */
};

/* May a message be pushed, and if not, why? LINK_BROKEN: only what waits for no answer; it is
 * kept for the link's return. */
enum link_gate { LINK_NO_NODE, LINK_NODE_DOWN, LINK_OUT_OF_REACH, LINK_BROKEN, LINK_OPEN };

/* overrun: on the loop; the link cannot even carry the errors of its calls and is to be broken. */
void link_init(uint64_t message_max, uint64_t queue_max, void (*overrun)(struct link *l));
/* After the workers have ended. */
void link_fini(void);
/* NULL: never heard of. Any thread. */
struct link *link_find(unsigned id);
/* Creates it. */
struct link *link_get(unsigned id);
/* Returns the bytes that were accepted for this node and not yet taken by the kernel. Any
 * thread. */
uint64_t link_queued(struct link *l);

/* remote_ops.send. */
must_use int link_send(struct msg *m_take);
/* A message came in from this node: to its mailbox, or an error back. */
void link_received(struct link *l, struct msg *m_take);

/* conn is the link from now on: for the first time, or after a break. */
void link_up(struct link *l, int conn);
/* What was in flight is lost: its requests fail with why. What waits stays for the next
 * connection. */
void link_down(struct link *l, const char *why);
/* It has been down for too long for calls: those that wait fail, and new ones, until it is
 * opened again. */
void link_tired(struct link *l);
/* Sends are accepted again, or refused from now on; then all that waits fails. */
void link_open(struct link *l);
void link_shut(struct link *l, enum link_gate gate);
/* The socket has room again. */
void link_drained(struct link *l);

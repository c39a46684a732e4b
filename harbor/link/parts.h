/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Parts: what a link consists of. link.c and flush.c work on it; who may touch what is said at the
 * members.
 */
#include <stdalign.h>
#include <stdatomic.h>
#include "core/base/lock.h"
#include "harbor/link/ledger.h"
#include "harbor/link/pending.h"
#include "harbor/link/session.h"
#include "harbor/link/txq.h"
#include "harbor/protocol/peer.h"

struct link {
	unsigned id;
	/* [any] The node's name, for lines: the loop writes it, and a reader that meets two names
	 * reads some of both, which does no harm. */
	atomic_uint_least64_t called[8];
	/* [any] */
	alignas(64) _Atomic(struct msg *) outbox; /* newest first */
	struct ledger ledger;			  /* bytes, with headers */
	atomic_uint_least64_t sent, received, dropped;
	atomic_uint_least64_t resent; /* frames that were written once more */
	/* of all connections; what is sent again counts again */
	atomic_uint_least64_t sent_frames, sent_bytes, received_frames, received_bytes;
	atomic_uint_least64_t lost;   /* messages that were accepted, and may have arrived or not */
	atomic_uint_least64_t strays; /* answers that nobody waits for */
	atomic_uint_least64_t quiet_until_ns; /* the next line about dropped messages */
	atomic_uint_least64_t strays_quiet_until_ns, lost_quiet_until_ns;
	atomic_int gate;      /* enum link_gate */
	atomic_int conn;      /* > 0: the link is up, write here */
	atomic_bool flushing; /* somebody has the flush right */
	atomic_bool stalled;  /* the socket is full; on_drain resumes */
	atomic_bool resting;  /* a posted closure resumes */
	atomic_bool backlog;  /* the queue is not empty */
	/* Acknowledgements, as numbers of frames of the sessions (A1, A2 in flush.c): */
	atomic_uint_least64_t written; /* by us; the flusher writes it, the loop compares */
	atomic_uint_least64_t acked;   /* by the other node; the loop writes it */
	atomic_uint_least64_t reaped;  /* of these, freed; under tx_lock */
	struct link_arrived {
		atomic_uint_least64_t count, bytes;
	} arrived, told; /* here, and what the other node was told of it */
	/* [tx_lock] the flusher, or the loop */
	alignas(64) struct lock tx_lock;
	struct txq queue;
	struct pending pending; /* has its own lock */

	/* [loop] */
	struct session session; /* its number changes under tx_lock, too */
	struct peer peer;
	bool seen;		/* in the current snapshot of members */
	uint64_t since_wall_ns; /* it came up, went down (effects.c), or was first heard of */
	/* [any] reads it; the loop writes it. 0: the link is not up */
	atomic_uint_least64_t round_trip_ns;
};

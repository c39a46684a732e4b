/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Member: this node's conversation with the master. Pure: no socket, no clock.
 *
 *         backoff               connected: JOIN ->          JOINED, MEMBER*, NAME*, SYNCED
 *   AWAY ----------> CONNECTING -------------------> JOINING ------------------------------> JOINED
 *    ^                   |                              |  '--- REFUSE for good --> REFUSED     |
 *    '------ lost, or the next master of the list ------'---------------------------------------'
 *
 * The connection may break at any time; it is tried again for ever, the masters of the list in
 * turn, and each failure is told with the master's address and the reason. A master of the list may
 * be a candidate that sends this node on to the one who leads (WIRE_NOT_LEADER): there it goes at
 * once, once; who was sent on is not sent on again, so no more than one address is believed that
 * nobody here has written. Who finds the leader dead says so to the next candidate
 * (WIRE_LEADER_LOST), who then lets him wait for another leader. REFUSED is final, and
 * only for a node that can never join: one whose id belongs to another process now (WIRE_STALE), or
 * that was never in the cluster and does not fit. After each JOINED this node tells again what it
 * holds: its id, its births, its links, its names (with the number of their registration, see
 * master.h), and the requests whose answers it did not see. Requests are idempotent: the same owner
 * may register again, and a release that was sent before may find nothing.
 *
 * Names: what the master says is a snapshot and then changes with consecutive numbers; a gap ends
 * the connection, and the next snapshot is right again. A name of ours that the master gives to
 * another is lost: its service is told. A name that the master gives to a service of ours, because
 * its owner handed it on, is ours from then on, or given up at once if that service is gone.
 *
 * Names and requests outlive connections: they are in member_names.h.
 *
 * Threads: the net loop.
 */
#include "harbor/protocol/member_names.h"

#define MEMBER_BACKOFF_MIN_NS UINT64_C(100000000)
/* A master that restarts waits 4 s for its members (MASTER_RETRY_NS). Of several each is tried at
 * least so often, and none more than once in half of it for long. */
#define MEMBER_BACKOFF_MAX_NS UINT64_C(2000000000)
/* While candidates look for a leader, unless they do so for long: they have not found the time, and
 * a whole cluster asks them. */
#define MEMBER_SEARCH_NS UINT64_C(200000000)
#define MEMBER_SEARCH_FOR_NS UINT64_C(10000000000)
/* So long a master whose machine is silent holds up the others of the list, together; each has
 * MEMBER_ANSWER_MIN_NS, and a name, which may take long to look up, PEER_HANDSHAKE_NS. */
#define MEMBER_ANSWER_NS UINT64_C(4000000000)
#define MEMBER_ANSWER_MIN_NS UINT64_C(1000000000)

/* self->id is set when the master gives it. masters stays the caller's. */
void member_init(struct member *m, const struct member_ops *ops, void *ud, struct peer_self *self,
		 unsigned wanted, const char *const *masters);
void member_start(struct member *m, uint64_t now);
/* The master's machine answers, and what encrypts the connection is agreed upon. Need not be
 * said. */
void member_reached(struct member *m, int conn);
void member_connected(struct member *m, int conn, uint64_t now);
void member_input(struct member *m, int conn, const struct wire_control *c, uint64_t now);
void member_lost(struct member *m, int conn, const char *why, uint64_t now);
/* Does what is due. Returns the time of the next call, UINT64_MAX: none. */
uint64_t member_tick(struct member *m, uint64_t now);
/* Says goodbye and tries no more. */
void member_stop(struct member *m);

/* The link to this node is up (also: it has just answered a probe), broken, or silent for too long
 * (WIRE_DOWN); peer as the master named it. */
void member_link(struct member *m, const struct peer *p, enum wire_up up);
/* Where the births of this life begin, which cannot wait for the master. */
void member_begin_births(struct member *m, uint64_t base);
/* More handles are used up: the master hears of it before the next heartbeat. */
void member_tell_births(struct member *m, uint64_t now);

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
 * Threads: the net loop.
 * Limits:  MEMBER_REQUESTS_MAX requests without an answer.
 */
#include <stdbool.h>
#include <stdint.h>
#include "core/ds/list.h"
#include "harbor/protocol/peer.h"
#include "harbor/protocol/wire.h"

#define MEMBER_REQUESTS_MAX 65536u
#define MEMBER_BACKOFF_MIN_NS UINT64_C(100000000)
/* A master that restarts waits 4 s for its members (MASTER_RETRY_NS). */
#define MEMBER_BACKOFF_MAX_NS UINT64_C(2000000000)
/* While candidates look for a leader. */
#define MEMBER_SEARCH_NS UINT64_C(200000000)

enum member_state { MEMBER_AWAY, MEMBER_CONNECTING, MEMBER_JOINING, MEMBER_JOINED, MEMBER_REFUSED };

struct member_request;
struct member_name;

struct member_ops {
	/* Opens a connection to this master. Returns a number > 0, or -1. */
	int (*connect)(void *ud, const char *address);
	void (*write)(void *ud, int conn, const struct wire_control *c);
	void (*close)(void *ud, int conn, const char *why);
	/* Our harbor id; before the first node or name is told. */
	void (*id)(void *ud, unsigned id);
	/* Handles used up in this life. */
	uint64_t (*births)(void *ud);
	/* A snapshot begins: what is not told again until it is complete is gone. */
	void (*snapshot)(void *ud, bool complete);
	void (*node)(void *ud, const struct wire_control *c);
	void (*name)(void *ud, const char *name, uint32_t handle, uint64_t fence);
	/* Does this service of ours live? */
	bool (*alive)(void *ud, uint32_t handle);
	/* A name is lost, without a word from its owner: the winner has it now, or nobody (0).
	 * handle: the service of ours that owned it; called again with who registered it. */
	void (*lost)(void *ud, const char *name, uint32_t handle, uint32_t winner);
	/* The verdict on a request; code 0: it was done. fence: of the registration that holds now,
	 * 0 = none. What it says of a name has been told by `name` before. */
	void (*answer)(void *ud, uint32_t from, int32_t session, const char *name, uint32_t code,
		       const char *text, uint64_t fence);
	/* MEMBER_JOINED: now tell the links that are up (member_link). Else why not, and which
	 * master. */
	void (*state)(void *ud, enum member_state st, const char *why);
	/* The master does not hear this incarnation: is our link to it alive? (peer_probe) */
	void (*probe)(void *ud, unsigned id, uint64_t epoch);
};

struct member {
	const struct member_ops *ops;
	void *ud;
	struct peer_self *self;
	unsigned wanted; /* id to ask for, 0 = any */
	const char *const *masters;
	unsigned master_count, at;
	char sent_to[128]; /* the leader to whom a candidate has sent us; "": we walk the list */
	char leader[128];  /* the last leader that we know of */
	bool leader_lost;  /* and he did not answer */
	bool searching;	   /* candidates are looking for a leader, or were lately */
	unsigned hops;	   /* we were sent on so often without a pause */
	enum member_state state;
	bool was_joined;
	int conn;
	uint64_t request_wait_ns; /* the caller's; 0: requests wait for ever */
	uint64_t master_epoch, change;
	uint32_t features;    /* that both we and the last master have */
	uint64_t births_base; /* where the births of this life begin; 0: not known yet */
	uint64_t births_told;
	uint64_t retry_ns, backoff_ns, deadline_ns, heard_ns, ping_ns, rtt_ns;
	LIST_OF(struct member_request) requests;
	unsigned request_count;
	uint32_t next_request;
	struct member_name *names; /* ours, as far as we know */
	char why[400];
};

/* The master that we talk to, or try next. There is one. */
const char *member_master(const struct member *m);
/* self->id is set when the master gives it. masters stays the caller's. */
void member_init(struct member *m, const struct member_ops *ops, void *ud, struct peer_self *self,
		 unsigned wanted, const char *const *masters);
void member_fini(struct member *m);
void member_start(struct member *m, uint64_t now);
void member_connected(struct member *m, int conn, uint64_t now);
void member_input(struct member *m, int conn, const struct wire_control *c, uint64_t now);
void member_lost(struct member *m, int conn, const char *why, uint64_t now);
/* Does what is due. Returns the time of the next call, UINT64_MAX: none. */
uint64_t member_tick(struct member *m, uint64_t now);
/* Says goodbye and tries no more. */
void member_stop(struct member *m);

/* The verdict comes by ops->answer. session 0: nobody waits, but a conflict is reported all the
 * same. With a session the request fails when it has no verdict within request_wait_ns, with the
 * reason why the master gave none; a name that comes to be registered later nevertheless is
 * released again. */
void member_register(struct member *m, uint32_t from, int32_t session, const char *name,
		     uint32_t handle);
void member_release(struct member *m, uint32_t from, int32_t session, const char *name,
		    uint32_t handle);
/* Hands the name to another service, of any node. handle: the owner, of this node; 0: whoever it
 * is. Once its time is over (see above) it is not asked for again, but it may have been done. */
void member_transfer(struct member *m, uint32_t from, int32_t session, const char *name,
		     uint32_t handle, uint32_t target);
/* Asks the master for the number of the registration that holds now: when the answer comes, all
 * changes before it have been told. */
void member_query(struct member *m, uint32_t from, int32_t session, const char *name);
/* The link to this node is up (also: it has just answered a probe), broken, or silent for too long
 * (WIRE_DOWN); peer as the master named it. */
void member_link(struct member *m, const struct peer *p, enum wire_up up);
/* Where the births of this life begin, which cannot wait for the master. */
void member_begin_births(struct member *m, uint64_t base);
/* More handles are used up: the master hears of it before the next heartbeat. */
void member_tell_births(struct member *m, uint64_t now);
/* A service of ours ended: its names are given up, nobody waits for its answers. */
void member_forget(struct member *m, uint32_t handle);

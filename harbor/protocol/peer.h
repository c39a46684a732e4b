/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Peer: what this node knows of one other node, and the state of the one link between the two.
 * Pure: no socket, no clock; connections are numbers of the caller's, time comes in.
 *
 *              member_up                connected: HELLO ->          WELCOME
 *   UNKNOWN ---------------> WAITING -----------------> CONNECTING ----------> UP
 *      ^                     |  ^  ^                        |                  |
 *      |      member_down    |  |  '----- lost, refused ----'------ lost ------'
 *      '---------------------'  '-- backoff with jitter
 *
 * Who the other node is, and where, only the master says. A HELLO is taken from the incarnation
 * that the master named last, and names in turn the one it wants: a stranger, a predecessor and a
 * successor are refused alike (WIRE_NOT_HERE), and cost nothing. News of the master come in one
 * order, so there is no late news.
 *
 * A link that is up proves more than the master's word: when he calls this incarnation dead, he may
 * have lost it from sight alone. Such a link lives on (disowned) until it breaks or is silent for
 * dead_ns, or until the master names another incarnation.
 *
 * A link that is up is asked, or found silent, as liveness.h says: all that has arrived is told
 * before peer_tick.
 *
 * The master, too, may have a link asked (peer_probe), when he does not hear the node himself; what
 * answers is told by ops->alive.
 *
 * Both nodes may connect at the same time; one link stays: the connection of the node with the
 * smaller id. A HELLO carries the number of its attempt, a WELCOME the last attempt of the one who
 * welcomes: a HELLO that was given up by then is refused when it arrives late.
 *
 * A few attempts of a node are under way at a time, over all peers (pace.h), and the next begins
 * when one has ended, which it does within PEER_HANDSHAKE_NS. A machine that does not answer at
 * all holds up the others for PEER_YOUNG_NS only. Hence all peers of a node are to be ticked after
 * whatever happened to one.
 *
 * What a node is given to come, link_wait for calls and dead_after for all that waits, it is given
 * from the first attempt that fails, or is not answered. It does not count that it had to wait for
 * its turn, nor that it lives and is slow, or has not been told of us yet (it refuses us, and later
 * does not): a master that was restarted knows its members before they know that. After
 * PEER_MEETING_NS all of it counts.
 *
 * Threads: none of its own; the net loop.
 */
#include <stdbool.h>
#include <stdint.h>
#include "harbor/protocol/liveness.h"
#include "harbor/protocol/pace.h"
#include "harbor/protocol/wire.h"

#define PEER_BACKOFF_MIN_NS UINT64_C(100000000)
/* A node that is reached again is not to wait long for it; an attempt costs a packet. */
#define PEER_BACKOFF_MAX_NS UINT64_C(1000000000)
#define PEER_HANDSHAKE_NS UINT64_C(5000000000)
/* Where a handshake costs a packet or two, and where it costs a millisecond of processor. */
#define PEER_ATTEMPTS 64u
#define PEER_ATTEMPTS_SECURE 8u
#define PEER_YOUNG_NS UINT64_C(1000000000)
/* Of two that learn of each other the one with the greater id gives the other so long. */
#define PEER_TURN_NS UINT64_C(2000000000)
/* So long at most two that learn of each other may take before link_wait and dead_after begin. */
#define PEER_MEETING_NS UINT64_C(10000000000)

enum peer_state { PEER_UNKNOWN, PEER_WAITING, PEER_CONNECTING, PEER_UP };

/* Why a link went down. */
enum peer_loss {
	PEER_LINK_LOST, /* the connection broke, or is silent: it is tried again */
	PEER_REFUSED,	/* its port refuses connections, and nobody has a link to it */
	PEER_NODE_DOWN, /* the incarnation is dead */
	PEER_NODE_LEFT, /* it said goodbye */
};

/* The reason until there is a better one. */
#define PEER_NOT_TRIED "no connection to it has been tried yet"
/* All that somebody hears who is not, or not yet, named by the master. */
#define PEER_NOT_NAMED "no link between these two nodes just now"
#define PEER_NOT_HERE "this node is not in the cluster just now"

struct peer;

struct peer_ops {
	/* Opens a connection to p->address. Returns a number > 0, or -1. Later peer_connected or
	 * peer_lost. */
	int (*connect)(struct peer *p);
	void (*write)(struct peer *p, int conn, const struct wire_control *c);
	/* Closes it; peer_lost is not called for it. */
	void (*close)(struct peer *p, int conn, const char *why);
	void (*up)(struct peer *p, int conn);
	/* The link was up and is not any more. */
	void (*down)(struct peer *p, enum peer_loss loss, const char *why);
	/* The link has not come (back) within link_wait_ns: calls do not wait for it any more.
	 * p->why is the reason, here as in give_up. */
	void (*tired)(struct peer *p);
	/* No HELLO of ours is under way, and nothing waits for this node any more: it is dead or
	 * has left (PEER_NODE_DOWN for both), or was out of reach for dead_ns. */
	void (*give_up)(struct peer *p, enum peer_loss loss);
	/* Fills in what our HELLO or WELCOME says of the session (wire.h). No link is up. */
	void (*offer)(struct peer *p, struct wire_control *c);
	/* Takes what the other node's says; up follows. Returns NULL, or why it is a broken
	 * peer. */
	const char *(*resume)(struct peer *p, const struct wire_control *c);
	/* Returns the data frames that have arrived over the link. */
	uint64_t (*received)(struct peer *p);
	/* The other node says that so many of ours have arrived. false: that cannot be. */
	bool (*acknowledged)(struct peer *p, uint64_t count);
	/* Does anything wait for this node: an answer, an acknowledgement, room in its socket? */
	bool (*waits)(struct peer *p);
	/* The link that peer_probe asked for has spoken since, or had done so within a beat. */
	void (*alive)(struct peer *p);
	/* The node refuses our connection: asks others about it. Returns how many (witness_ask). */
	unsigned (*doubt)(struct peer *p);
	/* A WIRE_ASK or WIRE_SAY came over this link (witness_input). */
	void (*witness)(struct peer *p, const struct wire_control *c);
};

/* Who we are; the same for all peers. */
struct peer_self {
	char cluster[64], name[64], address[128];
	unsigned id; /* 0 before the first JOINED */
	uint64_t epoch;
	uint64_t heartbeat_ns, dead_ns, link_wait_ns;
	uint64_t random;  /* state of the jitter */
	struct pace pace; /* the owner sets pace.max */
};

struct peer {
	const struct peer_ops *ops;
	struct peer_self *self;
	unsigned id;
	enum peer_state state;
	char name[64], address[128];
	uint64_t epoch;		/* of the living incarnation, 0 = none */
	uint32_t version;	/* of the protocol; of the last link */
	uint32_t features;	/* that both have; of the last link */
	bool disowned;		/* UP, though the master says that it is dead */
	bool left;		/* UNKNOWN, and the last incarnation said goodbye */
	bool reachable;		/* sends may wait for the link */
	bool patient;		/* and calls, too */
	bool meeting;		/* no attempt has failed yet */
	int conn;		/* CONNECTING: our attempt; UP: the link; else 0 */
	uint32_t attempt;	/* number of our last attempt */
	uint32_t their_attempt; /* their attempts up to here are given up */
	bool young;		/* CONNECTING, and the next one waits for its end */
	bool answered;		/* CONNECTING, and the other machine is there */
	bool offered;		/* CONNECTING, and our HELLO is said */
	bool silent;		/* the last link ended because it was */
	bool gone;		/* our last attempt was refused, and nobody says that it lives */
	unsigned witnesses;	/* who were asked about it and have not answered */
	uint32_t question;	/* that they were asked, the number of our attempt */
	struct liveness live;
	uint64_t retry_ns, backoff_ns, deadline_ns, unreachable_ns;
	uint64_t tired_ns, at_once_ns, tried_ns, old_ns, meeting_ns;
	uint64_t rtt_ns;
	char why[128]; /* the last loss or refusal, for people */
};

/* Returns the first beat after now; those of all links of a node are the same. */
uint64_t peer_next_beat(const struct peer_self *self, uint64_t now);
void peer_init(struct peer *p, const struct peer_ops *ops, struct peer_self *self, unsigned id);
/* What the master says of the node. */
void peer_member_up(struct peer *p, const struct wire_control *member, uint64_t now);
void peer_member_down(struct peer *p, uint64_t now);
/* The other machine answers our attempt, and what encrypts the connection is agreed upon. Need not
 * be said. */
void peer_reached(struct peer *p, int conn, uint64_t now);
/* Our connection is open. */
void peer_connected(struct peer *p, int conn, uint64_t now);
/* The first frame of a connection that was accepted. true: conn is the link now; false: it was
 * refused, and the caller closes it. */
bool peer_hello(struct peer *p, int conn, const struct wire_control *c, uint64_t now);
/* A later frame. Data, and acknowledgements that go another way: peer_heard. */
void peer_input(struct peer *p, int conn, const struct wire_control *c, uint64_t now);
void peer_heard(struct peer *p, int conn, uint64_t now);
/* The master asks whether this link is alive. */
void peer_probe(struct peer *p, uint64_t now);
/* Asks a link that is up, and not asked yet, how much has arrived. */
void peer_ask(struct peer *p, uint64_t now);
/* The connection broke. */
void peer_lost(struct peer *p, int conn, const char *why, uint64_t now);
/* Our attempt was refused by the other machine: nobody listens there, or something between the two
 * says so (witness.h). */
void peer_refused(struct peer *p, int conn, const char *why, uint64_t now);
/* One of the witnesses answers (WIRE_SAY). */
void peer_testified(struct peer *p, const struct wire_control *c);
/* Does what is due. What had arrived before `now` has been told. Returns the time when it wants to
 * be called again, UINT64_MAX: not. */
uint64_t peer_tick(struct peer *p, uint64_t now);
/* Returns how it is that a link is down; called from ops->down. */
enum wire_up peer_loss_kind(const struct peer *p);
/* Returns whether the master says that the node is alive, and it cannot be reached from here. */
bool peer_is_unreachable(const struct peer *p);
/* We end: says goodbye and connects no more. */
void peer_stop(struct peer *p);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Session: how a link goes on after a break. Pure: no socket, no lock, no clock.
 *
 * Each direction has a session of its own. Its sender numbers it, and it lives while both
 * incarnations do and neither gives the other up. In the handshake each side says which session of
 * the other one it took last and how many frames of it have arrived:
 *
 *   it is my session, `count` frames          I go on behind them; what is behind was lost with the
 *                                             connection, and goes out again
 *   it is my session, but WIRE_FORGOTTEN      the other side had given me up: what is not
 *                                             acknowledged may have arrived or not, so it is lost,
 *                                             and a new session begins
 *   it is an older one, or none               mine was begun on a connection whose handshake never
 *                                             reached the other side: nothing of it has arrived,
 *                                             all of it goes out again
 *
 * So nothing is sent twice and nothing needs to be recognised as a duplicate: while no link is up
 * the counts stand still, and what a connection that was given up still carries is not read. A side
 * that connects learns the answer when its own HELLO has named the old session already; if that was
 * forgotten, the first frame of the next one, whose number is one higher, says so.
 *
 * A count that was never written, or is lower than one before, is that of a broken peer: then a new
 * session begins, too, so that the next handshake can succeed.
 *
 * Threads: none of its own; what is sent needs the link's lock, the rest is the net loop's.
 */
#include "harbor/link/inbound.h"
#include "harbor/link/txq.h"

struct session {
	uint64_t number;     /* of what we send */
	uint64_t peer_epoch; /* the incarnation that `in` is about */
	struct inbound in;
};

/* What a handshake did. */
struct session_news {
	struct kept_sum done; /* acknowledged, and freed */
	struct kept_sum lost; /* may have arrived or not, and freed */
	bool renewed;	      /* we begin a new session */
	bool theirs_renewed;  /* the other side does, and answers of its last one may be lost */
};

void session_init(struct session *s);
void session_fini(struct session *s);
/* What HELLO or WELCOME says to this incarnation of the other node. */
void session_offer(struct session *s, uint64_t peer_epoch, struct wire_control *c);
/* Takes the other node's HELLO or WELCOME. Returns NULL, or why it is a broken peer. */
const char *session_resume(struct session *s, struct txq *q, const struct wire_control *c,
			   struct session_news *ret);
/* The other node is given up, or what is kept for it: what comes next is a new session. Returns
 * what may be lost. */
struct kept_sum session_renew(struct session *s, struct txq *q);

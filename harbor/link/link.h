/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Links: one per other node, the data plane. Never freed while workers run: a sender finds one by
 * harbor id in a table of pointers, without a lock.
 *
 * Threads:   link_send: any. link_received: the net loop. Everything else: the net loop, under the
 *            harbor's lock.
 * Ownership: link_send takes the message; the link owns it until the other node has acknowledged
 *            it, or until it bounces or is lost.
 * Order:     the pushes of one sender are its order on the wire for each receiver (see txq.h).
 * Delivery:  once, over any number of connections, as long as neither node gives the other up
 *            (session.h). What is lost then is counted and logged; whoever waits for an answer is
 *            told.
 * Limits:    queue_max bytes accepted and not yet acknowledged, which the ledger counts
 *            (ledger.h). A message of message_max bytes. What is above is refused, counted and
 *            logged at a bounded rate; a request gets PTYPE_ERROR, and so does the caller whose
 *            answer it was: for that there is a small reserve beyond queue_max, and when it is
 *            used up, too, the link is given up with all calls on it.
 * Answers:   taken from the node that was asked, for as long as the question waits (pending.h);
 *            what else comes is counted and dropped.
 */
#include "core/actor/move.h"
#include "harbor/link/parts.h"

/* May a message be pushed, and if not, why? LINK_BROKEN: only what waits for no answer; it is
 * kept for the link's return. */
enum link_gate { LINK_NO_NODE, LINK_NODE_DOWN, LINK_OUT_OF_REACH, LINK_BROKEN, LINK_OPEN };

/* Returns why such a gate refuses, for who is refused. */
const char *link_gate_text(int gate);

/* Whom links tell. */
struct link_hooks {
	/* On the loop: the link cannot even carry the errors of its calls and is to be broken. */
	void (*overrun)(struct link *l);
	/* On the loop, under the harbor's lock: messages were given up with the session. `sent` of
	 * them may have arrived, `unsent` have not. */
	void (*lost)(struct link *l, uint64_t sent, uint64_t unsent, const char *why);
};
/* The hooks are not copied. move_links_init follows. */
void link_init(uint64_t message_max, uint64_t queue_max, const struct link_hooks *hooks);
/* After the workers have ended; ends what moves as well. */
void link_fini(void);
/* NULL: never heard of. Any thread. */
struct link *link_find(unsigned id);
/* Creates it. */
struct link *link_get(unsigned id);
/* remote_ops.send. */
must_use int link_send(struct msg *m_take);
/* "node b (harbor 154)", or "harbor 154" of a node that had no link yet, or NULL. Any thread. */
void link_called(struct link *l, unsigned id, char ret_text[MOVE_CALLED_MAX]);
/* The same of a name that is at hand. */
void link_call(const char *name, unsigned id, char ret_text[MOVE_CALLED_MAX]);
/* The same for what moves.h has seen: m->dest is where it goes. */
must_use int link_send_on(struct msg *m_take);
/* A message came in from this node: to its mailbox, or an error back. */
void link_received(struct link *l, struct msg *m_take);

/* What our HELLO or WELCOME says of the session. The link is down. */
void link_offer(struct link *l, struct wire_control *c);
/* The other node's HELLO or WELCOME came, and the link is down. Returns NULL, or why its sender is
 * a broken peer. */
const char *link_resume(struct link *l, const struct wire_control *c);
/* conn is the link from now on: for the first time, or after a break. */
void link_up(struct link *l, int conn);
/* Lets all threads see how far the other node is (remote_ops.round_trip): its peer has measured it,
 * or is up, or down. */
void link_measured(struct link *l);
/* What was under way waits for the next connection, and so do requests for their answers. */
void link_down(struct link *l);
/* Requests do not wait any longer, whether they were written or not: they fail. */
void link_fail_requests(struct link *l);
/* It has been down for too long for calls: those that wait fail, and new ones, until it is
 * opened again. */
void link_tired(struct link *l);
/* What was written and is not acknowledged is lost: the link is down, and its next connection
 * begins a new session. Requests fail. */
void link_renew(struct link *l, const char *why);
/* Sends are accepted again, or refused from now on; then all that waits fails, and the session is
 * over. */
void link_open(struct link *l);
void link_shut(struct link *l, enum link_gate gate);

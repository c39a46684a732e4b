/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Witness: is a node dead whose port refuses our connection? The kernel of a machine on which the
 * process has ended refuses at once, and nothing tells of a death sooner. But so does a firewall
 * that was changed. So up to WITNESSES others are asked whether they have a link to that
 * incarnation (WIRE_ASK): if one has (WIRE_SAY), the node lives, and what waits for it does so for
 * dead_ns, as over any broken link; if none has, it is gone. Nobody to ask: gone, too. Who does
 * not answer is asked, or another one is, when the next attempt has been refused.
 *
 * Pure. Threads: as in peer.h.
 */
#include "harbor/protocol/peer.h"

#define WITNESSES 3u

/* Asks others about the node that refuses us: get returns what we know of the node of an id, or
 * NULL; those from `from` on are looked at first. Returns how many were asked; what they say comes
 * to witness_input. */
unsigned witness_ask(const struct peer *refused, struct peer *(*get)(void *ud, unsigned id),
		     void *ud, unsigned from);
/* A WIRE_ASK or WIRE_SAY came over the link to `from`. about: what we know of the node of c->id, or
 * NULL. */
void witness_input(struct peer *from, struct peer *about, const struct wire_control *c);

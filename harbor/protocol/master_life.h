/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Who is alive, for the master. It hears each member by its own connection, once a heartbeat. A
 * member that it does not hear may be dead, or out of the master's sight alone, so others are asked
 * about it before it is called dead: after SUSPECT of dead_ns two that report a link to it, after
 * ALARM all that do (WIRE_PROBE). Whoever hears it says so (WIRE_MEMBER), which counts as a word of
 * its own: a node that only the master has lost is asked after again and again, and keeps its id,
 * links and names. One of which nobody has heard for dead_ns is dead; those who were asked have
 * found its link silent by then, so all come to the same view at once.
 *
 * A link that a member reports silent (WIRE_DOWN) is looked at from its other end as well: it is
 * down for both, or for none.
 *
 * Pure. Threads: as in master.h.
 */
#include "harbor/protocol/master_store.h"

/* The member itself has said something, or another one has heard it. */
void master_heard(struct master_node *n, uint64_t now);
void master_vouched(struct master_node *n, uint64_t now);
/* by says that its link to n is silent. */
void master_doubted(struct master *m, struct master_node *by, struct master_node *n);
/* Asks whoever is to be asked about a node that is up. Returns whether it is dead; if not,
 * *ret_next is the time of the next look. */
bool master_is_gone(struct master *m, struct master_node *n, uint64_t now, uint64_t *ret_next);

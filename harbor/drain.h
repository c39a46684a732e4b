/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Drain: fills core/actor/move.h with what the cluster knows (moves in link/moves.h).
 */

/* Returns the harbor id of a node by name or number; 0: none, or several of that name. H.lock is
 * held. */
unsigned drain_node(const char *name);
/* Before the first service. */
void drain_init(void);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Drain: fills core/actor/move.h with what the cluster knows (moves in link/moves.h).
 */

/* Before the first service. */
void drain_init(void);

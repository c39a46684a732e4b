/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The master's global names: one owner each, the first who asks. Each change has a number, is saved
 * and told to all members. Pure. Threads: as in master.h. Limits: MASTER_NAMES_MAX names.
 */
#include "harbor/protocol/master_store.h"

/* Returns the frame that tells of the name; change: 0 within a snapshot. */
struct wire_control master_name_frame(const struct map_item *i, uint64_t change);
/* Takes a name over from a registry. */
void master_load_name(struct master *m, const struct registry_change *c);
/* Names whose nodes are not up belong to nobody. Returns how many there were. */
unsigned master_release_homeless(struct master *m);
/* A member's WIRE_REGISTER, RELEASE, TRANSFER or QUERY; answers it. */
void master_name_asked(struct master *m, struct master_node *n, const struct wire_control *c,
		       uint64_t now);

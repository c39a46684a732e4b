/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Identity: which harbor id a node gets when it joins, and where the handles of its life begin
 * (see "Identity" and "Births" in master.h).
 */
#include "harbor/protocol/master_store.h"

/* What is saved runs ahead of the births that are known by this, and an eighth of this life's. */
#define MASTER_BIRTHS_MARGIN 1024u
/* A life whose end nobody saw may have had this many more. */
#define MASTER_BIRTHS_UNSEEN 32768u
/* Numbers that others say count only below this: in JSON a number is exact so far. Ours do not
 * reach it by counting. */
#define MASTER_NUMBER_MAX (UINT64_C(1) << 53)

/* What speaks against a node; code 0: nothing. */
struct master_refusal {
	enum wire_code code;
	char text[200];
};

/* Returns the record that a JOIN is to have, or NULL and why not. */
struct master_node *master_choose(struct master *m, const struct wire_control *c, uint64_t now,
				  struct master_refusal *ret_why);
/* Returns where the handles of this life stand; same: it is an incarnation that we know. */
uint64_t master_births(struct master *m, struct master_node *n, const struct wire_control *c,
		       bool same);
/* Notes that a member has come this far. */
void master_note_births(struct master *m, struct master_node *n, uint64_t births);

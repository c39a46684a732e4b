/* SPDX-License-Identifier: MIT */
#pragma once
/* What the files of the master share: master.c (members, names, life), master_id.c (who gets which
 * harbor id, and where the handles of a life begin). */
#include "core/ds/map.h"
#include "harbor/protocol/master.h"

/* Numbers that others say count only below this: in JSON a number is exact so far. Ours do not
 * reach it by counting. */
#define MASTER_NUMBER_MAX (UINT64_C(1) << 53)

struct master_node {
	struct registry_node r;  /* its id is always right; name empty = nobody's */
	int conn;                /* 0 = none just now */
	uint64_t heard, dead_at; /* dead_at: for a node that is up without a connection */
	const char *away;        /* why it has no connection */
	uint64_t seen_by[4];     /* members that report a link to this incarnation, a bit each */
	uint64_t life;           /* births when this life began */
	bool unseen;             /* it lived, or may have, where nobody counted */
	uint8_t *out;            /* frames that wait for the flush */
	size_t out_size, out_capacity;
};

struct master {
	const struct master_ops *ops;
	void *ud;
	const struct registry_ops *registry;
	struct master_config c;
	struct master_node nodes[256]; /* by id */
	struct map names;              /* number: the owner's handle; stamp: the fence */
	uint64_t change;               /* number of the last change of names that was told */
	uint64_t number;               /* the last one given */
	uint64_t recovering_until; /* the registry is new: what members say of before counts until
	                              then */
	struct registry_change *batch;
	size_t batch_size, batch_capacity;
	bool dirty;
	uint64_t save_again;
	uint64_t refusals, quiet_until; /* the next line about a node that is refused */
};

/* What speaks against a node; code 0: nothing. */
struct master_refusal {
	enum wire_code code;
	char text[200];
};

/* master.c */
void master_save_node(struct master *m, const struct master_node *n);

/* master_id.c */
static inline bool master_is_seen(const struct master_node *n)
{
	return n->seen_by[0] | n->seen_by[1] | n->seen_by[2] | n->seen_by[3];
}
/* The record that a JOIN is to have, or NULL and why not. */
struct master_node *master_choose(struct master *m, const struct wire_control *c, uint64_t now,
				  struct master_refusal *ret_why);
/* Where the handles of this life stand; same: it is an incarnation that we know. */
uint64_t master_births(struct master *m, struct master_node *n, const struct wire_control *c,
                       bool same);
/* A member has come this far. */
void master_note_births(struct master *m, struct master_node *n, uint64_t births);

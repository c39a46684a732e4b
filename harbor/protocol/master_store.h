/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The state of a master, and the one door to what lasts: changes are gathered, and so are the
 * frames that tell of them; the flush has the changes saved as one batch, and the frames are
 * written only when that has worked. While a save is under way its changes are the first of the
 * batch, its frames the first bytes of each member's output; what comes meanwhile stands behind
 * them. Who decides is master.c (members, names, life) and master_id.c (who gets
 * which id).
 *
 * Threads: as in master.h. Limits: MASTER_OUT_MAX bytes that wait for one member.
 */
#include <stdbool.h>
#include <stdint.h>
#include "core/ds/map.h"
#include "harbor/protocol/master_ops.h"
#include "harbor/protocol/wire.h"
#include "harbor/registry/registry.h"

#define MASTER_OUT_MAX (32u << 20)

/* How far the master has asked others about a node that it does not hear (master_life.h). */
enum master_doubt { NOT_IN_DOUBT, SUSPECTED, ALARMING };

struct master_node {
	struct registry_node r;	 /* its id is always right; name empty = nobody's */
	int conn;		 /* 0 = none just now */
	uint64_t heard, dead_at; /* dead_at: for a node that is up without a connection */
	const char *away;	 /* why it has no connection */
	uint64_t alive_at;	 /* somebody has heard it, at the latest */
	enum master_doubt doubt;
	unsigned asked_last; /* the id of whom we asked about it */
	unsigned asked;	     /* how many, since it was heard */
	uint32_t version;    /* of the protocol, with its last connection */
	uint32_t features;   /* that both we and its last connection have */
	uint64_t seen_by[4]; /* members that report a link to this incarnation, a bit each */
	uint64_t life;	     /* births when this life began */
	bool told;	     /* its JOINED has gone out on this connection */
	bool unseen;	     /* it lived, or may have, where nobody counted */
	uint8_t *out;	     /* frames that wait for the flush */
	size_t out_size, out_capacity;
	size_t out_saving; /* the first of these bytes wait for the save under way */
};

struct master {
	const struct master_ops *ops;
	void *ud;
	struct master_config c;
	struct master_node nodes[256]; /* by id */
	struct map names;	       /* number: the owner's handle; stamp: the fence */
	uint64_t change;	       /* number of the last change of names that was told */
	uint64_t number;	       /* the last one given */
	uint64_t recovering_until; /* the registry is new: what members say of before counts until
	                              then */
	struct registry_change *batch;
	size_t batch_size, batch_capacity;
	size_t batch_saving; /* the first of these changes are being saved; 0: none are */
	bool dirty;	     /* there is something for the next flush */
	uint64_t save_again; /* the last save failed; 0: it did not */
	uint64_t refusals, quiet_until; /* the next line about a node that is refused */
};

/* Is it the node of this master's own process? */
static inline bool master_is_own(const struct master *m, const struct master_node *n)
{
	return n->r.epoch == m->c.epoch;
}
/* Does another member report a link to this incarnation? */
static inline bool master_is_seen(const struct master_node *n)
{
	return n->seen_by[0] | n->seen_by[1] | n->seen_by[2] | n->seen_by[3];
}
/* Saves what is known of the node with the next flush. */
void master_save_node(struct master *m, const struct master_node *n);
/* Saves who owns the name; handle 0: nobody. */
void master_save_name(struct master *m, const char *name, uint32_t handle, uint64_t fence);
/* Has the frame written to this member, or to all, after the next flush. A member for which too
 * much waits loses its connection. */
void master_write(struct master *m, struct master_node *n, const struct wire_control *c);
void master_broadcast(struct master *m, const struct wire_control *c);
/* Writes a frame at once: one that says nothing that must be durable. */
void master_write_now(struct master *m, int conn, const struct wire_control *c);
/* Takes the connection of a member away, if it has one: master_lost, and closes it. */
void master_drop_connection(struct master *m, struct master_node *n, const char *why, uint64_t now);
/* Notes that the member's connection is gone: it has dead_ns to come back, and what it reported of
 * others counts no more. */
void master_lose_connection(struct master *m, struct master_node *n, const char *why, uint64_t now);
/* Returns the word of n's reports that holds by's bit, which is 1 << (by % 64). */
static inline uint64_t *master_report_word(struct master_node *n, unsigned by)
{
	return &n->seen_by[by / 64];
}
/* Frees the frames that wait for a member. */
void master_drop_output(struct master_node *n);
/* Begins to save the batch, or writes the frames if it is empty. */
void master_store_flush(struct master *m);
/* The save has ended. If it worked its frames are written, else everything stays, and nobody is
 * told anything. */
void master_store_saved(struct master *m, int result);

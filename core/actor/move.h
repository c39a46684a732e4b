/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Moves: a service goes on under another handle, on another node. The old one becomes a
 * forwarder (forwarder.h). What the cluster does for it (where a handle of this node went that
 * nobody has any more, who may be moved where) goes through a table that harbor/ fills. Without
 * one nothing ever moved.
 *
 * Draining: this node gives its work away. It is a word of the operator's, which services and other
 * nodes are told; the cluster refuses new names and clients of such a node.
 *
 * Threads: any, unless said.
 */
#include <stdbool.h>
#include <stdint.h>
#include "core/actor/service.h"

/* service.wants: what the node may ask a service for. */
#define MOVE_WANTS_DRAIN 1u /* to be told that the node drains */
#define MOVE_CAN_MOVE 2u    /* it can pack its state */
#define MOVE_WANTS_STOP 4u  /* to be asked before the node ends its services */

/* Room for how a node is called in lines and errors. */
#define MOVE_CALLED_MAX 96

struct move_ops {
	/* Sends m in the name of its source to where m->dest is now; takes m always. As
	 * service_send; refusals are told to who waits. */
	int (*relay)(struct msg *m_take);
	/* Nobody here has the handle m->dest. true: it has moved, and m is on its way (taken). */
	bool (*find)(struct msg *m_take);
	/* A service that was born here goes on as what had these handles: other nodes hear of it
	 * before anything that the new one sends from now on. The last is old[0]; attempt: how
	 * often it has tried to move, for not all succeed. */
	void (*adopted)(uint32_t service, const uint32_t *old, unsigned n, unsigned attempt);
	/* The service `old` of this node is a forwarder to the handle `to` from now on: other nodes
	 * are asked to send there themselves. */
	void (*left)(uint32_t old, uint32_t to);
	/* Nobody here finds the forwarder by a name any more: when what is on its way through it
	 * has arrived, senders of this node go straight to the new place. finished: they do. */
	void (*finish)(uint32_t old);
	bool (*finished)(uint32_t old);
	/* Returns where the service is now, as far as is known here: `old` if it has not moved. */
	uint32_t (*now)(uint32_t old);
	/* Whether nothing more can reach the forwarder `old` from another node. 0: any of this
	 * node, and nothing of its own waits for a service that moves. */
	bool (*settled)(uint32_t old);
	/* Other nodes are told. */
	void (*draining)(bool on);
	/* Nodes that are up and do not drain, without this one: their ids. Returns how many. */
	unsigned (*targets)(uint8_t ret_ids[256]);
	/* Writes a bit for each node that drains, this one too. */
	void (*drainers)(uint64_t ret_bits[4]);
	/* The harbor id of a node by name or number; 0: none, or several of that name. */
	unsigned (*node)(const char *name);
	/* How a node is called in lines and errors: "node b (harbor 154)", or "harbor 154" while
	 * its name is not known. */
	void (*called)(unsigned id, char ret_text[MOVE_CALLED_MAX]);
	/* The global names of a service; 0: of all services of this node. */
	void (*names)(uint32_t handle, void (*f)(const char *name, uint32_t of, void *ud),
		      void *ud);
};

/* NULL: back to nothing. Before the first service. */
void move_set(const struct move_ops *ops);
/* Never NULL. */
const struct move_ops *move_get(void);

bool move_is_draining(void);
/* Returns whether it was otherwise before. */
bool move_set_draining(bool on);
/* It drains, and nothing that can move is left; told by who moves it (lua/service/mover.lua). */
bool move_is_drained(void);
void move_set_drained(bool on);

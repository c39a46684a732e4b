/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * "Not this node": the table through which core and lua reach the cluster without seeing it.
 * harbor/ fills it, daemon/ connects it before the first service starts. Without a cluster it is
 * the single node's own, for which every remote handle is an error at once and global names live in
 * this node alone (single.h).
 *
 * Threads: every function from any thread unless said; none blocks.
 */
#include <stdbool.h>
#include <stdint.h>
#include "core/actor/msg.h"

/* Why a remote thing failed: payload text of the PTYPE_ERROR answer, and error text of calls. */
#define REMOTE_NO_NODE "no such node"
#define REMOTE_NODE_DOWN "node is down"
#define REMOTE_LINK_LOST "link lost"
#define REMOTE_QUEUE_FULL "send queue full"
#define REMOTE_TOO_LARGE "message too large"
#define REMOTE_HANDED_ON "a message of another node cannot be handed on to a third"
#define REMOTE_TOO_MANY "too many calls to this node wait"
#define REMOTE_NO_NAME "no such name"
#define REMOTE_NAME_TAKEN "name is taken"
#define REMOTE_NOT_OWNER "the name belongs to another service"
#define REMOTE_NO_HEIR "the node of the new owner is not in the cluster"
#define REMOTE_DRAINING "this node drains: it takes no new names (harborctl drain)"

/* Room for a global name and its zero, and for the name of a group (core/actor/group.h). */
#define REMOTE_NAME_SIZE 64u
#define REMOTE_GROUP_SIZE 54u

/* What was accepted for another node, and given up with it. */
struct remote_loss {
	uint64_t number; /* of this loss, in this process */
	uint64_t sent; /* messages that were written and not acknowledged: they may have arrived */
	uint64_t unsent; /* messages that were not */
	uint32_t id;	 /* harbor id */
};

struct remote_ops {
	/* Sends m to the node in m->dest; takes m always. SEND_OK, or SEND_REFUSED: then who
	 * waits for an answer to m has got PTYPE_ERROR with the reason (from m->dest to
	 * m->source). */
	int (*send)(struct msg *m_take);
	/* Sends m to the owner of a global name, m->dest is filled in; waits (bounded) for an
	 * unknown name: SEND_OK, and PTYPE_ERROR if it stays unknown. Takes m always; the same
	 * results. An owner who is gone is a refusal too. */
	int (*send_name)(const char *name, struct msg *m_take);
	/* 0 = unknown here just now. */
	uint32_t (*find_name)(const char *name);
	/* Registers name -> handle in the cluster. The answer goes to `from`: PTYPE_RESPONSE with
	 * this session and the number of the registration (8 bytes, host order), or PTYPE_ERROR
	 * with a reason (REMOTE_NAME_TAKEN ...). Session 0: no answer, a conflict is logged. */
	void (*register_name)(uint32_t from, int32_t session, const char *name, uint32_t handle);
	/* Gives the name up if `handle` owns it (0: whoever does, which is for the owner's node and
	 * the master's); the same answers. */
	void (*release_name)(uint32_t from, int32_t session, const char *name, uint32_t handle);
	/* The name goes from `handle` to the service `target`, of any node, in one change: nobody
	 * sees it without an owner. handle 0: whoever owns it, as above. The same answers, with the
	 * number of the new registration; a target whose node is not there is an error. */
	void (*transfer_name)(uint32_t from, int32_t session, const char *name, uint32_t handle,
			      uint32_t target);
	/* Returns the number of the registration that this node knows, and its owner; 0: the name
	 * is unknown here just now. */
	uint64_t (*name_fence)(const char *name, uint32_t *ret_handle);
	/* Answers `from` with the number of the registration that holds (8 bytes, host order;
	 * nothing: there is none): asked of the master, and name_fence knows it by then.
	 * PTYPE_ERROR if he does not answer. */
	void (*sync_name)(uint32_t from, int32_t session, const char *name);
	/* Answers `from` with the handle (4 bytes, host order) once the name is known; after
	 * timeout_ms (0: never) with PTYPE_ERROR, REMOTE_NO_NAME. */
	void (*query_name)(uint32_t from, int32_t session, const char *name, uint32_t timeout_ms);
	/* PTYPE_RESPONSE (no payload) to `from` when harbor `id` is connected / disconnected;
	 * at once if it is already so. */
	void (*wait_connected)(uint32_t from, int32_t session, unsigned id);
	void (*wait_disconnected)(uint32_t from, int32_t session, unsigned id);
	/* The same for the connection to the master. */
	void (*wait_master_lost)(uint32_t from, int32_t session);
	/* PTYPE_RESPONSE to `from` when a global name of this service, or one that it registered
	 * for another, has gone without their doing: somebody registered it while this node could
	 * not be reached, or it was handed over by hand. The winner's handle (4 bytes, host order;
	 * 0: nobody's), then the name. What is lost between two questions is kept (bounded). */
	void (*wait_name_lost)(uint32_t from, int32_t session);
	/* The members of a group that are known here, in the order of their handles: copies the
	 * first max of them, and the group's version. Returns how many there are. Who joins
	 * registers the name of its membership (core/actor/group.h), who leaves releases it. */
	size_t (*group_members)(const char *group, uint32_t *ret, size_t max,
				uint64_t *ret_version);
	/* PTYPE_RESPONSE (no payload) to `from` when the group's version is not this one. */
	void (*wait_group)(uint32_t from, int32_t session, const char *group, uint64_t version);
	/* Returns how long a message to node `id` and its answer take, in ns, as measured last; 0
	 * for this node, UINT64_MAX without a link. */
	uint64_t (*round_trip)(unsigned id);
	/* PTYPE_RESPONSE to `from` when the session with another node has ended and messages with
	 * it (struct remote_loss, host order, then the reason): the next loss after number
	 * `after`, which may have happened already; UINT64_MAX: the next one from now on. */
	void (*wait_messages_lost)(uint32_t from, int32_t session, uint64_t after);
	/* A local service ended: its global names go, waiting questions are forgotten. Told when
	 * it is retired, and once more after its last callback. */
	void (*service_ended)(uint32_t handle);
	/* Another HANDLE_BIRTHS_STEP indices are used up (core/actor/handle.h). */
	void (*births)(void);
};

/* What applies while no table is set: the single node's own (single.h). node_init calls it. */
void remote_init(const struct remote_ops *single);
/* Before the first service; the table is not copied. NULL: back to the single node's own. */
void remote_set(const struct remote_ops *ops);
/* Never NULL after node_init. */
const struct remote_ops *remote_get(void);
/* Global names: 1 .. 63 bytes of printable UTF-8 without blanks, no leading ':' or '.', not a
 * number. Every door asks here: Lua, C, configuration, frames. */
bool remote_name_valid(const char *name);
/* A node's name, which is only a label: 1 .. 63 bytes of printable UTF-8 without blanks. */
bool remote_label_valid(const char *label);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Names of this node, and what it has asked the master about names: the part of a member that
 * outlives its connections, and the state that it shares with them (member.h). Pure.
 *
 * Threads: the net loop.
 * Limits:  MEMBER_REQUESTS_MAX requests without an answer.
 */
#include <stdbool.h>
#include <stdint.h>
#include "core/ds/list.h"
#include "harbor/protocol/peer.h"
#include "harbor/protocol/wire.h"

#define MEMBER_REQUESTS_MAX 65536u

enum member_state { MEMBER_AWAY, MEMBER_CONNECTING, MEMBER_JOINING, MEMBER_JOINED, MEMBER_REFUSED };

struct member_request;
struct member_name;

struct member_ops {
	/* Opens a connection to this master. Returns a number > 0, or -1. */
	int (*connect)(void *ud, const char *address);
	void (*write)(void *ud, int conn, const struct wire_control *c);
	void (*close)(void *ud, int conn, const char *why);
	/* Our harbor id; before the first node or name is told. */
	void (*id)(void *ud, unsigned id);
	/* Handles used up in this life. */
	uint64_t (*births)(void *ud);
	/* A snapshot begins: what is not told again until it is complete is gone. */
	void (*snapshot)(void *ud, bool complete);
	void (*node)(void *ud, const struct wire_control *c);
	void (*name)(void *ud, const char *name, uint32_t handle, uint64_t fence);
	/* Does this service of ours live? */
	bool (*alive)(void *ud, uint32_t handle);
	/* A name is lost, without a word from its owner: the winner has it now, or nobody (0).
	 * handle: the service of ours that owned it; called again with who registered it. */
	void (*lost)(void *ud, const char *name, uint32_t handle, uint32_t winner);
	/* The verdict on a request; code 0: it was done. fence: of the registration that holds now,
	 * 0 = none. What it says of a name has been told by `name` before. */
	void (*answer)(void *ud, uint32_t from, int32_t session, const char *name, uint32_t code,
		       const char *text, uint64_t fence);
	/* MEMBER_JOINED: now tell the links that are up (member_link). Else why not, and which
	 * master. */
	void (*state)(void *ud, enum member_state st, const char *why);
	/* The master does not hear this incarnation: is our link to it alive? (peer_probe) */
	void (*probe)(void *ud, unsigned id, uint64_t epoch);
};

struct member {
	const struct member_ops *ops;
	void *ud;
	struct peer_self *self;
	unsigned wanted; /* id to ask for, 0 = any */
	const char *const *masters;
	unsigned master_count, at;
	char sent_to[128];  /* the leader to whom a candidate has sent us; "": we walk the list */
	char leader[128];   /* the last leader that we know of */
	bool leader_lost;   /* and he did not answer */
	uint64_t search_ns; /* since when candidates look for a leader; 0: they do not */
	bool reached;	    /* CONNECTING, and the master's machine is there */
	unsigned hops;	    /* we were sent on so often without a pause */
	bool asked_all;	    /* and a pause comes: all of the list were asked */
	enum member_state state;
	bool was_joined;
	int conn;
	uint64_t request_wait_ns; /* the caller's; 0: requests wait for ever */
	uint64_t master_epoch;	  /* the incarnation of the last master's node */
	uint64_t change;
	uint32_t version;     /* of the protocol, with the last master */
	uint32_t features;    /* that both we and the last master have */
	uint64_t births_base; /* where the births of this life begin; 0: not known yet */
	uint64_t births_told;
	uint64_t retry_ns, backoff_ns, tried_ns, heard_ns, ping_ns, rtt_ns;
	uint64_t asked_ns; /* our first PING since the master was heard, 0 = none */
	LIST_OF(struct member_request) requests;
	unsigned request_count;
	uint32_t next_request;
	struct member_name *names; /* ours, as far as we know */
	char why[400];
};

/* The master that we talk to, or try next. There is one. */
const char *member_master(const struct member *m);
void member_fini(struct member *m);

/* The verdict comes by ops->answer. session 0: nobody waits, but a conflict is reported all the
 * same. With a session the request fails when it has no verdict within request_wait_ns, with the
 * reason why the master gave none; a name that comes to be registered later nevertheless is
 * released again. */
void member_register(struct member *m, uint32_t from, int32_t session, const char *name,
		     uint32_t handle);
void member_release(struct member *m, uint32_t from, int32_t session, const char *name,
		    uint32_t handle);
/* Hands the name to another service, of any node. handle: the owner, of this node; 0: whoever it
 * is. Once its time is over (see above) it is not asked for again, but it may have been done. */
void member_transfer(struct member *m, uint32_t from, int32_t session, const char *name,
		     uint32_t handle, uint32_t target);
/* Asks the master for the number of the registration that holds now: when the answer comes, all
 * changes before it have been told. */
void member_query(struct member *m, uint32_t from, int32_t session, const char *name);
/* A service of ours ended: its names are given up, nobody waits for its answers. */
void member_forget(struct member *m, uint32_t handle);

/* ---- for member.c ---- */

/* The connection is there: sends again what waits for an answer, and claims what we hold. */
void member_tell_all(struct member *m);
/* A WIRE_ANSWER. */
void member_answered(struct member *m, const struct wire_control *c);
/* A WIRE_NAME, which is valid, and has been told by ops->name. */
void member_name_told(struct member *m, const struct wire_control *c);
/* Fails what waits for too long. Returns when the next one is over, UINT64_MAX: there is none. */
uint64_t member_expire_requests(struct member *m, uint64_t now);

#ifdef CHECKS
/* What holds between two calls from outside. */
void member_check(const struct member *m);
#else
#define member_check(m) ((void)(m)) /* the state is looked at in builds with CHECKS=1 */
#endif

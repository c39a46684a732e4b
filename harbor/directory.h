/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Directory: the global names that this node knows, who asks for one, what waits for one.
 *
 * Threads:   everything from any thread, one read-write lock; only find is hot, and it reads.
 * Order:     a message that waits for a name is sent before anybody can find the name, so a pair of
 *            services keeps its order.
 * Ownership: takes the messages that wait; `send` gets them back, or errors in their place.
 * Limits:    DIRECTORY_WAITING_MAX questions and messages; each has a deadline, or its service can
 *            end.
 */
#include "core/base/lock.h"
#include "core/ds/list.h"
#include "core/ds/map.h"
#include "core/actor/group.h"
#include "core/actor/msg.h"

#define DIRECTORY_WAITING_MAX 65536u

struct directory_waiting;

struct directory {
	/* Delivers; called under the lock, so it must not come back here. */
	void (*send)(void *ud, struct msg *m_take);
	void *ud;
	struct rwlock lock;
	struct map names;     /* text: a struct directory_mark; stamp: the fence */
	uint32_t generation;  /* of the snapshot */
	struct groups groups; /* of the names that are memberships */
	LIST_OF(struct directory_waiting) waiting;
	unsigned count; /* of those that wait */
	/* sends that came to nothing, and until when they are not told of */
	uint64_t dropped, quiet_until_ns;
};

void directory_init(struct directory *d, void (*send)(void *ud, struct msg *m_take), void *ud);
void directory_fini(struct directory *d);

/* Returns the owner's handle, 0 = it has none that is known here. */
uint32_t directory_find(struct directory *d, const char *name);
/* Returns the number of the registration that is known here, and its owner; 0 = none. */
uint64_t directory_fence(struct directory *d, const char *name, uint32_t *ret_handle);
/* handle 0: released. Answers who asked, sends what waited. */
void directory_set(struct directory *d, const char *name, uint32_t handle, uint64_t fence,
		   uint64_t wall_ns);
/* Forgets the names of a node whose incarnation has ended: before anything is sent to the next one.
 */
void directory_drop_node(struct directory *d, unsigned id);
/* A snapshot comes by directory_set; what is not in it is gone once it is complete, and not
 * before. */
void directory_snapshot(struct directory *d, bool complete);

/* As remote_ops.group_members. */
size_t directory_members(struct directory *d, const char *group, uint32_t *ret, size_t max,
			 uint64_t *ret_version);
/* `from` gets a response without a payload when the group's version is not this one. */
void directory_watch_group(struct directory *d, const char *group, uint64_t version, uint32_t from,
			   int32_t session);

/* A question: `from` gets the handle (PTYPE_RESPONSE, 4 bytes, host order), at once if it is known.
 * deadline_ns 0: waits for ever. */
void directory_ask(struct directory *d, const char *name, uint32_t from, int32_t session,
		   uint64_t deadline_ns);
/* Sends m to the owner of the name, at once if it is known. Returns true if it was sent or refused,
 * false if it waits. */
bool directory_post(struct directory *d, const char *name, struct msg *m_take,
		    uint64_t deadline_ns);
/* Fails, for this reason, what is over its deadline. Returns the next one, UINT64_MAX for none. */
uint64_t directory_expire(struct directory *d, uint64_t now_ns, const char *why);
/* Forgets what a service waits for. */
void directory_forget(struct directory *d, uint32_t handle);

/* f is called under the read lock, so it must not come back here. */
void directory_foreach(struct directory *d,
		       void (*f)(const char *name, uint32_t handle, uint64_t fence,
				 uint64_t since_wall_ns, void *ud),
		       void *ud);
void directory_foreach_waiting(struct directory *d,
			       void (*f)(const char *name, uint32_t handle, void *ud), void *ud);

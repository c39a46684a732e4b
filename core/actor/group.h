/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Groups: names that many services have at once. A membership is a global name of its own,
 * ":GROUP:0123abcd", which no service can register as a name, since it begins with ':'. So it is
 * registered, released at the end of its service or its node, kept by the master and claimed again
 * after his return as any other name. What is added here is the view from the other side: of a
 * group to its members, for who knows the names that there are.
 *
 * Threads: the caller's lock is around everything; the functions about texts are pure.
 * Limits:  GROUP_WATCHES_MAX that wait for changes; members count as names.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/actor/remote.h"
#include "core/ds/list.h"
#include "core/ds/map.h"

#define GROUP_WATCHES_MAX 65536u

struct group_watch {
	struct group_watch *next;
	uint32_t from;
	int32_t session;
	char group[REMOTE_NAME_SIZE];
};

struct groups {
	struct map map;	  /* text: a struct group */
	uint64_t version; /* of the last change of any group */
	LIST_OF(struct group_watch) watches;
	unsigned watching;
};

/* As a global name, of at most REMOTE_GROUP_SIZE - 1 bytes. */
bool group_name_valid(const char *group);
/* The name of this membership; the group is valid. */
void group_key(const char *group, uint32_t handle, char ret_key[REMOTE_NAME_SIZE]);
/* Takes the name of a membership apart. Returns false, and nothing, if it is none. */
bool group_of_key(const char *key, char ret_group[REMOTE_NAME_SIZE], uint32_t *ret_handle);

/* May this handle be registered under the key: as a global name, or as its membership? 0 is
 * anybody's handle. */
bool group_allows(const char *key, uint32_t handle);

void groups_fini(struct groups *g);
/* The name has come, or has gone (here: false); nothing happens if it is no membership. Returns who
 * waited for a change of the group: the caller answers and frees each (mem_free). */
struct group_watch *groups_set(struct groups *g, const char *key, bool here);
/* Copies the first max members, in the order of their handles, and the group's version (0: it has
 * no members). Returns how many there are. */
size_t groups_members(const struct groups *g, const char *group, uint32_t *ret, size_t max,
		      uint64_t *ret_version);
/* Keeps somebody who waits until the group's version is not this one any more. Returns false if it
 * is not by now, or (with why) if too many wait. */
bool groups_watch(struct groups *g, const char *group, uint64_t version, uint32_t from,
		  int32_t session, const char **ret_why);
/* Forgets what a service waits for. */
void groups_forget(struct groups *g, uint32_t from);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The nodes of this host, for harborctl: every control socket in its usual place (sockpath.h) on
 * which a living process listens is asked for its status, all at once. A node that gives no
 * answer in time is in the list all the same, under the name that its socket has. The socket of a
 * node that died is removed if that may be.
 *
 * Threads: one.
 * Limits:  LOCAL_NODES_MAX sockets; LOCAL_PATIENCE_MS for all of them together.
 */
#include <stdbool.h>
#include <stddef.h>
#include "core/base/jsonread.h"
#include "daemon/admin/sockpath.h"

#define LOCAL_NODES_MAX 1024u
#define LOCAL_PATIENCE_MS 1000

struct local_node {
	char path[SOCKPATH_MAX];
	long pid, uid;	      /* as the kernel says */
	char *answer;	      /* of the request; NULL: none in time */
	struct jsonv *status; /* the answer as a tree, or NULL */
	/* while it is asked */
	int fd;
	char *text;
	size_t size;
};

struct local_nodes {
	struct local_node *items;
	size_t count;
	size_t of_others; /* living nodes that this user may not ask */
};

/* Asks all; ret is to be freed with local_fini. */
void local_find(struct local_nodes *ret);
void local_fini(struct local_nodes *l);

/* {"nodes": [...]}, those with that name or harbor id only unless it is NULL. mem_free. */
char *local_json(const struct local_nodes *l, const char *name, size_t *ret_size);

/* The socket of any node of this host, if all that run here are of one cluster. 0, or an exit
 * status after words on stderr. */
int local_choose_any(char ret_path[SOCKPATH_MAX]);

/* The socket to connect to for the node of that name or harbor id, or, with NULL, for the only
 * one. *ret_forward: it is not on this host, the node of the socket knows it. 0, or an exit
 * status after words on stderr. */
int local_choose(const char *name, char ret_path[SOCKPATH_MAX], bool *ret_forward);

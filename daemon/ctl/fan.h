/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A question to one node or to all of the cluster, and its answer as a tree. All nodes are asked by
 * one request to the node of the socket (daemon/admin/gather.h). No command asks several nodes in
 * another way, so who did not answer is told in one way (unanswered.h).
 *
 * Threads: one. What goes wrong is said on stderr.
 */
#include <stdbool.h>

#include "core/base/jsonread.h"
#include "daemon/ctl/ask.h"

/* In place of a node: all of them. */
#define FAN_ALL "*"

struct fan {
	struct ask to;
	/* May be NULL; else called before an answer is read from fd: waits until it is there.
	 * Returns false: nobody waits for it any more, and it is no answer. */
	bool (*wait)(void *ud, int fd);
	void *ud;
	int status; /* of the last question, an exit status: CTL_PARTLY if not all have answered */
};

/* The answer of f->to. NULL: there is none, which was said, and f->status is why. */
struct jsonv *fan_ask_one(struct fan *f);
/* The answers of all nodes, and the list of those that gave none, which is not said yet. */
struct jsonv *fan_ask_all(struct fan *f);
/* One answer of all: the rows of the lists that are named (the last is NULL) stand behind each
 * other, of everything else the first answer's is kept. */
struct jsonv *fan_merge(struct jsonv *all_take, const char *const *lists);
/* Shows an answer on stdout and who gave none on stderr, and destroys it. NULL: nothing to show.
 * Returns `status`, or CTL_PARTLY if that was CTL_DONE and the answer says so. */
int fan_show(struct jsonv *answer_take, bool json, int status);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * One question to all nodes of the cluster. Their answers become one: the rows of the lists that
 * are named stand behind each other, of everything else the first answer's is kept.
 */
#include <stdbool.h>

#include "core/base/jsonread.h"
#include "daemon/ctl/ask.h"

#define FAN_LISTS 4u

struct fan {
	struct ask to; /* its node is who is asked for the others */
	const char *lists[FAN_LISTS];
	/* May be NULL; else called before an answer is read from fd: waits until it is there.
	 * Returns false: nobody waits for it any more, and it is no answer. */
	bool (*wait)(void *ud, int fd);
	void *ud;
	unsigned failed; /* nodes that gave no answer this time, which was said */
};

/* Whether this row of `harborctl nodes` is of a node that can be asked. */
bool fan_reaches(const struct jsonv *row);
/* The answer, to be destroyed; NULL: nobody answered. */
struct jsonv *fan_ask_all(struct fan *f);
/* The same of f->to alone. */
struct jsonv *fan_ask_one(struct fan *f);
/* Shows the answer, which may be NULL, on stdout, and destroys it. Returns the exit status. */
int fan_show(const struct fan *f, struct jsonv *answer_take, bool json);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A command that is carried out in this process: what its run_ function gets, and returns.
 *
 * Threads: the net loop.
 */
#include "core/base/json.h"
#include "daemon/admin/asker.h"

struct request {
	const struct asker *who;
	struct json j;
	const char *error; /* why it failed, constant */
	/* of commands that are carried out here */
	char *const *args;
	unsigned n;
};

enum result {
	DONE,	/* j holds one object */
	FAILED, /* error says why */
	LATER,	/* the asker will be answered */
};

typedef enum result (*command_fn)(struct request *r);

/* why is constant. Returns FAILED. */
static inline enum result request_fail(struct request *r, const char *why)
{
	r->error = why;
	return FAILED;
}

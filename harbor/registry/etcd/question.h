/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Questions to etcd's JSON gateway: transactions and ranges as JSON texts. Pure; any thread.
 *
 * A transaction is built in three lists: conditions, what is done if all of them hold, and what is
 * done else.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/json.h"

struct question {
	struct json conditions, then, otherwise;
};

enum question_revision { QUESTION_CREATED, QUESTION_CHANGED };

void question_begin(struct question *q);
/* The key was created, or changed last, at this revision; 0: it is not there. */
void question_if(struct question *q, const char *key, enum question_revision which,
		 uint64_t revision);
/* lease 0: none. */
void question_put(struct question *q, const char *key, const char *value, uint64_t lease);
void question_delete(struct question *q, const char *key);
/* Asks for a key, or for all that begin with it, in one of the lists. */
void question_get(struct json *list, const char *key, bool prefix);
/* Returns the text (mem_free), and ends it. */
char *question_end(struct question *q);

/* Returns the text of a range (mem_free): of the keys that begin with `prefix` those from `first`
 * on, as of this revision (0: now), `limit` at most. */
char *question_page(const char *prefix, const char *first, size_t first_size, uint64_t revision,
		    unsigned limit);

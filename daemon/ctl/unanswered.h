/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Who gave no answer. Each command that asks several nodes, whether harborctl asks them or the node
 * that it asked, has in its answer a list "unanswered" of rows with "node", "harbor" and "error";
 * it is told on stderr, a line for each, and makes the exit status CTL_PARTLY. A node that has left
 * in order is not asked, and is not in the list.
 *
 * Threads: one.
 */
#include "core/base/jsonread.h"
#include "core/base/text.h"

#define UNANSWERED "unanswered"

/* Adds the list to the answer of "@*" (daemon/admin/gather.h), which keeps its own rows. Returns
 * how many nodes are in it. */
unsigned unanswered_add(struct jsonv *gathered);
/* Whether a row of that answer is of a node that did answer. */
bool unanswered_not(const struct jsonv *row);
/* Takes the list out of an answer, to be destroyed. NULL: there is none. */
struct jsonv *unanswered_take(struct jsonv *answer);
/* Puts it at the end of an object. */
void unanswered_put(struct jsonv *object, struct jsonv *list_take);
/* Says each of a list, which may be NULL, on stderr. Returns how many. */
unsigned unanswered_tell(const struct jsonv *list);
/* Adds "node b (harbor 2)", of any row with "node" and "harbor". */
void unanswered_name(struct text *t, const struct jsonv *row);
/* Adds that for each of a list, which may be NULL, with commas between. */
void unanswered_text(struct text *t, const struct jsonv *list);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Shows an answer of the control socket to people: lists of objects as tables, an object as lines
 * of name and value. Pure but for the stream.
 */
#include <stdio.h>
#include "core/base/jsonread.h"
#include "core/base/text.h"

/* Adds a stranger's text without what would reach the terminal: control characters are written as
 * \n and \xNN. */
void ctl_clean(struct text *t, const char *p, size_t n);

/* "harborctl: " and the member "error", or that there is none, on stderr. */
void ctl_print_error(const struct jsonv *answer);

/* Tables are no wider than that from now on, if they can be: first the columns go that say nothing
 * in any row (0, no, -), from the right, then those that an operator needs least, then what stands
 * before the last; a line below names them. 0, as it is at first: all columns are shown. */
void ctl_print_fit(int width);
/* That column stays; NULL: any may go. */
void ctl_print_keep(const char *column);
/* `now`: seconds since 1970, for times that are shown as ages. The columns of a table are the
 * members of all of its rows. */
void ctl_print(FILE *out, const struct jsonv *answer, long long now);

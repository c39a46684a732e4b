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

/* `now`: seconds since 1970, for times that are shown as ages. */
void ctl_print(FILE *out, const struct jsonv *answer, long long now);

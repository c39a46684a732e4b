/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Shows an answer of the control socket to people: lists of objects as tables, an object as lines
 * of name and value. Pure but for the stream.
 */
#include <stdio.h>
#include "core/base/jsonread.h"

/* `now`: seconds since 1970, for times that are shown as ages. */
void ctl_print(FILE *out, const struct jsonv *answer, long long now);

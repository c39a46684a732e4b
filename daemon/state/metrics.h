/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * All figures of the node in Prometheus' format: what GET /metrics answers.
 *
 * A figure is called as in the JSON of harborctl, with the prefix harbord_ and, if it only grows,
 * _total behind it. Services are put together by their titles (core/actor/tally.h), so a node with
 * a hundred thousand agents has as many lines as one with ten; what those that ended have done
 * stays in the sums, and no figure that only grows ever goes back.
 *
 * Threads: any; answers are made one at a time.
 * Limits:  TALLIES_MAX titles, CALLS_PAIRS_MAX pairs of them, 255 links; all the rest is constant.
 */
#include "core/base/text.h"

/* Appends the figures. */
void metrics_write(struct text *t);

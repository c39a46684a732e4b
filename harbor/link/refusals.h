/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * How often the log tells of connections that are refused: once a second, and of one reason less
 * and less often, at last once a minute, so that whoever comes again and again fills no disk.
 *
 * Threads: any, one at a time.
 * Limits:  eight reasons are known; the one that is due first makes room for a ninth.
 */
#include <stdbool.h>
#include <stdint.h>

/* Takes note of a refusal. Returns whether its reason has come again and again for ten seconds:
 * what is ordinary while nodes come and go is so no longer. */
bool refusals_last(const char *why, uint64_t now);
/* Whether it is time for a line with this reason, whose first 127 bytes count. If so, says when it
 * is for the next one. now: monotonic, in ns. */
bool refusals_may_tell(const char *why, uint64_t now);

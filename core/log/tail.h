/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The last lines of the log, in memory, for whoever tells how a node ended: those too that never
 * reached the sink.
 *
 * Threads: tail_add one at a time (log.c, under its lock); tail_write any, in a signal handler too:
 *          it takes no lock, so a line that is just being written may be torn.
 * Limits:  TAIL_BYTES, the oldest go; of a line TAIL_LINE_MAX bytes are kept.
 */
#include <stddef.h>
#include <stdint.h>

#include "core/base/rawtext.h"

#define TAIL_BYTES (32u << 10)
#define TAIL_LINE_MAX 512u

/* One line: the time, the level and the name as people read them. */
void tail_add(uint64_t wall_ns, const char *level, uint32_t source, const char *name,
	      const char *text, size_t size);
/* Writes the lines, the oldest first. */
void tail_write(struct rawtext *t);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The last lines of the log, in memory, wherever the sink is and whether or not it takes them: for
 * harborctl, and for whoever tells how a node ended.
 *
 * Lines lie whole in one static ring, so the handler of a fault reads it without a lock: all that
 * it follows is within the ring, whatever a writer is doing to it meanwhile.
 *
 * Threads: any; recent_write in a signal handler, too.
 * Limits:  RECENT_BYTES for all of them, the oldest go; of a line longer than RECENT_LINE_MAX its
 *          beginning is kept.
 */
#include <stdbool.h>
#include <stdint.h>
#include "core/base/rawtext.h"
#include "core/log/line.h"

#define RECENT_BYTES (1u << 20)
#define RECENT_LINE_MAX (16u << 10)
/* recent_write: of all lines together, and of one. */
#define RECENT_WRITE_BYTES (32u << 10)
#define RECENT_WRITE_LINE 512u

/* Copies the line. */
void recent_add(const struct log_record *r);

/* Calls f for the lines with a number above `after`, in order, until it returns false. f runs under
 * a lock that everybody waits for who writes a line: it is quick, and writes none. Returns how many
 * lines above `after` are not there any more. */
typedef bool (*recent_fn)(void *ud, const struct line *l);
uint64_t recent_read(uint64_t after, recent_fn f, void *ud);
/* The number of the last line. */
uint64_t recent_last(void);
/* Forgets all lines. */
void recent_clear(void);
/* Writes the last lines as people read them, the oldest first. It takes no lock: one that is
 * written over meanwhile may be torn. */
void recent_write(struct rawtext *t);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The last lines of the log, so that harborctl can show them wherever the sink is.
 *
 * Threads: recent_keep whoever writes to the sink; recent_read any.
 * Limits:  RECENT_BYTES of memory for all of them; of a line longer than RECENT_LINE_MAX its
 *          beginning is kept.
 */
#include <stdbool.h>
#include <stdint.h>
#include "core/log/line.h"

#define RECENT_BYTES (1u << 20)
#define RECENT_LINE_MAX (16u << 10)

/* Takes the line over. */
void recent_keep(struct line *l_take);

/* Calls f for the lines with a number above `after`, in order, until it returns false. f runs under
 * a lock that the log's writer waits for: it is quick, and writes no line. Returns how many lines
 * above `after` are not there any more. */
typedef bool (*recent_fn)(void *ud, const struct line *l);
uint64_t recent_read(uint64_t after, recent_fn f, void *ud);
/* The number of the last line. */
uint64_t recent_last(void);
/* Forgets all lines. */
void recent_clear(void);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Recordings: who orders one, and how it goes; see tape.h. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAPES_MAX 8u /* at a time */
#define TAPE_BEHIND ((size_t)32 << 20)
#define TAPE_MAX ((uint64_t)64 << 20)
#define TAPE_PATH_MAX 4096u

struct tape_order {
	const char
		*service; /* its name and arguments, or only the name: the next that is launched */
	const char *file; /* is not there yet */
	uint64_t max_bytes;
	uint64_t limit_ns; /* 0: none */
	uint64_t config_hash;
};

/* The next launch of such a service is recorded. NULL, or why not (constant, or errno's text). Any
 * thread. */
const char *tape_record(const struct tape_order *o);
/* Ends the recording that goes to this file, or the waiting for its launch; NULL: all. Returns how
 * many there were. Any thread. */
unsigned tape_stop(const char *file);

struct tape_view {
	bool waits, runs;
	uint32_t handle;
	char service[128], file[TAPE_PATH_MAX], end[128]; /* end: why it ended */
	uint64_t messages, sends, bytes;
};
#define TAPES_LOOK_MAX (2 * TAPES_MAX)
/* The last ones that have ended, then those that wait or are written, the oldest first. Returns how
 * many. Any thread. */
unsigned tape_look(struct tape_view ret[TAPES_LOOK_MAX]);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Recordings: who orders one, and how it goes; see tape.h. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
/* Ends the recording, or the waiting for a launch. false: there is none. Any thread. */
bool tape_stop(void);

struct tape_view {
	bool waits, runs;
	uint32_t handle;
	char service[128], file[TAPE_PATH_MAX], end[128]; /* end: why the last one ended */
	uint64_t messages, sends, bytes;
};
/* What is recorded, or was last. Any thread. */
void tape_look(struct tape_view *ret);

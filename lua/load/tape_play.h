/* SPDX-License-Identifier: MIT */
#pragma once
/* Replays: a process that does nothing else; see tape.h. The main thread. */
#include <stdbool.h>
#include <stdint.h>

struct tape_play {
	const char *args; /* of the service, to be launched as snlua; until tape_close */
	uint32_t handle;  /* that it is to have */
	uint64_t config_hash;
	const char *version;
};
/* Reads the file, and waits for the launch. NULL, or why not (constant). Before the first
 * service. */
const char *tape_load(const char *path, struct tape_play *ret);
/* Waits for the end. Writes the result to stdout, differences to stderr. Returns whether all was
 * the same. *ret_stands: the service is there and takes no message any more. */
bool tape_wait(bool *ret_stands);

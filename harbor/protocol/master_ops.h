/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the master has from outside: its hands (master_ops) and its numbers (master_config). Whoever
 * creates one fills them: the harbor with sockets and the clock, a test with its own.
 */
#include <stddef.h>
#include <stdint.h>
#include "harbor/registry/registry.h"

struct master_ops {
	void (*write)(void *ud, int conn, const uint8_t *bytes, size_t n);
	void (*close)(void *ud, int conn, const char *why);
	/* There is something to flush: call master_flush soon. */
	void (*want_flush)(void *ud);
	/* Begins to save the changes, which are valid during the call; master_saved says how it
	 * ended, later. number: the highest one given so far. */
	void (*save)(void *ud, const struct registry_change *changes, size_t n, uint64_t number);
};

#define MASTER_NAMES_MAX 65536u

struct master_config {
	uint64_t epoch;	  /* of this master's process */
	uint64_t wall_ns; /* numbers begin here, should the registry be lost */
	uint64_t random;  /* not 0 */
	uint64_t heartbeat_ns, dead_ns;
	bool names_are_proven; /* an id that was a name's stays that name's */
};

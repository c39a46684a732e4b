/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Master: gives harbor ids (sticky by node name), keeps the global names (one owner each, the first), tells
 * members of each other, and removes what the dead leave behind. Pure: no socket, no clock.
 *
 * Threads: the net loop. Time comes in as a parameter; connections are numbers of the caller's.
 */
#include <stdint.h>
#include "harbor/registry.h"
#include "harbor/wire.h"

struct master_ops {
	void (*write)(int conn, const struct wire_control *c);
	void (*close)(int conn);
};

/* dead_ns: how long a node may be away before it is dead. */
void master_init(const struct master_ops *ops, const struct registry_ops *registry, uint64_t dead_ns,
		 uint64_t now);
void master_fini(void);
/* A frame of a member's connection. */
void master_input(int conn, const struct wire_control *c, uint64_t now);
void master_lost(int conn, uint64_t now);
/* Members whose time is over are dead; silent connections are closed. */
void master_tick(uint64_t now);

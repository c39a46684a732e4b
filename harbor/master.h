/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Master: gives harbor ids (sticky by node name), keeps the global names (one owner each, the first), tells
 * members of each other, and removes what the dead leave behind. Pure: no socket, no clock.
 *
 * A node is its name; an incarnation is one process of it, with its epoch. A node whose connection broke has
 * dead_ns to come back, and nobody notices; a new incarnation replaces one that is away or silent at once,
 * but one that is well and connected is not pushed out: the newcomer is told to try again. An
 * incarnation that was replaced is refused when it shows up again: incarnations have numbers, given here, which
 * grow over all restarts. After a restart of the master every node
 * that was up has the grace time to come back.
 *
 * What is answered and announced is durable first: input only gathers changes and frames,
 * master_flush saves the changes as one batch and then writes. If saving fails everything stays and is tried
 * again; meanwhile nobody is told anything.
 *
 * Threads: the net loop. Connections are numbers of the caller's.
 * Limits:  255 nodes, MASTER_NAMES_MAX names.
 */
#include <stdint.h>
#include "harbor/registry.h"
#include "harbor/wire.h"

#define MASTER_NAMES_MAX 65536u
/* Members try again at least this often; see member.h. */
#define MASTER_RETRY_NS UINT64_C(4000000000)

struct master;

struct master_ops {
	void (*write)(void *ud, int conn, const uint8_t *bytes, size_t n);
	void (*close)(void *ud, int conn, const char *why);
	/* There is something to flush: call master_flush soon. */
	void (*want_flush)(void *ud);
};

struct master_config {
	uint64_t epoch;        /* of this master's process */
	uint64_t wall_ns;      /* incarnations are numbered from here, should the registry be lost */
	uint64_t heartbeat_ns, dead_ns;
};

/* NULL: the registry cannot be read. */
struct master *master_create(const struct master_ops *ops, void *ud, const struct registry_ops *registry,
			     const struct master_config *c, uint64_t now);
struct master *master_destroy(struct master *m);
/* A JOIN: the first frame of a connection, its cluster and version checked already. true: it is a member
 * now; false: it was refused (written at once), and the caller closes it. */
bool master_join(struct master *m, int conn, const struct wire_control *c, uint64_t now);
/* A later frame of a member. */
void master_input(struct master *m, int conn, const struct wire_control *c, uint64_t now);
void master_lost(struct master *m, int conn, uint64_t now);
/* Who is silent or away too long is dead; gives the time of the next look. */
uint64_t master_tick(struct master *m, uint64_t now);
/* 0 or what the registry said. */
int master_flush(struct master *m);

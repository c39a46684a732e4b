/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The file that describes a fleet: the hosts of a cluster and the nodes on them. It is all that
 * `harborctl fleet` works from.
 *
 *   fleet: arena                       the name of the cluster
 *   key_file: arena.key                beside this file; needed with more than one host
 *   shared: { lua: { ... } }           sections of harbor.yaml(5) for every node
 *   hosts:
 *     a: { address: 10.0.0.1, rsh: root@a.example }
 *   nodes:
 *     master: { host: a, listen: 2526, master: 2013 }
 *     gate:   { host: a, listen: 2527, role: gate, config: { lua: { start: gate } },
 *               unit: "[Service]..." }
 *     map:    { host: a, listen: 2528, addresses: none }
 *
 * Threads: one. Limits: FLEET_HOSTS_MAX, FLEET_NODES_MAX; a file of 256 KiB.
 */
#include <stdbool.h>
#include <stddef.h>
#include "conf/errors.h"

#define FLEET_HOSTS_MAX 255u
#define FLEET_NODES_MAX 255u

struct fleet_host {
	const char *name;
	const char *address; /* where the nodes of other hosts reach it */
	const char *rsh;     /* what the remote shell is told; the address unless the file says */
};

struct fleet_node {
	const char *name;
	const struct fleet_host *host;
	unsigned listen, master; /* ports; master 0: it is a member only */
	bool gate;		 /* role: gate; it is rolled after those without a role */
	int config;		 /* a map of the document, for fleetfile_write; 0: none */
	const char *unit;	 /* a drop-in of its unit, or NULL */
	/* With whom it may speak besides the fleet's hosts: "none", or addresses and networks with
	 * blanks between them. NULL: with everybody. */
	const char *addresses;
};

struct fleet {
	const char *name;
	char *key_file; /* as it can be opened from here; NULL: none */
	int shared;	/* a map of the document; 0: none */
	struct fleet_host hosts[FLEET_HOSTS_MAX];
	struct fleet_node nodes[FLEET_NODES_MAX];
	unsigned host_count, node_count;
	struct fleet_document *document; /* owns all text above */
};

/* Reads the file and checks all that can be checked here. NULL: errors has why. The caller frees
 * what is returned with fleetfile_free, and the errors. */
struct fleet *fleetfile_read(const char *file, struct config_errors *errors);
/* The same for a text that was read; `file` is its name in errors, and beside it is what the text
 * names. */
struct fleet *fleetfile_parse(const char *text, size_t size, const char *file,
			      struct config_errors *errors);
void fleetfile_free(struct fleet *f);
/* Writes one of the document's maps as YAML. Returns false when that fails; *ret is the caller's
 * then, too, and mem_free's. */
bool fleetfile_write(struct fleet *f, int map, char **ret, size_t *ret_size);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Lead: whether this node is the master just now, and the registry behind that. With an embedded
 * registry a node with a section `master` is the master from beginning to end. With a shared one it
 * is a candidate (harbor/protocol/leader.h): H.master is there while it leads.
 *
 * Members that come to a candidate hear who leads. If that is not known, or they have found the
 * leader dead, they wait here until there is one: then the first names are given as soon as
 * somebody may give them, and nobody calls again and again meanwhile.
 *
 * Limits:  LEAD_CALLERS_MAX members that wait.
 * Threads: the net loop, under the harbor's lock, if nothing else is said.
 */
#include <stdbool.h>
#include <stdint.h>
#include "harbor/config.h"
#include "harbor/link/conn.h"
#include "harbor/masterinfo.h"
#include "harbor/protocol/wire.h"

#define LEAD_CALLERS_MAX 256u

struct lead_hooks {
	/* The hands of a master here. */
	const struct master_ops *master;
	/* A deadline may have moved. */
	void (*touch)(void);
	/* This member waited, and here is the master now. */
	void (*greet)(struct conn *c, const struct wire_control *join);
};

/* Opens the registry; with an embedded one this node is the master from now on. address: where
 * members reach us. Returns 0, or -errno and why not (mem_free). Before anything runs. */
int lead_open(const struct harbor_config *c, const char *address, const struct lead_hooks *hooks,
	      char **ret_error);
/* Begins to look for a leader. */
void lead_start(void);
/* Whether this node is the master; false also for one that has no section `master`. */
bool lead_speaks(void);
/* For a member that came here, and it does not: sends it on, or lets it wait. */
void lead_send_on(struct conn *c, const struct wire_control *join);
/* A connection is gone. */
void lead_lost(int conn);
/* Does what is due. Returns the time of the next look. */
uint64_t lead_tick(uint64_t now);
/* The end: saves what is to be saved and gives the lead back. Returns whether that is done; is
 * called again until it is. */
bool lead_stop(void);
/* After the loop has ended. */
void lead_close(void);
/* How it is, for people. */
void lead_info(struct harbor_master_info *ret);
/* Why the master could not save; "": it could, or is another node. */
void lead_unsaved(char ret_why[HARBOR_UNSAVED_MAX]);
/* See harbor_move. */
bool lead_move(const char *to, void (*done)(const char *why_not, void *ud), void *ud, char *ret_why,
	       size_t size);
/* See harbor_backup. Returns NULL, or why not, constant. */
const char *lead_backup(const char *file, void (*done)(const char *error, void *ud), void *ud);
/* See harbor_read_registry. Returns NULL, or why not, constant. */
const char *lead_read(harbor_registry_cb done, void *ud);

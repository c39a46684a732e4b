/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Passed descriptors: listening sockets that the service manager opened for this process, and
 * sockets that a life of this process leaves to the next one.
 *
 * Who listens at "systemd:NAME" gets the socket of that name of a socket unit. A service that
 * listens at an address and port of TCP has its socket kept in the manager's store under a name
 * that is made of both: while the process is away connections wait there, and who listens at the
 * same address in the next life gets it back. When its owner closes a listener it leaves the store.
 * Sessions are in handover.h.
 *
 * Threads:   net_inherit_add and net_inherit_store first, alone; the rest any.
 * Ownership: descriptors that are added are the table's until they are taken.
 */
#include <stdbool.h>
#include <stdint.h>
#include "core/base/base.h"

/* A name has at most 255 bytes, and no colon. */
#define INHERIT_NAME_MAX 256

struct net_store {
	/* Has a copy of the descriptor kept until it is dropped or the service is stopped. Returns
	 * false: it is not kept. */
	bool (*put)(const char *name, int fd);
	/* Drops all that have the name. */
	void (*drop)(const char *name);
};

/* Takes a descriptor that this process was passed. */
void net_inherit_add(const char *name, int fd_take);
/* Where descriptors are kept from now on. */
void net_inherit_store(const struct net_store *store);
/* Closes what nobody has asked for, drops it from the store, and says so. */
void net_inherit_settle(void);
/* The process ends: what closes from now on stays in the store. */
void net_inherit_leave(void);
/* Did somebody ask for a socket of the manager's that was not there, or was not right? */
bool net_inherit_missed(void);

/* ---- for the files of net/ ---- */

struct addr;

/* Returns a descriptor of the listening socket that was passed under this name, or -errno and
 * why. */
int inherit_listener(const char *name, const char **ret_why);
/* Writes the name under which the listener of this address is stored; false: it is not. */
bool inherit_name(const char *host, int port, char ret[INHERIT_NAME_MAX]);
/* Returns what names a socket as long as it lives, in whatever process; 0: it cannot be had. */
uint64_t inherit_cookie(int fd);
/* Is there a descriptor of that name which nobody has taken? */
bool inherit_has(const char *name);
/* Returns the descriptor of that name, which is the caller's now, or -1. */
int inherit_take(const char *name);
/* The same, of the one with this cookie (SO_COOKIE) among several of the name. */
int inherit_take_cookie(const char *name, uint64_t cookie);
/* The same, of a stored listener that listens at this address indeed. */
int inherit_take_listener(const char *name, const struct addr *a);
/* Puts it into the store, if there is one. Returns whether it is there. */
bool inherit_put(const char *name, int fd);
/* Drops it from the store, if there is one. */
void inherit_drop(const char *name);
/* The listener of that name is about to be closed: drops it, unless it is to stay for the next life
 * or is the manager's own. It stops listening at once, also for who still has a copy, so that
 * somebody else can listen there. */
void inherit_closed(const char *name, int fd);

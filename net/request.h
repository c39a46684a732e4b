/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What owners ask of their sockets. Any thread may; each call does its work at once, under the
 * socket's lock, and what comes of it is told to the owner (struct socket_message, net_handler).
 * An id that is out of date is no error, unless it says so here.
 */
#include <stdbool.h>
#include <stdint.h>
#include "net/limits.h"
#include "net/net.h"

/* ---- for services ---- */

/* `owner` takes the socket over and begins to read or accept: SOCKET_CONNECT, or SOCKET_ERROR. */
void net_start(uint32_t owner, int id);
/* Stops reading or accepting until net_start. */
void net_pause(uint32_t owner, int id);
/* Adopts a descriptor, which stays the caller's to close. Returns an id, or -1: it is none, or all
 * sockets are taken. */
int net_bind(uint32_t owner, int fd);

/* ---- for all owners ---- */

/* Closes when what waits has been written: SOCKET_CLOSE comes at once, a C owner hears nothing
 * more. If bytes of the peer lie unread just then, the socket is there until the peer ends, too, or
 * for JANITOR_FAREWELL_NS: otherwise a reset would take away what it has not read yet. */
void net_close(int id);
/* The same for a peer that may still be sending, whether something lies there or not. */
void net_close_speaking(int id);
/* The same, and what waits is dropped. */
void net_shutdown(int id);
/* The node ends: net_close for all connections of services, which hear nothing of it. */
void net_close_all(void);
/* Waits until all that close have closed, at most that long. Returns how many have not. Needs the
 * loops. */
unsigned net_await_closed(uint64_t patience_ns);
/* Small writes leave at once; of a listener: those of the connections that it accepts later. */
void net_nodelay(int id);
/* Bounds the write queue; what a listener accepts from then on inherits it. bytes 0 = the node's.
 * Returns false when there is no such socket. */
bool net_set_bound(int id, uint64_t bytes, enum net_policy policy);
/* Reads the same. Returns false when there is no such socket. */
bool net_bound(int id, uint64_t *ret_bytes, enum net_policy *ret_policy);

/* ---- for C owners ---- */

/* net_set_bound without a policy: a C owner is told by the result of its sends. */
void net_set_limit(int id, uint64_t bytes);
/* Adopts a listening or connected descriptor (socket activation), which is closed with the socket.
 * Returns an id, or -1. */
int net_adopt_handler(const struct net_handler *h, void *ud, int fd);
/* [loop] Takes and starts an accepted socket. Returns 0, or -1: there is no such one. */
int net_start_handler(int id, const struct net_handler *h, void *ud);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Listening and accepting. */
#include <stdbool.h>
#include <stdint.h>
#include "net/addr.h"
#include "net/net.h"

struct socket;

/* Listens on host and port, or, with port < 0, on an address that host holds whole (addr.h).
 * Returns an id > 0, or -errno and fills *ret_error (may be NULL). Any thread. Connections come
 * when `owner` has called net_start. */
int net_listen(uint32_t owner, const char *host, int port, int backlog,
	       struct net_error *ret_error);
/* The same where others listen already, or will, who do so with this function (SO_REUSEPORT): the
 * kernel spreads the connections among them. A unix socket is never shared. */
int net_listen_shared(uint32_t owner, const char *host, int port, int backlog,
		      struct net_error *ret_error);
/* The same as net_listen for C code; it needs no start, and h->on_open says the real port. */
int net_listen_handler(const struct net_handler *h, void *ud, const char *host, int port,
		       int backlog, struct net_error *ret_error);
/* Returns 0 if a service could listen there now (net_listen), or -errno and fills *ret_error with
 * the reason alone. Nobody is disturbed: who listens there meanwhile can, and no connection comes.
 * It may wait for a name to be looked up. Any thread. */
int net_listen_try(const char *host, int port, struct net_error *ret_error);
/* Holds descriptors back for this listener: its connections are accepted when there are none left.
 * Those that are too many wait in place of being closed. Any thread. */
void net_keep_descriptors(int listener);
/* From now on connections to services are closed at once, or not any more. What is open stays. Any
 * thread. */
void net_refuse_clients(bool on);
/* But not those to this listener, at which people look after the node. Any thread. */
void net_accept_always(int listener);

/* Listeners of services accept nothing any more. One that the next life of this process gets stays
 * open: connections wait there. Any thread. */
void net_stop_accepting(void);

/* ---- for the files of net/ ---- */

/* Takes a connection that the listener accepted in the last life of this process, as if it accepted
 * it now, and writes who is there. Returns its id, or -1. */
int listen_resume(int listener, int fd_take, char ret_from[ADDR_TEXT_MAX]);

/* [loop] A listener is ready: accepts some of what waits. No lock. */
void accept_ready(int id);
/* [loop] The header of a connection behind a proxy is there, or a part of it: announces the
 * connection when it is whole. It gives the socket's lock back. */
void accept_header(struct socket *s);

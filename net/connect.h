/* SPDX-License-Identifier: MIT */
#pragma once
/* Connecting to the addresses of a name, one after the other, until one answers. */
#include <stdint.h>
#include "net/net.h"

struct addr_list;
struct addr_text;
struct socket;

/* Connects to host and port, or, with port < 0, to an address that host holds whole (addr.h).
 * Returns an id > 0, or -1: the address is none, or all sockets are taken. Any thread. How it went
 * comes later, as a message to `owner`: SOCKET_CONNECT or SOCKET_ERROR. */
int net_connect(uint32_t owner, const char *host, int port);
/* The same for C code, which hears it by h->on_open or h->on_close. */
int net_connect_handler(const struct net_handler *h, void *ud, const char *host, int port);

/* ---- for the files of net/ ---- */

/* What t, the goal of a socket in STATE_RESOLVING, stands for is found: takes the list, or, when it
 * is NULL, `why` says what went wrong. Any thread, no lock. */
void connect_resolved(int id, const struct addr_text *t, struct addr_list *to_take,
		      const char *why);
/* [loop] A socket in STATE_CONNECTING is ready. Its lock is held. */
void connect_ready(struct socket *s);
/* Sets the options of a TCP socket that is connected, or that listens, which those that it accepts
 * inherit. Its lock is held. */
void connect_set_options(struct socket *s);
/* Only that which s->nodelay stands for. */
void connect_set_nodelay(struct socket *s);

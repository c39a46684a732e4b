/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * UDP sockets of services.
 *
 * Such a socket is open from the start. Each datagram comes as one message, SOCKET_UDP, with the
 * sender's address behind its bytes (udpaddr.h). Sends go out at once on the sender's thread; what
 * the kernel does not take waits in the socket's queue, within its bound. A datagram that cannot be
 * sent is dropped, as the network might have done, and the socket lives on, whatever its peers
 * say. While its service does not come to read, the rest stays in the kernel, which drops it.
 *
 * Threads: any, unless it says so.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include "net/net.h"

struct socket;

/* Binds to host and port, or, with port < 0, to an address that host holds whole (addr.h); host
 * NULL with port <= 0: to none, IPv4, the kernel chooses at the first send. Returns an id > 0, or
 * -errno and fills *ret_error (may be NULL). A name is looked up, which blocks. */
int net_udp(uint32_t owner, const char *host, int port, struct net_error *ret_error);
/* The same without binding; what is sent goes to host and port. Datagrams of others come, too. */
int net_udp_dial(uint32_t owner, const char *host, int port, struct net_error *ret_error);
/* What is sent goes to host and port from now on. Returns 0, or -errno and fills *ret_error (may be
 * NULL). An address of the other family is told to the owner: SOCKET_ERROR "protocol mismatch". */
int net_udp_connect(int id, const char *host, int port, struct net_error *ret_error);
/* Sends one datagram, which may be empty, to an address (udpaddr.h); address NULL: to the default
 * peer, which is what net_send does too. Returns 0, also when the datagram is dropped on its way,
 * or -1: no such socket, it is closing, no peer, no address for it, more than a datagram holds, or
 * the queue is at its bound. */
int net_udp_send(int id, const void *address, size_t address_size, const struct iovec *iov, int n);

/* ---- for the files of net/ ---- */

struct addr;

/* net_udp_send to the default peer; `low`: behind all that others queue. The lock is held. */
int udp_send(struct socket *s, const struct iovec *iov, int n, bool low);
/* [loop] Reads, and tells the owner. The socket's lock is held. */
void udp_read_ready(struct socket *s);
/* [loop] Writes what waits. The socket's lock is held. */
void udp_write_ready(struct socket *s);
/* How many datagrams could not be sent, and how many the kernel had no room for. The lock is
 * held. */
void udp_dropped(const struct socket *s, uint64_t *ret_sent, uint64_t *ret_received);
/* Returns the default peer of a UDP socket, or NULL. The lock is held. */
const struct addr *udp_peer(const struct socket *s);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Addresses of datagrams as the contract writes them: behind each datagram that a service gets, and
 * as the string that it sends to.
 *
 *   | 1 = IPv4, 2 = IPv6 | port, 2 bytes | address, 4 or 16 bytes |     all in network order
 *
 * Pure. Threads: any.
 */
#include <stdbool.h>
#include <stddef.h>
#include "net/addr.h"

#define UDP_ADDRESS_V4 7
#define UDP_ADDRESS_V6 19
#define UDP_ADDRESS_MAX UDP_ADDRESS_V6

/* How long the address is that begins with this byte; 0: none does. */
static inline size_t udpaddr_size(char first)
{
	return first == 1 ? UDP_ADDRESS_V4 : first == 2 ? UDP_ADDRESS_V6 : 0;
}
/* Writes an IPv4 or IPv6 address, at most UDP_ADDRESS_MAX bytes. Returns how many. */
size_t udpaddr_write(const struct sockaddr *a, char *ret);
/* Returns false when the bytes are no address. */
bool udpaddr_read(const void *bytes, size_t size, struct addr *ret);

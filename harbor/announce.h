/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What a node that listens on all of its addresses (0.0.0.0, [::]) tells others, and what they
 * make of it. Nobody can connect to "all addresses", so
 *
 *   - a node that reaches the master by one of its own addresses is reached there as well: it
 *     announces that;
 *   - a node that reaches the master by loopback is on the master's host, whose addresses it
 *     does not know: it announces "all", which means the master's host, and who wants to connect
 *     takes the address by which he himself reaches the master.
 *
 * Pure. Threads: any. Addresses are texts; hosts are as net/ writes them, IPv6 without brackets.
 */
#include <stdbool.h>

#define ANNOUNCE_MAX 128

/* The host of "ip:port", without brackets. */
void announce_host(const char *address, char ret_host[ANNOUNCE_MAX]);
bool announce_is_any(const char *address);
/* "ip:port" as net/ writes it becomes one that can be connected to: brackets around IPv6. */
void announce_text(const char *text, char ret_address[ANNOUNCE_MAX]);
/* What a node that listens on `any` tells the master; local: our end of the connection to the
 * master, as net/ writes it. */
void announce_own(const char *any, const char *local, char ret_address[ANNOUNCE_MAX]);
/* Where to connect to for a node that announced `address`; master_host: the master's end of our
 * connection to it, "" if there was none yet. */
void announce_reach(const char *address, const char *master_host, char ret_address[ANNOUNCE_MAX]);

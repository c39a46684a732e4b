/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Listeners behind a proxy that says whose connection it brings (the PROXY protocol, proxyhead.h).
 *
 * A connection of such a listener is not announced before its header is there, and then with the
 * address of the client, which socket_address returns from then on. One from an address that is not
 * believed, whose header is wrong, or missing for PROXY_PATIENCE_NS, is closed, with a line in the
 * log at most once a second. One that ends before its first byte is somebody who looks whether we
 * live, and closed without a word.
 *
 *   accept -> HEADER -> PREACCEPT
 *
 * Threads:   any; what is marked so, the loop.
 * Limits:    PROXY_MAX bytes of a header, allocated as they come.
 */
#include <stdbool.h>
#include <stdint.h>
#include "core/base/clock.h"

struct addr;
struct proxy_allow;
struct socket;

/* The protocol wants three seconds at least, in which a lost packet is sent again. */
#define PROXY_PATIENCE_NS (5 * NS_PER_SEC)

/* What a listener of a service accepts from then on begins with a header, from those addresses
 * (proxy_allow_parse); "" or NULL: it has none. Returns NULL, or what is wrong. */
const char *net_set_proxy(int listener, const char *allow);
/* For tests. */
void net_set_proxy_patience(uint64_t ns);

/* ---- for the files of net/; the lock of the socket is held ---- */

/* [loop] Returns false for a peer that may not bring clients: the connection is to be closed. */
bool proxy_admits(const struct socket *listener, const struct addr *peer);
/* [loop] A connection of that listener is there: waits for its header. Returns when the janitor is
 * to look at it. */
uint64_t proxy_await(struct socket *s, int listener);
/* [loop] It is readable. Returns the listener once the connection is to be announced, else 0. */
int proxy_ready(struct socket *s);
/* The janitor looks at it: gives up one that is late. Returns true when it is to be looked at
 * again. */
bool proxy_look(struct socket *s, uint64_t now);

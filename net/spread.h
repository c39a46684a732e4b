/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Which loop a socket of a service belongs to: of each kind every loop gets as many as the others.
 * Kinds are counted apart, for a connection that each client causes would otherwise always fall on
 * the other one of two loops. Any thread.
 */

enum spread_kind {
	SPREAD_NOT, /* the main loop's, and not counted: C owners, datagrams */
	SPREAD_LISTENER,
	SPREAD_ACCEPTED,
	SPREAD_CONNECTED,
};

/* Returns the loop that has the fewest sockets of that kind, and counts one more. */
unsigned spread_enter(enum spread_kind kind);
/* That one is gone, or has become the main loop's. */
void spread_leave(enum spread_kind kind, unsigned loop);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Sessions that outlive this process: connections that go to its next life through the store of the
 * service manager (inherit.h), each with what its owner wants to know of it then.
 *
 *   before it ends   net_keep for each connection, when what it said has been served; then
 *                    net_handover, which waits until what was written to each has left
 *   afterwards       net_resume, when the listener that accepted them listens again
 *
 * What a connection has not been read of stays in the kernel. One that its owner or its peer closes
 * before net_handover is not handed over. What the owner says of all of them goes in one sealed
 * memory file (sessions.h).
 *
 * Threads: net_keep and net_resume any, net_handover the main thread.
 * Limits:  NET_HANDOVER_MAX connections, NET_KEEP_MAX bytes of each.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "net/addr.h"

/* A little less than FileDescriptorStoreMax= of the unit, for listeners. */
#define NET_HANDOVER_MAX 4000u
#define NET_KEEP_MAX (64u << 10)

/* Marks the connection, which was accepted by this listener, and copies the data. Returns false: it
 * is no open connection, or encrypted by us, the listener has no stored name, or there is too much
 * of the data. */
bool net_keep(int id, int listener, const void *data, size_t size);

/* Gives those that were marked away, and waits at most that long for what is still to be written.
 * Returns how many it were. */
unsigned net_handover(uint64_t patience_ns);

struct net_resumed {
	int id;
	char from[ADDR_TEXT_MAX];
	char *data; /* mem_free */
	size_t size;
};
/* Takes the connections that this listener accepted in the last life; they are as if it had
 * accepted them now, and not read before net_start. Returns how many, and the caller's array. */
size_t net_resume(int listener, struct net_resumed **ret);

/* SPDX-License-Identifier: MIT */
#pragma once
/* What can be said about sockets from outside. All are snapshots, and any thread may ask. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "net/limits.h"

enum {
	NET_INFO_UNKNOWN,
	NET_INFO_LISTEN,
	NET_INFO_TCP,
	NET_INFO_UDP,
	NET_INFO_BIND,
	NET_INFO_CLOSING,
};

struct net_info {
	int id;
	uint32_t owner;	      /* 0: a C handler, and what for (net_handler): */
	const char *purpose;  /* constant; NULL: a service's */
	bool is_unix;	      /* a unix socket */
	uint64_t opened_ns;   /* monotonic: when it was made */
	int type;	      /* NET_INFO_* */
	uint64_t read, write; /* bytes; for a listener read counts accepts */
	uint64_t rtime_cs, wtime_cs;
	uint64_t queued;
	uint64_t limit, refused; /* of the write queue; writes that it refused */
	enum net_policy policy;
	bool reading, writing;
	bool waiting;			  /* not read: who serves it has to catch up */
	char address[128];		  /* peer, or own for a listener */
	char own[64];			  /* of a UDP socket */
	uint64_t dropped_out, dropped_in; /* datagrams that could not be sent, or came too fast */
};

/* Calls f for each socket, without any lock. */
void net_foreach(void (*f)(const struct net_info *i, void *ud), void *ud);
/* Returns how many sockets there are. */
unsigned net_count(void);
void net_get_stats(struct net_stats *ret);
/* Writes the local address of a socket as "ip:port". Returns false for an unknown id. */
bool net_local_address(int id, char *ret_text, size_t size);
/* Returns how many bytes wait in our queue, or in the kernel's for the peer's acknowledgement. */
uint64_t net_unacknowledged(int id);
/* Returns how long a packet and its acknowledgement take on a TCP connection, smoothed, if bytes
 * went both ways within the last second; else 0, for then it is old, or has the peer's delay in
 * it. */
uint64_t net_peer_rtt_ns(int id);
/* Returns the user id of the peer of a unix socket, or -1. */
long net_peer_uid(int id);

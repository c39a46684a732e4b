/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Sends of skynet.cluster that did not arrive, or may not have, by the other node: its sender
 * (lua/service/clustersender.lua) counts them here, and the node's status and metrics show them.
 *
 * Threads: any.
 * Limits:  SENDS_PEERS_MAX nodes; what is sent to others beyond them is counted under SENDS_REST.
 */
#include <stdint.h>

#define SENDS_PEERS_MAX 64u
#define SENDS_NAME_MAX 64u
#define SENDS_REST "(others)"

struct sends_peer {
	char name[SENDS_NAME_MAX]; /* in the configuration of the cluster */
	uint64_t dropped;	   /* they were not sent: no connection, or it refused them */
	uint64_t lost;	  /* they waited, or were not acknowledged, when the connection ended */
	uint64_t last_ns; /* when it was so last, monotonic */
};

void sends_count(const char *peer, uint64_t dropped, uint64_t lost);
/* Returns how many peers have any. */
unsigned sends_look(struct sends_peer ret[SENDS_PEERS_MAX + 1]);

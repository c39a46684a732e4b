/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What an operator should look at although the node goes on: what piles up, runs out or gets lost,
 * as it is now. What keeps the node from its work is health.h's.
 *
 * Threads: any.
 */

/* At so many messages that wait a service is told of; deploy/monitoring has the same figure. */
#define TROUBLE_MAILBOX 10000u
/* So many services are named, those with the longest mailboxes. */
#define TROUBLE_SERVICES 3u
/* So many nodes that are down or cannot be reached, or do not get what skynet.cluster sends. */
#define TROUBLE_NODES 3u

/* Calls f for each, with one line: what it is, how much of it, and where to look further. */
void trouble_foreach(void (*f)(const char *text, void *ud), void *ud);

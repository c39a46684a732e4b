/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * How long TCP waits for a peer that says nothing: while connecting, while bytes are on their way
 * to it, and while neither side has anything to say. The kernel does the waiting; a socket that it
 * gives up ends with ETIMEDOUT. Sockets of other families are left alone.
 */
#include <stdint.h>

/* All in milliseconds, 0 = what the kernel does by itself. */
struct net_tcp {
	uint32_t idle_ms;    /* a silent connection is probed after that, whole seconds */
	uint32_t again_ms;   /* and again after that, whole seconds */
	uint32_t probes;     /* so many probes without an answer end it, if unheard_ms is 0 */
	uint32_t unheard_ms; /* so long may the peer leave bytes or probes unanswered */
	uint32_t connect_ms; /* so long may one address leave a connect unanswered, 1 s at least */
};
#define NET_TCP_IDLE_MAX_MS 32767000u /* the kernel's bound, also of again_ms */
#define NET_TCP_PROBES_MAX 127u	      /* the kernel's */

/* For sockets that connect or listen from then on. Any thread, one at a time. */
void net_set_tcp(const struct net_tcp *t);

/* ---- for the files of net/ ---- */

/* Before the connect of the TCP socket fd. Any thread. */
void tcp_prepare(int fd);
/* When the TCP socket fd is connected, or before it accepts. Any thread. */
void tcp_connected(int fd);

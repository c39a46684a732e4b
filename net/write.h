/* SPDX-License-Identifier: MIT */
#pragma once
/* Writing: at once on the sender's thread when nothing waits, else through the socket's queue. */
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct socket;

/* Sends size bytes of a payload_alloc'ed buffer, which is taken in every case. Returns 0, or -1: no
 * such socket, it is closing, or its queue is at its bound. Any thread. */
int net_send(int id, void *payload_take, size_t size);
/* The same behind all that net_send has queued. */
int net_send_low(int id, void *payload_take, size_t size);
/* Gathers: writes as much as the kernel takes at once, queues a copy of the rest. Returns as
 * net_send does. Any thread; calls for one id are serialised by the socket's lock and keep their
 * order. */
int net_sendv(int id, const struct iovec *iov, int n);
/* The same; *ret_queued is what net_queued would return afterwards. */
int net_sendv_queued(int id, const struct iovec *iov, int n, uint64_t *ret_queued);
/* Returns the bytes that wait to be written, 0 for an unknown id. Any thread. */
uint64_t net_queued(int id);

/* ---- for the files of net/ ---- */

/* [loop] Writes what waits. The socket's lock is held. */
void write_ready(struct socket *s);

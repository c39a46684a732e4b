/* SPDX-License-Identifier: MIT */
#pragma once
/* Writing: at once on the sender's thread when nothing waits, else through the socket's queue. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct socket;

/* What is still to be sealed: n parts, of the first of which `skip` bytes are done. */
struct net_plain {
	const struct iovec *iov;
	int n;
	size_t skip;
};

/* Encrypts what is written. The functions are called under the socket's lock, by whoever writes:
 * the order in which bytes are sealed is their order on the wire. */
struct net_seal {
	/* Writes at most `room` bytes (256 or more) into out and moves `plain` behind what they
	 * hold. It may have bytes of its own to write, also when plain is empty. Returns whether
	 * there is more. */
	bool (*seal)(void *ud, struct net_plain *plain, uint8_t *out, size_t room,
		     size_t *ret_size);
};

/* Sends size bytes of a payload_alloc'ed buffer, which is taken in every case. Returns 0, or -1: no
 * such socket, it is closing, its queue is at its bound, or it has a seal. Any thread. */
int net_send(int id, void *payload_take, size_t size);
/* The same behind all that net_send has queued. */
int net_send_low(int id, void *payload_take, size_t size);
/* Gathers: writes as much as the kernel takes at once, queues a copy of the rest. Returns as
 * net_send does. Any thread; calls for one id are serialised by the socket's lock and keep their
 * order. */
int net_sendv(int id, const struct iovec *iov, int n);
/* The same; *ret_queued is what net_queued would return afterwards. */
int net_sendv_queued(int id, const struct iovec *iov, int n, uint64_t *ret_queued);
/* From now on what net_sendv and net_sendv_queued write to this socket goes through the seal (NULL:
 * as it is); a write of no parts sends what the seal has of its own. `ud` is used until net_close
 * or net_shutdown has returned. Any thread. */
void net_set_seal(int id, const struct net_seal *seal, void *ud);
/* Returns the bytes that wait to be written, 0 for an unknown id. Any thread. */
uint64_t net_queued(int id);

/* ---- for the files of net/ ---- */

/* [loop] Writes what waits. The socket's lock is held. */
void write_ready(struct socket *s);

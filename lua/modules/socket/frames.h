/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Cuts the byte streams of many sockets into frames: a big-endian length, of 16 bits, or of 32 if
 * the owner says so, and so many bytes.
 *
 * Threads:   none of its own; its owner's.
 * Ownership: frames are payload_alloc'ed; frames_pop hands them over, frames_fini frees the rest.
 * Limits:    FRAME_MAX bytes of one unfinished frame a socket, FRAME_LARGE_MAX with 32 bits,
 *            allocated as they come; whole frames as many as arrived.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/ds/ring.h"

#define FRAME_MAX 0xffffu
#define FRAME_HEAD 2u
#define FRAME_LARGE_MAX 0xffffffu
#define FRAME_LARGE_HEAD 4u

static inline uint32_t frame_get_head(const uint8_t head[FRAME_HEAD])
{
	return (uint32_t)head[0] << 8 | head[1];
}

static inline void frame_put_head(uint8_t head[FRAME_HEAD], size_t size)
{
	head[0] = (uint8_t)(size >> 8);
	head[1] = (uint8_t)size;
}

struct frame {
	int id; /* of its socket */
	uint32_t size;
	void *data; /* NULL for an empty one */
};

struct partial;

/* All zero: no socket yet, lengths of 16 bits. */
struct frames {
	bool large;		  /* lengths of 32 bits */
	struct partial **buckets; /* unfinished frames by socket; a power of two */
	unsigned partials, buckets_count;
	RING_OF(struct frame) whole;
};

/* Bytes of a socket arrived; they stay the caller's. false: they announce a frame over the limit,
 * so the socket is of no use any more; what was whole before it can still be popped. */
bool frames_feed(struct frames *f, int id, const void *data, size_t n);
bool frames_pop(struct frames *f, struct frame *ret);
/* Returns how many bytes of the socket are an unfinished frame, and copies them, as they came, to
 * ret unless that is NULL. */
size_t frames_rest(const struct frames *f, int id, char *ret);
/* The socket ended: what is unfinished is lost. */
void frames_forget(struct frames *f, int id);
void frames_fini(struct frames *f);

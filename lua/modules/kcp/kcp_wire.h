/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The header of a KCP segment, little end first:
 *
 *   0      4   5   6     8      12     16     20     24
 *   | conv |cmd|frg| wnd |  ts  |  sn  | una  | size | size bytes
 *
 *   conv  the connection            wnd  segments that the sender would take
 *   frg   fragments of the message that follow this one
 *   ts    the sender's clock, ms; an acknowledgement repeats that of the segment
 *   sn    the segment's number      una  all smaller numbers have arrived at the sender
 *
 * A datagram holds one segment or several, each with its header.
 *
 * Threads: any, the functions are pure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/little.h"

#define KCP_HEADER 24u

enum kcp_command {
	KCP_PUSH = 81, /* data */
	KCP_ACK = 82,  /* the segment sn has arrived */
	KCP_ASK = 83,  /* how large is your window? */
	KCP_TELL = 84, /* my window, in wnd as in all segments */
};

struct kcp_head {
	uint32_t conv, ts, sn, una, size;
	uint16_t wnd;
	uint8_t cmd, frg;
};

static inline void kcp_head_put(uint8_t p[KCP_HEADER], const struct kcp_head *h)
{
	p = little_put32(p, h->conv);
	*p++ = h->cmd;
	*p++ = h->frg;
	p = little_put16(p, h->wnd);
	p = little_put32(p, h->ts);
	p = little_put32(p, h->sn);
	p = little_put32(p, h->una);
	little_put32(p, h->size);
}

/* The header and its bytes are within n bytes. */
static inline bool kcp_head_get(const uint8_t *p, size_t n, struct kcp_head *ret)
{
	if (n < KCP_HEADER)
		return false;
	*ret = (struct kcp_head){ .conv = little_get32(p),
				  .cmd = p[4],
				  .frg = p[5],
				  .wnd = little_get16(p + 6),
				  .ts = little_get32(p + 8),
				  .sn = little_get32(p + 12),
				  .una = little_get32(p + 16),
				  .size = little_get32(p + 20) };
	return ret->size <= n - KCP_HEADER;
}

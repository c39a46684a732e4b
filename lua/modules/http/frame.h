/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * WebSocket frames (RFC 6455), strictly: bytes go in as they come, whole messages and control
 * frames come out.
 *
 *   | FIN RSV1-3 opcode | MASK length | 0, 2 or 8 bytes of length | 0 or 4 of mask | payload |
 *
 * Threads:   none of its own; its owner's.
 * Ownership: what frame_reader_next returns lies in the reader, until the next call.
 * Limits:    `limit` bytes for a frame and for a message joined of fragments, a little more if it
 *            is compressed; what is allocated grows with what has arrived, not with what a length
 *            announces.
 *
 * A text is looked at as its bytes come, so that a wrong one ends before it is whole; a compressed
 * one by who inflates it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/utf8.h"

enum frame_code {
	FRAME_CONTINUATION = 0,
	FRAME_TEXT = 1,
	FRAME_BINARY = 2,
	FRAME_CLOSE = 8,
	FRAME_PING = 9,
	FRAME_PONG = 10,
};

#define FRAME_COMPRESSED 0x40u /* the bit RSV1 beside a code: RFC 7692 */
#define FRAME_HEAD_MAX 14u
#define FRAME_CONTROL_MAX 125u

struct frame_head {
	uint8_t code;
	bool fin, masked, compressed;
	uint8_t key[4];
	uint8_t size_of_head;
	uint64_t size;
};

enum frame_event {
	FRAME_EVENT_MORE,  /* it needs more bytes */
	FRAME_EVENT_FRAME, /* a whole message, or a control frame */
	FRAME_EVENT_WRONG, /* the connection is of no use any more: frame_reader.why and .status */
};

struct frame_reader {
	uint8_t *in; /* bytes from `at` to `end` are to be parsed */
	size_t at, end, room;
	size_t done; /* bytes of the payload at `at` that are unmasked and looked at already */
	struct utf8_text text;
	uint8_t *joined; /* fragments of a message that is not whole */
	size_t joined_size, joined_room;
	size_t limit;
	uint8_t open;	 /* code of that message, or 0 */
	bool packed;	 /* that message is compressed */
	bool inflates;	 /* messages may be compressed */
	bool masked;	 /* frames must be masked; otherwise they must not, */
	bool lax;	 /* or both are fine, and texts need not be UTF-8 */
	uint16_t status; /* to close with, once it is wrong */
	const char *why;
};

struct frame_data {
	uint8_t code;
	bool compressed;
	const uint8_t *at;
	size_t size;
};

/* Bytes of the head at p; 0: it needs more; -1: it is wrong, and *ret_why says why. */
int frame_parse_head(const uint8_t *p, size_t n, struct frame_head *ret, const char **ret_why);
/* Writes a head of at most FRAME_HEAD_MAX bytes; returns its size. code: one of enum frame_code,
 * with FRAME_COMPRESSED or without. key NULL: not masked. */
size_t frame_write_head(uint8_t *p, unsigned code, uint64_t size, const uint8_t key[4]);
/* to = from masked; they may be the same. */
void frame_mask(uint8_t *to, const uint8_t *from, size_t n, const uint8_t key[4]);
/* Whether a peer may send this status in a close frame. */
bool frame_is_status(unsigned status);

void frame_reader_feed(struct frame_reader *r, const void *p, size_t n);
enum frame_event frame_reader_next(struct frame_reader *r, struct frame_data *ret);
/* Frees what it holds; it can be used on. */
void frame_reader_clear(struct frame_reader *r);

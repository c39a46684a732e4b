/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Wire format of links and of the conversation with the master; version 1. Big endian. Decoding is
 * total: any bytes are legal input.
 *
 *   0       4      5      6       8        12     16        20    24
 *   | len   | kind | type | flags | source | dest | session | seq | payload ...     WIRE_MSG
 *   | len   | kind | fields ...                                                     all others
 *
 * len counts from `kind`. Fields are u8, u32, u64 and strings (u8 length, bytes), in the order of struct
 * wire_control. The first frame in either direction is HELLO, which starts with the magic; anything else
 * is a stranger. seq and flags are zero in version 1: they are the room for resuming a broken link and for
 * messages in chunks.
 *
 * Threads: none, pure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/msg.h"

#define WIRE_MAGIC 0x48425244u /* "HBRD" */
#define WIRE_VERSION 1
#define WIRE_MSG_HEADER 24u
/* Control frames are small: two strings of 255 and a few numbers. */
#define WIRE_CONTROL_MAX 2048u

enum wire_kind {
	WIRE_MSG = 1,
	WIRE_HELLO,     /* magic, version, cluster, name, address, id, epoch */
	WIRE_WELCOME,   /* name, id, epoch */
	WIRE_REFUSE,    /* text */
	WIRE_PING,
	WIRE_PONG,
	WIRE_GOODBYE,
	WIRE_JOINED,    /* id */
	WIRE_MEMBER,    /* name, address, id, epoch, up */
	WIRE_SYNCED,    /* the snapshot of members and names is complete */
	WIRE_REGISTER,  /* request, text = name, handle */
	WIRE_RELEASE,   /* request, text = name, handle */
	WIRE_ANSWER,    /* request, text = reason or empty */
	WIRE_NAME,      /* text = name, handle (0 = released) */
	_WIRE_KIND_MAX,
};

/* The fields of all control frames; which of them a kind has, says its line above. */
struct wire_control {
	enum wire_kind kind;
	uint32_t magic, version;
	char cluster[64], name[64], address[128], text[256];
	uint32_t id, up, request, handle;
	uint64_t epoch, stamp;
};

/* Bytes written into out (at least WIRE_CONTROL_MAX). */
size_t wire_encode(uint8_t *out, const struct wire_control *c);
/* The header of a message frame; the payload follows it. */
void wire_encode_msg(uint8_t out[WIRE_MSG_HEADER], const struct msg *m);

enum wire_result { WIRE_OK, WIRE_MORE, WIRE_BAD };
/* Looks at the frame that begins at p: its kind and whole size. WIRE_BAD: no frame of ours, or longer than
 * `max` payload bytes. WIRE_MORE: fewer than 5 bytes. */
enum wire_result wire_peek(const uint8_t *p, size_t n, uint64_t max, enum wire_kind *ret_kind,
			   size_t *ret_size);
/* A whole control frame of wire_peek's size. */
enum wire_result wire_decode(const uint8_t *p, size_t n, struct wire_control *ret);
/* The header of a message frame (WIRE_MSG_HEADER bytes). */
void wire_decode_msg(const uint8_t *p, struct msg *ret_m);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The file of a recording: what one service received and learned, and what it sent.
 *
 *   "harbtape"  u32 version
 *   records:    u8 kind, u32 bytes, the bytes; numbers are little-endian
 *
 *   kind  bytes
 *   H     u32 handle, u32 seed of Lua's strings, i64 i64 seed of math.random, u64 hash of the
 *         configuration, version of harbord, NUL, arguments ("shop 7"); the first record
 *   M     u8 type, u8 flags, u32 source, i32 session, u64 monotonic ns, u64 now; the payload, that
 *         of a socket's as tape_message.h says
 *   V     u16 which function (tape_functions.def), u8 whether it raised, u64 hash of what it was
 *         told, 0 if that is not compared; what it returned, packed (lua/host/seri.h)
 *   N     u32 handle; the local name that was looked up
 *   F     u64 number of the registration, u32 handle; the global name that was looked up
 *   S     u8 type, u32 source, u32 destination, i32 session, i32 result, u64 size, u64 hash of the
 *         payload, 0 if it has a pointer; the global name, if it went to one
 *   I     u64 version; name of shared data (lua/modules/share/image_names.h), NUL, what they are
 *         from here on (image_bytes.h): before a function that looks; no bytes: there are none
 *   G, g  all garbage is collected: between two messages, or behind a V in one
 *   E     why the recording ends
 *
 * A file may end in the middle of a record, as when the process died: what is whole counts. Pure;
 * any thread; any bytes are legal input of the reader.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/text.h"

#define TAPE_VERSION 2u
#define TAPE_RECORD_MAX (UINT32_C(1) << 30)

struct tape_record {
	char kind;
	uint8_t type, flags, raised;
	uint16_t function;
	uint32_t source, dest, seed;
	int32_t session, result;
	int64_t random[2];
	uint64_t mono_ns, now_cs, size, hash;
	const char *version; /* of H; of I the name; NUL-terminated */
	const void *data;    /* payload, values, name, arguments or reason; not NUL-terminated */
	size_t data_size;
};

/* Appends the head of a file, or a record. */
void tape_write_head(struct text *to);
void tape_write(struct text *to, const struct tape_record *r);

struct tape_reader {
	const uint8_t *at, *end;
};

/* false: it is no recording, or one of another version: *ret_why, constant. */
bool tape_open(struct tape_reader *r, const void *bytes, size_t size, const char **ret_why);
/* The next record, which points into the bytes. false: there is no other that is whole and
 * sound. */
bool tape_next(struct tape_reader *r, struct tape_record *ret);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Messages as a recording keeps them: without pointers.
 *
 * What is shared with other receivers (a multicast) is kept as if it were the message's own. A
 * message of a socket is i32 event, i32 id, i32 number, u8 whether bytes follow or a text; these.
 *
 * Threads: any.
 */
#include <stdbool.h>
#include "core/actor/msg.h"
#include "core/base/text.h"
#include "lua/load/tapefile.h"

/* Sets data of r, which has the head of m, to what is kept of it: bytes of m, or of `room`. */
void tape_keep_payload(const struct msg *m, struct tape_record *r, struct text *room);
/* The message of a record with kind M, to be sent to dest; NULL: its bytes make no sense, whatever
 * they are. */
struct msg *tape_make_message(const struct tape_record *r, uint32_t dest);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The bytes of the notes that nodes write each other about moves (moves.h). Big endian:
 *
 *   0       4      5      6         8      12
 *   | magic | kind | node | number  | from | to    |
 *
 * Reading is total: any message is legal input. Threads: none, pure.
 */
#include <stdbool.h>
#include <stdint.h>
#include "core/actor/msg.h"

#define MOVE_NOTE_SIZE 16u

enum move_note_kind {
	NOTE_CLAIM = 1,
	NOTE_SWITCH,
	NOTE_HELD,
	NOTE_PASS,
	NOTE_GO,
	NOTE_DONE,
	NOTE_DRAIN,
	_NOTE_KIND_MAX,
};

struct move_note {
	enum move_note_kind kind;
	unsigned node; /* PASS, DONE: whose senders; DRAIN: whether it does */
	/* CLAIM: see move_table.h. HELD, PASS, GO, DONE: a number that the one who holds has
	 * chosen: what was meant for an earlier life of his node is not his. */
	unsigned number;
	uint32_t from, to;
};

/* A message from the node `source` itself. */
struct msg *move_note_create(uint32_t dest, unsigned source, const struct move_note *n);
/* false: m is no note. Only a node itself (index 0) writes notes, and waits for no answer. */
bool move_note_read(const struct msg *m, struct move_note *ret);

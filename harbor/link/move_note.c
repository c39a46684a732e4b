/* SPDX-License-Identifier: MIT */
/* Notes about moves: see move_note.h. */
#include "harbor/link/move_note.h"

#include "core/actor/handle.h"

#define NOTE_MAGIC 0x4d4f5645u /* "MOVE" */

static void put32(uint8_t *p, uint32_t n)
{
	p[0] = (uint8_t)(n >> 24);
	p[1] = (uint8_t)(n >> 16);
	p[2] = (uint8_t)(n >> 8);
	p[3] = (uint8_t)n;
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

struct msg *move_note_create(uint32_t dest, unsigned source, const struct move_note *n)
{
	struct msg *m = msg_create(MOVE_NOTE_SIZE);
	uint8_t *p = msg_payload(m);

	put32(p, NOTE_MAGIC);
	p[4] = (uint8_t)n->kind;
	p[5] = (uint8_t)n->node;
	p[6] = (uint8_t)(n->number >> 8);
	p[7] = (uint8_t)n->number;
	put32(p + 8, n->from);
	put32(p + 12, n->to);
	m->type = PTYPE_HARBOR;
	m->source = (uint32_t)source << 24;
	m->dest = dest;
	return m;
}

bool move_note_read(const struct msg *m, struct move_note *ret)
{
	const uint8_t *p = msg_payload(m);

	if (m->type != PTYPE_HARBOR || m->session || m->size != MOVE_NOTE_SIZE ||
	    (m->source & HANDLE_INDEX_MAX) || get32(p) != NOTE_MAGIC)
		return false;
	*ret = (struct move_note){ (enum move_note_kind)p[4], p[5], (unsigned)p[6] << 8 | p[7],
				   get32(p + 8), get32(p + 12) };
	return p[4] >= NOTE_CLAIM && p[4] < _NOTE_KIND_MAX;
}

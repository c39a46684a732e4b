/* SPDX-License-Identifier: MIT */
/* A ring that doubles when it is full and is given back when a burst is over. */
#include "harbor/link/kept.h"

#include <string.h>

#include "core/base/base.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "harbor/protocol/wire.h"

#define ROOM_FIRST 64u
/* An empty ring above this is given back. */
#define ROOM_IDLE 4096u

void kept_fini(struct kept *k)
{
	must(k->first == k->end);
	mem_free(k->ring);
	*k = (struct kept){ 0 };
}

static uint64_t cost(const struct msg *m)
{
	return m->size + WIRE_MSG_HEADER;
}

bool kept_is_last(const struct kept_frame *f)
{
	uint64_t size = f->m->size;

	return size <= WIRE_CHUNK_MAX || (uint64_t)f->index * WIRE_CHUNK_MAX >= size;
}

static void grow(struct kept *k)
{
	uint64_t room = k->room ? 2 * k->room : ROOM_FIRST;
	struct kept_frame *ring = mem_alloc(room * sizeof(*ring));

	for (uint64_t n = k->first; n < k->end; n++)
		ring[n & (room - 1)] = *kept_at(k, n);
	mem_free(k->ring);
	k->ring = ring;
	k->room = room;
}

void kept_push(struct kept *k, struct msg *m, uint32_t stream, uint32_t index)
{
	struct kept_frame *f;

	must_slow(k->cursor == k->end);
	if (unlikely(k->end - k->first == k->room))
		grow(k);
	f = &k->ring[k->end & (k->room - 1)];
	*f = (struct kept_frame){ m, stream, index };
	k->cursor = ++k->end;
	if (kept_is_last(f))
		k->bytes += cost(m);
}

struct msg *kept_acknowledge(struct kept *k, uint64_t count)
{
	struct msg *done = NULL;

	must(count >= k->first && count <= k->cursor);
	for (; k->first < count; k->first++) {
		const struct kept_frame *f = kept_at(k, k->first);

		if (!kept_is_last(f))
			continue;
		k->bytes -= cost(f->m);
		f->m->next = done;
		done = f->m;
	}
	if (k->first == k->end && k->room > ROOM_IDLE) {
		mem_free(k->ring);
		k->ring = NULL;
		k->room = 0;
	}
	return done;
}

struct msg *kept_rewind(struct kept *k, uint64_t count)
{
	struct msg *done = kept_acknowledge(k, count);

	k->cursor = count;
	return done;
}

struct msg *kept_clear(struct kept *k)
{
	struct msg *all;

	k->cursor = k->end;
	all = kept_acknowledge(k, k->end);
	k->first = k->cursor = k->end = 0;
	return all;
}

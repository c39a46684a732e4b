/* SPDX-License-Identifier: MIT */
/* A ring that doubles when it is full and is given back when a burst is over. */
#include "harbor/link/kept.h"

#include <string.h>

#include "core/base/base.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "harbor/link/ledger.h"
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

static void push(struct kept *k, const struct kept_frame *f)
{
	must_slow(k->cursor == k->end);
	if (unlikely(k->end - k->first == k->room))
		grow(k);
	k->ring[k->end & (k->room - 1)] = *f;
	k->cursor = ++k->end;
}

void kept_push_small(struct kept *k, struct msg *m)
{
	push(k, &(struct kept_frame){ m, KEPT_SMALL, (uint32_t)m->size });
	k->bytes += ledger_cost(m->size);
}

/* Is it the last frame of its message? */
static bool is_last(const struct kept_frame *f)
{
	return (uint64_t)f->index * WIRE_CHUNK_MAX >= f->m->size;
}

void kept_push_large(struct kept *k, struct msg *m, uint32_t stream, uint32_t index)
{
	const struct kept_frame f = { m, index, stream };

	push(k, &f);
	if (is_last(&f))
		k->bytes += ledger_cost(m->size);
}

struct kept_sum kept_acknowledge(struct kept *k, uint64_t count)
{
	struct kept_sum sum = { 0 };

	must(count >= k->first && count <= k->cursor);
	for (; k->first < count; k->first++) {
		const struct kept_frame *f = kept_at(k, k->first);

		if (f->index != KEPT_SMALL && !is_last(f))
			continue;
		sum.messages++;
		sum.bytes += ledger_cost(f->index == KEPT_SMALL ? f->value : f->m->size);
		msg_destroy(f->m);
	}
	k->bytes -= sum.bytes;
	if (k->first == k->end && k->room > ROOM_IDLE) {
		mem_free(k->ring);
		k->ring = NULL;
		k->room = 0;
	}
	return sum;
}

struct kept_sum kept_rewind(struct kept *k, uint64_t count)
{
	struct kept_sum sum = kept_acknowledge(k, count);

	k->cursor = count;
	return sum;
}

struct kept_sum kept_clear(struct kept *k)
{
	struct kept_sum sum;

	k->cursor = k->end;
	sum = kept_acknowledge(k, k->end);
	k->first = k->cursor = k->end = 0;
	return sum;
}

/* SPDX-License-Identifier: MIT */
/* Without a large message under way a push is an append and
 * nothing is looked up; a lane exists only while a large message of its pair waits or is being
 * sent. */
#include "harbor/link/txq.h"

#include <string.h>

#include "core/base/base.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "harbor/link/ledger.h"

void txq_init(struct txq *q)
{
	*q = (struct txq){ 0 };
}

bool txq_is_empty(const struct txq *q)
{
	return list_is_empty(&q->small) && list_is_empty(&q->lanes) &&
	       q->kept.cursor == q->kept.end;
}

bool txq_has_lane(const struct txq *q, uint32_t dest)
{
	const struct txq_lane *lane = q->lanes.first;

	while (lane && lane->dest != dest)
		lane = lane->next;
	return lane;
}

/* ---- lanes ---- */

static struct txq_lane **bucket_of(struct txq *q, uint32_t source, uint32_t dest)
{
	return &q->bucket[((source * 2654435769u) ^ (dest * 40503u)) >> 8 & (TXQ_BUCKETS - 1)];
}

static struct txq_lane *lane_find(struct txq *q, uint32_t source, uint32_t dest)
{
	struct txq_lane *l = q->lane_count ? *bucket_of(q, source, dest) : NULL;

	while (l && (l->source != source || l->dest != dest))
		l = l->sibling;
	return l;
}

static void lane_create(struct txq *q, struct msg *m)
{
	struct txq_lane *l = mem_zalloc(sizeof(*l));
	struct txq_lane **bucket = bucket_of(q, m->source, m->dest);

	l->source = m->source;
	l->dest = m->dest;
	list_append(&l->waiting, m, next);
	l->after = q->pushed;
	l->sibling = *bucket;
	*bucket = l;
	q->lane_count++;
	list_append(&q->lanes, l, next);
}

/* l is taken out of the lanes already. */
static void lane_destroy(struct txq *q, struct txq_lane *l)
{
	struct txq_lane **p = bucket_of(q, l->source, l->dest);

	while (*p != l)
		p = &(*p)->sibling;
	*p = l->sibling;
	q->lane_count--;
	mem_free(l);
}

void txq_push(struct txq *q, struct msg *m)
{
	struct txq_lane *l = lane_find(q, m->source, m->dest);

	if (l) {
		list_append(&l->waiting, m, next);
	} else if (m->size > WIRE_CHUNK_MAX) {
		lane_create(q, m);
	} else {
		list_append(&q->small, m, next);
		q->pushed++;
	}
}

/* ---- batches ---- */

static void add_part(struct txq_batch *b, void *p, size_t n)
{
	b->iov[b->parts++] = (struct iovec){ p, n };
	b->bytes += n;
}

/* Frame number seq of the session. */
static void add_frame(struct txq_batch *b, const struct kept_frame *f, uint32_t seq)
{
	uint8_t *head = b->heads[b->frames++];
	struct msg *m = f->m;
	uint64_t at;
	uint32_t n;

	if (likely(f->index == KEPT_SMALL)) {
		wire_encode_msg(head, m, seq);
		add_part(b, head, WIRE_MSG_HEADER);
		if (m->size)
			add_part(b, msg_payload(m), m->size);
		return;
	}
	if (f->index == 0) {
		wire_encode_large(head, m, seq, f->value);
		add_part(b, head, WIRE_LARGE_HEADER);
		return;
	}
	at = (uint64_t)(f->index - 1) * WIRE_CHUNK_MAX;
	n = m->size - at < WIRE_CHUNK_MAX ? (uint32_t)(m->size - at) : WIRE_CHUNK_MAX;
	wire_encode_chunk(head, n, seq, f->value);
	add_part(b, head, WIRE_CHUNK_HEADER);
	add_part(b, (char *)msg_payload(m) + at, n);
	b->chunks++;
}

/* The frame that was pushed last. */
static void add_last(struct txq *q, struct txq_batch *b)
{
	uint64_t number = q->kept.end - 1;

	add_frame(b, kept_at(&q->kept, number), (uint32_t)number);
}

static void add_small(struct txq *q, struct txq_batch *b, struct msg *m)
{
	kept_push_small(&q->kept, m);
	add_last(q, b);
	b->begun[b->begun_count++] = m;
	b->done++;
}

static void begin_large(struct txq *q, struct txq_batch *b, struct txq_lane *l)
{
	struct msg *m = l->waiting.first;

	must(m->size / WIRE_CHUNK_MAX < KEPT_SMALL - 1);
	l->begun = true;
	l->sent = 0;
	l->stream = q->next_stream++;
	q->begun++;
	kept_push_large(&q->kept, m, l->stream, 0);
	add_last(q, b);
	b->begun[b->begun_count++] = m;
}

static void add_chunk(struct txq *q, struct txq_batch *b, struct txq_lane *l)
{
	struct msg *m = l->waiting.first;

	kept_push_large(&q->kept, m, l->stream, ++l->sent);
	add_last(q, b);
	if ((uint64_t)l->sent * WIRE_CHUNK_MAX >= m->size) {
		l->begun = false;
		q->begun--;
		(void)list_take(&l->waiting, next);
		b->done++;
	}
}

static void add_kept(struct txq *q, struct txq_batch *b)
{
	struct kept *k = &q->kept;

	for (; k->cursor < k->end && b->frames < TXQ_BATCH && b->chunks < TXQ_BATCH_CHUNKS;
	     k->cursor++, b->resent++)
		add_frame(b, kept_at(k, k->cursor), (uint32_t)k->cursor);
}

/* One lane's turn: small ones that have come to its front, then one chunk. */
static void serve_lane(struct txq *q, struct txq_batch *b, struct txq_lane *l)
{
	if ((int64_t)(q->popped - l->after) < 0)
		return; /* what its pair sent before the large one is still on its way */
	while (l->waiting.first && l->waiting.first->size <= WIRE_CHUNK_MAX &&
	       b->frames < TXQ_BATCH)
		add_small(q, b, list_take(&l->waiting, next));
	if (!l->waiting.first || l->waiting.first->size <= WIRE_CHUNK_MAX)
		return;
	if (!l->begun && q->begun < WIRE_LARGE_MAX && b->frames + 2 <= TXQ_BATCH)
		begin_large(q, b, l);
	if (l->begun && b->frames < TXQ_BATCH)
		add_chunk(q, b, l);
}

bool txq_fill(struct txq *q, struct txq_batch *b)
{
	/* room for the chunks that a batch always takes along: nobody starves the large ones */
	unsigned room = list_is_empty(&q->lanes) ? TXQ_BATCH : TXQ_BATCH - 2 * TXQ_BATCH_CHUNKS;

	b->parts = b->frames = b->begun_count = b->done = b->resent = b->chunks = 0;
	b->bytes = 0;
	add_kept(q, b);
	if (unlikely(b->resent))
		return true;
	while (q->small.first && b->frames < room) {
		add_small(q, b, list_take(&q->small, next));
		q->popped++;
	}
	for (unsigned turns = q->lane_count;
	     turns > 0 && b->chunks < TXQ_BATCH_CHUNKS && b->frames < TXQ_BATCH; turns--) {
		struct txq_lane *l = list_take(&q->lanes, next);

		serve_lane(q, b, l);
		if (l->waiting.first)
			list_append(&q->lanes, l, next);
		else
			lane_destroy(q, l);
	}
	return b->frames > 0;
}

/* ---- ends ---- */

static bool may_be(const struct txq *q, uint64_t count)
{
	return count >= q->kept.first && count <= q->kept.cursor;
}

struct kept_sum txq_acknowledge(struct txq *q, uint64_t count, bool *ret_valid)
{
	*ret_valid = may_be(q, count);
	return *ret_valid ? kept_acknowledge(&q->kept, count) : (struct kept_sum){ 0 };
}

struct kept_sum txq_rewind(struct txq *q, uint64_t count, bool *ret_valid)
{
	*ret_valid = may_be(q, count);
	return *ret_valid ? kept_rewind(&q->kept, count) : (struct kept_sum){ 0 };
}

/* Drops the message that is begun. */
static void cut_lane(struct txq *q, struct txq_lane *l, struct kept_sum *sum)
{
	struct msg *m = list_take(&l->waiting, next);

	sum->messages++;
	sum->bytes += ledger_cost(m->size);
	msg_destroy(m);
	l->begun = false;
	q->begun--;
}

struct kept_sum txq_renew(struct txq *q)
{
	struct kept_sum sum = kept_clear(&q->kept);

	for (unsigned turns = q->lane_count; turns > 0; turns--) {
		struct txq_lane *l = list_take(&q->lanes, next);

		if (l->begun)
			cut_lane(q, l, &sum);
		if (l->waiting.first)
			list_append(&q->lanes, l, next);
		else
			lane_destroy(q, l);
	}
	must(q->begun == 0);
	return sum;
}

/* Appends what waits in the lane to the list; one that is begun stays, and with it the lane. */
static void clear_lane(struct txq *q, struct txq_lane *l, struct txq_list *all)
{
	struct msg *begun = l->begun ? list_take(&l->waiting, next) : NULL, *m;

	while ((m = list_take(&l->waiting, next)))
		list_append(all, m, next);
	if (!begun) {
		lane_destroy(q, l);
		return;
	}
	list_append(&l->waiting, begun, next);
	list_append(&q->lanes, l, next);
}

struct msg *txq_clear(struct txq *q)
{
	struct txq_list all = { 0 };
	struct msg *m;

	while ((m = list_take(&q->small, next)))
		list_append(&all, m, next);
	q->popped = q->pushed;
	for (unsigned turns = q->lane_count; turns > 0; turns--)
		clear_lane(q, list_take(&q->lanes, next), &all);
	return all.first;
}

void txq_fini(struct txq *q)
{
	must(txq_is_empty(q));
	kept_fini(&q->kept);
}

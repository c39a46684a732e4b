/* SPDX-License-Identifier: MIT */
/*
 * The ring of chunks. A separator is searched by its first byte (memchr); what follows is compared
 * across chunk borders, and when it ends before the separator does, the search stops at its first
 * byte and goes on from there next time.
 */
#include "lua/modules/socket/sockbuf.h"

#include <string.h>

#include "core/base/mem.h"
#include "core/actor/msg.h"

static struct sockbuf_chunk *chunk_at(const struct sockbuf *b, uint32_t i)
{
	return &b->ring[(b->head + i) & (b->capacity - 1)];
}

static void forget_scan(struct sockbuf *b)
{
	b->scan.sep_size = 0;
}

static void drop_ring(struct sockbuf *b)
{
	if (b->ring != b->first)
		mem_free(b->ring);
	b->ring = b->first;
	b->capacity = SOCKBUF_INLINE;
	b->head = 0;
}

void sockbuf_init(struct sockbuf *b)
{
	memset(b, 0, sizeof(*b));
	b->ring = b->first;
	b->capacity = SOCKBUF_INLINE;
}

void sockbuf_clear(struct sockbuf *b)
{
	for (uint32_t i = 0; i < b->count; i++)
		payload_free(chunk_at(b, i)->data);
	b->count = 0;
	b->size = b->offset = b->room = 0;
	drop_ring(b);
	forget_scan(b);
}

static void grow(struct sockbuf *b)
{
	struct sockbuf_chunk *ring = mem_alloc(2 * b->capacity * sizeof(*ring));

	for (uint32_t i = 0; i < b->count; i++)
		ring[i] = *chunk_at(b, i);
	if (b->ring != b->first)
		mem_free(b->ring);
	b->ring = ring;
	b->head = 0;
	b->capacity *= 2;
}

/* Into the room behind the last chunk, as much as goes; returns how much. */
static size_t fill(struct sockbuf *b, const char *data, size_t n)
{
	struct sockbuf_chunk *c = chunk_at(b, b->count - 1);

	if (b->scan.chunk == b->count) { /* all was searched: it goes on in what comes now */
		b->scan.chunk--;
		b->scan.at = c->size;
	}
	n = n < b->room ? n : b->room;
	memcpy(c->data + c->size, data, n);
	c->size += n;
	b->size += n;
	b->room -= n;
	return n;
}

void sockbuf_push(struct sockbuf *b, void *payload_take, size_t n)
{
	if (b->room && (n <= b->room || b->count == 1)) {
		size_t filled = fill(b, payload_take, n);

		n -= filled;
		memmove(payload_take, (char *)payload_take + filled, n);
	}
	if (n == 0) {
		payload_free(payload_take);
		return;
	}
	b->room = 0;
	if (b->count >= SOCKBUF_INLINE && n <= SOCKBUF_SMALL) {
		payload_take = payload_realloc(payload_take, SOCKBUF_PIECE);
		b->room = SOCKBUF_PIECE - n;
	}
	if (b->count == b->capacity)
		grow(b);
	*chunk_at(b, b->count++) = (struct sockbuf_chunk){ payload_take, n };
	b->size += n;
}

void sockbuf_expect(struct sockbuf *b, size_t n)
{
	bool ready = b->room && b->count == 1;

	if (!ready && b->size >= SOCKBUF_GATHER_MIN && n <= SOCKBUF_GATHER_MAX)
		sockbuf_gather(b, n);
}

void sockbuf_gather(struct sockbuf *b, size_t n)
{
	size_t size = b->size;
	char *all = payload_alloc(n);

	sockbuf_copy(b, all, size);
	sockbuf_clear(b);
	sockbuf_push(b, all, size);
	b->room = n - size;
}

const char *sockbuf_peek(const struct sockbuf *b, size_t n)
{
	const struct sockbuf_chunk *c = chunk_at(b, 0);

	if (!b->count)
		return "";
	return c->size - b->offset >= n ? c->data + b->offset : NULL;
}

void sockbuf_copy(const struct sockbuf *b, char *ret, size_t n)
{
	size_t from = b->offset;

	for (uint32_t i = 0; n > 0; i++) {
		const struct sockbuf_chunk *c = chunk_at(b, i);
		size_t part = c->size - from < n ? c->size - from : n;

		memcpy(ret, c->data + from, part);
		ret += part;
		n -= part;
		from = 0;
	}
}

void sockbuf_skip(struct sockbuf *b, size_t n)
{
	forget_scan(b);
	b->size -= n;
	while (n > 0) {
		struct sockbuf_chunk *c = chunk_at(b, 0);
		size_t left = c->size - b->offset;

		if (n < left) {
			b->offset += n;
			return;
		}
		n -= left;
		payload_free(c->data);
		b->head = (b->head + 1) & (b->capacity - 1);
		b->count--;
		b->offset = 0;
	}
	if (b->count)
		return;
	b->room = 0;
	/* a burst is over: its ring need not stay */
	if (b->capacity > SOCKBUF_INLINE)
		drop_ring(b);
}

/* ---- searching ---- */

enum match { MATCH_NO, MATCH_YES, MATCH_SHORT };

/* Does sep stand at byte `at` of chunk i and on? */
static enum match match_at(const struct sockbuf *b, uint32_t i, size_t at, const char *sep,
			   size_t n)
{
	while (n > 0) {
		const struct sockbuf_chunk *c;
		size_t part;

		if (i == b->count)
			return MATCH_SHORT;
		c = chunk_at(b, i);
		part = c->size - at < n ? c->size - at : n;
		if (memcmp(c->data + at, sep, part) != 0)
			return MATCH_NO;
		sep += part;
		n -= part;
		i++;
		at = 0;
	}
	return MATCH_YES;
}

static void begin_scan(struct sockbuf *b, const char *sep, size_t n)
{
	if (b->scan.sep_size == n && memcmp(b->scan.sep, sep, n) == 0)
		return;
	b->scan.base = 0;
	b->scan.chunk = 0;
	b->scan.at = b->offset;
	b->scan.sep_size = 0;
	if (n <= sizeof(b->scan.sep)) {
		memcpy(b->scan.sep, sep, n);
		b->scan.sep_size = (uint32_t)n;
	}
}

bool sockbuf_find(struct sockbuf *b, const char *sep, size_t n, size_t *ret_at)
{
	begin_scan(b, sep, n);
	while (b->scan.chunk < b->count) {
		const struct sockbuf_chunk *c = chunk_at(b, b->scan.chunk);
		const char *from = c->data + b->scan.at,
			   *p = memchr(from, sep[0], c->size - b->scan.at);
		size_t passed = p ? (size_t)(p - from) : c->size - b->scan.at;

		b->scan.base += passed;
		b->scan.at += passed;
		if (!p) {
			b->scan.chunk++;
			b->scan.at = 0;
			continue;
		}
		switch (match_at(b, b->scan.chunk, b->scan.at, sep, n)) {
		case MATCH_YES:
			*ret_at = b->scan.base;
			return true;
		case MATCH_SHORT:
			return false;
		case MATCH_NO:
			b->scan.base++;
			b->scan.at++; /* may be the chunk's end: memchr of nothing finds nothing */
			break;
		}
	}
	return false;
}

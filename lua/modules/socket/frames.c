/* SPDX-License-Identifier: MIT */
/* See frames.h. A socket is known only while a frame of it is unfinished, so an idle one costs
 * nothing. */
#include "lua/modules/socket/frames.h"

#include <string.h>

#include "core/base/mem.h"
#include "core/actor/msg.h"

#define FIRST_BUCKETS 16u
#define FIRST_RING 16u
#define FIRST_ROOM 256u

struct partial {
	struct partial *next;
	int id;
	uint8_t head[FRAME_LARGE_HEAD];
	uint8_t head_got;
	uint32_t size, got, room; /* once the head is there */
	char *data;
};

static unsigned head_size(const struct frames *f)
{
	return f->large ? FRAME_LARGE_HEAD : FRAME_HEAD;
}

static uint32_t get_head(const struct frames *f, const uint8_t *head)
{
	uint32_t high = frame_get_head(head);

	return f->large ? high << 16 | frame_get_head(head + FRAME_HEAD) : high;
}

static struct partial **place(struct frames *f, int id)
{
	struct partial **p;

	if (!f->buckets_count)
		return NULL;
	p = &f->buckets[(unsigned)id & (f->buckets_count - 1)];
	while (*p && (*p)->id != id)
		p = &(*p)->next;
	return p;
}

static void grow_buckets(struct frames *f)
{
	unsigned old = f->buckets_count;
	struct partial **buckets = f->buckets;

	f->buckets_count = old ? old * 2 : FIRST_BUCKETS;
	f->buckets = mem_zalloc(f->buckets_count * sizeof(*f->buckets));
	for (unsigned i = 0; i < old; i++) {
		for (struct partial *p = buckets[i], *next; p; p = next) {
			unsigned at = (unsigned)p->id & (f->buckets_count - 1);

			next = p->next;
			p->next = f->buckets[at];
			f->buckets[at] = p;
		}
	}
	mem_free(buckets);
}

static struct partial *add_partial(struct frames *f, int id)
{
	struct partial *p = mem_zalloc(sizeof(*p));
	unsigned at;

	if (f->partials >= f->buckets_count)
		grow_buckets(f);
	at = (unsigned)id & (f->buckets_count - 1);
	p->id = id;
	p->next = f->buckets[at];
	f->buckets[at] = p;
	f->partials++;
	return p;
}

static void remove_partial(struct frames *f, struct partial **at)
{
	struct partial *p = *at;

	*at = p->next;
	payload_free(p->data);
	mem_free(p);
	f->partials--;
}

static void push(struct frames *f, int id, void *data, uint32_t size)
{
	ring_push(&f->whole, FIRST_RING, (struct frame){ id, size, data });
}

bool frames_pop(struct frames *f, struct frame *ret)
{
	return ring_take(&f->whole, ret);
}

/* Frames that are whole in these bytes; returns how many bytes they were. */
static size_t take_whole(struct frames *f, int id, const uint8_t *p, size_t n)
{
	unsigned head = head_size(f);
	size_t at = 0;

	while (n - at >= head) {
		uint32_t size = get_head(f, p + at);
		void *data = NULL;

		if (n - at - head < size || size > FRAME_LARGE_MAX)
			break;
		if (size) {
			data = payload_alloc(size);
			memcpy(data, p + at + head, size);
		}
		push(f, id, data, size);
		at += head + size;
	}
	return at;
}

/* Adds to the unfinished frame; returns how many bytes it took. One that is too large takes no more
 * than its head. */
static size_t fill(const struct frames *f, struct partial *p, const uint8_t *data, size_t n)
{
	unsigned head = head_size(f);
	size_t took = 0, want;

	while (p->head_got < head && took < n)
		p->head[p->head_got++] = data[took++];
	if (p->head_got < head)
		return took;
	p->size = get_head(f, p->head);
	if (p->size > FRAME_LARGE_MAX)
		return took;
	want = p->size - p->got;
	if (want > n - took)
		want = n - took;
	if (!want)
		return took;
	if (p->got + want > p->room) {
		uint32_t room = p->room ? p->room : FIRST_ROOM;

		while (room < p->got + want)
			room *= 2;
		p->room = room < p->size ? room : p->size;
		p->data = payload_realloc(p->data, p->room);
	}
	memcpy(p->data + p->got, data + took, want);
	p->got += (uint32_t)want;
	return took + want;
}

static bool is_too_large(const struct frames *f, const struct partial *p)
{
	return p->head_got == head_size(f) && p->size > FRAME_LARGE_MAX;
}

bool frames_feed(struct frames *f, int id, const void *data, size_t n)
{
	struct partial **at = place(f, id), *part;
	const uint8_t *p = data;
	size_t took;

	if (at && *at) {
		part = *at;
		took = fill(f, part, p, n);
		p += took;
		n -= took;
		if (is_too_large(f, part))
			return false;
		if (part->head_got < head_size(f) || part->got < part->size)
			return true;
		push(f, id, part->data, part->size);
		part->data = NULL;
		remove_partial(f, at);
	}
	took = take_whole(f, id, p, n);
	if (took == n)
		return true;
	part = add_partial(f, id);
	(void)fill(f, part, p + took, n - took);
	return !is_too_large(f, part);
}

size_t frames_rest(const struct frames *f, int id, char *ret)
{
	const struct partial *p = f->buckets_count
					  ? f->buckets[(unsigned)id & (f->buckets_count - 1)]
					  : NULL;

	while (p && p->id != id)
		p = p->next;
	if (!p)
		return 0;
	if (ret) {
		memcpy(ret, p->head, p->head_got);
		if (p->got)
			memcpy(ret + p->head_got, p->data, p->got);
	}
	return p->head_got + p->got;
}

void frames_forget(struct frames *f, int id)
{
	struct partial **at = place(f, id);

	if (at && *at)
		remove_partial(f, at);
}

void frames_fini(struct frames *f)
{
	struct frame frame;

	while (frames_pop(f, &frame))
		payload_free(frame.data);
	for (unsigned i = 0; i < f->buckets_count; i++)
		while (f->buckets[i])
			remove_partial(f, &f->buckets[i]);
	mem_free(f->buckets);
	ring_fini(&f->whole);
	*f = (struct frames){ 0 };
}

/* SPDX-License-Identifier: MIT */
/* What arrives is at any moment in one of three places: the rest of
 * a small message, the rest of a chunk, or the head of a frame, which is put together in a small
 * buffer if it comes in pieces. */
#include "harbor/link/stream.h"

#include <string.h>

static size_t fill_message(struct stream *s, const uint8_t *p, size_t n)
{
	uint64_t want = s->msg->size - s->filled;
	size_t take = n < want ? n : (size_t)want;

	if (take)
		memcpy((char *)msg_payload(s->msg) + s->filled, p, take);
	s->filled += take;
	if (s->filled == s->msg->size) {
		struct msg *m = s->msg;

		s->msg = NULL;
		s->on_message(s->ud, m);
	}
	return take;
}

static size_t fill_large(struct stream *s, const uint8_t *p, size_t n)
{
	struct stream_large *l = s->into;
	size_t take = n < s->piece ? n : s->piece;

	if (take)
		memcpy((char *)msg_payload(l->msg) + l->filled, p, take);
	l->filled += take;
	s->piece -= (uint32_t)take;
	if (s->piece == 0) {
		s->into = NULL;
		if (l->filled == l->msg->size) {
			struct msg *m = l->msg;

			l->msg = NULL;
			s->large_bytes -= m->size;
			s->on_message(s->ud, m);
		}
	}
	return take;
}

static struct stream_large *find_large(struct stream *s, const uint32_t *stream)
{
	for (unsigned i = 0; i < WIRE_LARGE_MAX; i++) {
		struct stream_large *l = &s->large[i];

		if (stream ? l->msg && l->stream == *stream : !l->msg)
			return l;
	}
	return NULL;
}

static bool in_sequence(struct stream *s, uint32_t seq)
{
	s->frames++;
	return seq == s->seq++;
}

static bool begin_message(struct stream *s, const uint8_t *p)
{
	struct msg head;
	uint32_t seq;

	wire_decode_msg(p, &head, &seq);
	if (!in_sequence(s, seq) || head.size > s->max)
		return false;
	s->msg = msg_create(head.size);
	*s->msg = head;
	s->filled = 0;
	return true;
}

static bool begin_large(struct stream *s, const uint8_t *p)
{
	struct stream_large *l;
	struct msg head;
	uint32_t seq, stream;

	wire_decode_large(p, &head, &seq, &stream);
	/* an empty one would never end: there are no empty chunks */
	if (!in_sequence(s, seq) || head.size == 0 || head.size > s->max || find_large(s, &stream))
		return false;
	l = find_large(s, NULL);
	if (!l || (s->large_max && s->large_bytes + head.size > s->large_max))
		return false;
	s->large_bytes += head.size;
	*l = (struct stream_large){ .msg = msg_create(head.size), .stream = stream };
	*l->msg = head;
	return true;
}

static bool begin_chunk(struct stream *s, const uint8_t *p)
{
	uint32_t size, seq, stream;

	wire_decode_chunk(p, &size, &seq, &stream);
	s->into = find_large(s, &stream);
	if (!in_sequence(s, seq) || !s->into || size > s->into->msg->size - s->into->filled)
		return false;
	s->piece = size;
	return true;
}

/* Begins the data frame whose header is p. Returns the header's size, 0 = it is not complete. */
static size_t begin_data(struct stream *s, enum wire_kind kind, const uint8_t *p, size_t n,
			 bool *ret_bad)
{
	size_t head = kind == WIRE_MSG	   ? WIRE_MSG_HEADER
		      : kind == WIRE_LARGE ? WIRE_LARGE_HEADER
					   : WIRE_CHUNK_HEADER;

	if (!s->max) {
		*ret_bad = true;
		return 0;
	}
	if (n < head)
		return 0;
	*ret_bad = !(kind == WIRE_MSG	  ? begin_message(s, p)
		     : kind == WIRE_LARGE ? begin_large(s, p)
					  : begin_chunk(s, p));
	if (!*ret_bad && kind == WIRE_MSG && s->msg->size == 0)
		(void)fill_message(s, p, 0);
	return head;
}

/* Looks at the bytes where a frame begins. Returns how many it used, 0 = more are needed. */
static size_t begin_frame(struct stream *s, const uint8_t *p, size_t n, bool *ret_bad)
{
	struct wire_control c;
	enum wire_kind kind;
	size_t size;

	if (!s->greeted && wire_peek_first(p, n) == WIRE_BAD) {
		*ret_bad = true;
		return 0;
	}
	switch (wire_peek(p, n, &kind, &size)) {
	case WIRE_BAD:
		*ret_bad = true;
		return 0;
	case WIRE_MORE:
		return 0;
	case WIRE_OK:
		break;
	}
	if (kind <= WIRE_CHUNK)
		return begin_data(s, kind, p, n, ret_bad);
	if (n < size)
		return 0;
	if (wire_decode(p, size, &c) != WIRE_OK) {
		*ret_bad = true;
		return 0;
	}
	s->greeted = true;
	s->on_control(s->ud, &c);
	return size;
}

/* A head that came in pieces is put together in the small buffer. */
static size_t continue_head(struct stream *s, const uint8_t *p, size_t n, bool *ret_bad)
{
	size_t room = sizeof(s->head) - s->have, take = room < n ? room : n;
	size_t had = s->have, used;

	memcpy(s->head + had, p, take);
	used = begin_frame(s, s->head, had + take, ret_bad);
	if (!used) {
		s->have += take;
		return take;
	}
	s->have = 0;
	return used - had;
}

bool stream_input(struct stream *s, const void *data, size_t n)
{
	const uint8_t *p = data;
	bool bad = false;

	while (n && !s->dead) {
		size_t used;

		if (s->msg) {
			used = fill_message(s, p, n);
		} else if (s->into) {
			used = fill_large(s, p, n);
		} else if (s->have) {
			used = continue_head(s, p, n, &bad);
		} else {
			used = begin_frame(s, p, n, &bad);
			if (!used && !bad) {
				/* less than a control frame or a header */
				memcpy(s->head, p, n);
				s->have = n;
				used = n;
			}
		}
		if (bad)
			return false;
		p += used;
		n -= used;
	}
	return true;
}

void stream_fini(struct stream *s)
{
	s->msg = msg_destroy(s->msg);
	for (unsigned i = 0; i < WIRE_LARGE_MAX; i++)
		s->large[i].msg = msg_destroy(s->large[i].msg);
	s->large_bytes = 0;
	s->into = NULL;
	s->have = 0;
}

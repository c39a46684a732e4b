/* SPDX-License-Identifier: MIT */
/* What arrives is at any moment in one of three places: the rest of
 * a small message, the rest of a chunk, or the head of a frame, which is put together in a small
 * buffer if it comes in pieces. */
#include "harbor/link/stream.h"

#include <string.h>

#include "core/base/base.h"

/* A data frame is here to its end. */
static void arrived(struct stream *s, uint64_t bytes)
{
	s->in->count++;
	s->in->bytes += bytes;
}

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
		arrived(s, WIRE_MSG_HEADER + m->size);
		s->on_message(s->ud, m);
	}
	return take;
}

/* A chunk is here to its end. */
static void end_chunk(struct stream *s)
{
	struct inbound_large *l = s->into;
	struct msg *m = l->msg;

	s->into = NULL;
	l->filled += s->piece;
	arrived(s, WIRE_CHUNK_HEADER + s->piece);
	if (l->filled < m->size)
		return;
	l->msg = NULL;
	s->in->large_bytes -= m->size;
	s->on_message(s->ud, m);
}

static size_t fill_large(struct stream *s, const uint8_t *p, size_t n)
{
	struct inbound_large *l = s->into;
	uint32_t want = s->piece - s->piece_filled;
	size_t take = n < want ? n : want;

	if (take)
		memcpy((char *)msg_payload(l->msg) + l->filled + s->piece_filled, p, take);
	s->piece_filled += (uint32_t)take;
	if (s->piece_filled == s->piece)
		end_chunk(s);
	return take;
}

static struct inbound_large *find_large(struct inbound *in, const uint32_t *stream)
{
	for (unsigned i = 0; i < WIRE_LARGE_MAX; i++) {
		struct inbound_large *l = &in->large[i];

		if (stream ? l->msg && l->stream == *stream : !l->msg)
			return l;
	}
	return NULL;
}

/* The handshake has told the other node which frame comes next, so nothing comes twice and nothing
 * is left out: any other number is that of a broken peer. */
static bool in_sequence(struct stream *s, uint32_t seq)
{
	if (unlikely(s->in->forgotten))
		inbound_adopt(s->in, s->in->session + 1); /* as the other node was told */
	return seq == (uint32_t)s->in->count;
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
	struct inbound *in = s->in;
	struct inbound_large *l;
	struct msg head;
	uint32_t seq, stream;

	wire_decode_large(p, &head, &seq, &stream);
	/* an empty one would never end: there are no empty chunks */
	if (!in_sequence(s, seq) || head.size == 0 || head.size > s->max || find_large(in, &stream))
		return false;
	l = find_large(in, NULL);
	if (!l || (s->large_max && in->large_bytes + head.size > s->large_max))
		return false;
	in->large_bytes += head.size;
	*l = (struct inbound_large){ .msg = msg_create(head.size), .stream = stream };
	*l->msg = head;
	arrived(s, WIRE_LARGE_HEADER);
	return true;
}

static bool begin_chunk(struct stream *s, const uint8_t *p)
{
	struct inbound_large *l;
	uint32_t size, seq, stream;

	wire_decode_chunk(p, &size, &seq, &stream);
	if (!in_sequence(s, seq))
		return false;
	l = find_large(s->in, &stream);
	if (!l || size > l->msg->size - l->filled)
		return false;
	s->into = l;
	s->piece = size;
	s->piece_filled = 0;
	return true;
}

/* Begins the data frame whose header is p. Returns the header's size, 0 = it is not complete. */
static size_t begin_data(struct stream *s, enum wire_kind kind, const uint8_t *p, size_t n,
			 bool *ret_bad)
{
	size_t head = kind == WIRE_MSG	   ? WIRE_MSG_HEADER
		      : kind == WIRE_LARGE ? WIRE_LARGE_HEADER
					   : WIRE_CHUNK_HEADER;

	if (!s->in) {
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
	s->data |= kind <= WIRE_CHUNK || kind == WIRE_ACK;
	if (kind <= WIRE_CHUNK)
		return begin_data(s, kind, p, n, ret_bad);
	if (n < size)
		return 0;
	if (kind == WIRE_ACK && s->greeted && s->on_ack) {
		s->on_ack(s->ud, wire_decode_ack(p));
		return size;
	}
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

		s->data |= s->msg || s->into;
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
	s->into = NULL;
	s->have = 0;
}

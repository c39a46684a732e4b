/* SPDX-License-Identifier: MIT */
/* Bytes to frames: see stream.h. */
#include "harbor/stream.h"

#include <string.h>

static size_t fill_message(struct stream *s, const uint8_t *p, size_t n)
{
	uint64_t want = s->msg->size - s->filled;
	size_t take = n < want ? n : (size_t)want;

	memcpy((char *)msg_payload(s->msg) + s->filled, p, take);
	s->filled += take;
	if (s->filled == s->msg->size) {
		struct msg *m = s->msg;

		s->msg = NULL;
		s->on_message(s->ud, m);
	}
	return take;
}

/* One frame's head is complete in p; gives the bytes used of it. */
static size_t one_frame(struct stream *s, const uint8_t *p, size_t n, bool *ret_bad)
{
	enum wire_kind kind;
	size_t size;

	switch (wire_peek(p, n, s->max, &kind, &size)) {
	case WIRE_BAD:
		*ret_bad = true;
		return 0;
	case WIRE_MORE:
		return 0;
	case WIRE_OK:
		break;
	}
	if (kind == WIRE_MSG) {
		struct msg head;

		if (!s->max) {
			*ret_bad = true;
			return 0;
		}
		if (n < WIRE_MSG_HEADER)
			return 0;
		wire_decode_msg(p, &head);
		s->msg = msg_create(head.size);
		*s->msg = head;
		s->filled = 0;
		return WIRE_MSG_HEADER + fill_message(s, p + WIRE_MSG_HEADER, n - WIRE_MSG_HEADER);
	}
	if (n < size)
		return 0;
	struct wire_control c;

	if (wire_decode(p, size, &c) != WIRE_OK) {
		*ret_bad = true;
		return 0;
	}
	s->on_control(s->ud, &c);
	return size;
}

bool stream_input(struct stream *s, const void *data, size_t n)
{
	const uint8_t *p = data;
	bool bad = false;

	while (n && !s->dead) {
		size_t used;

		if (s->msg) {
			used = fill_message(s, p, n);
		} else if (s->have) {
			/* A head that came in pieces: complete it in the small buffer. */
			size_t take = sizeof(s->head) - s->have < n ? sizeof(s->head) - s->have : n;
			size_t had = s->have;

			memcpy(s->head + had, p, take);
			used = one_frame(s, s->head, had + take, &bad);
			if (bad)
				return false;
			if (!used) {
				s->have += take;
				used = take;
			} else {
				s->have = 0;
				used -= had;
			}
		} else {
			used = one_frame(s, p, n, &bad);
			if (bad)
				return false;
			if (!used) {
				/* less than a head: a control frame or a message header at most */
				memcpy(s->head, p, n);
				s->have = n;
				used = n;
			}
		}
		p += used;
		n -= used;
	}
	return true;
}

void stream_fini(struct stream *s)
{
	s->msg = msg_destroy(s->msg);
	s->have = 0;
}

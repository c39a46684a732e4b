/* SPDX-License-Identifier: MIT */
/* See frame.h: frames put together to messages. A frame is unmasked where it lies; a message that
 * came in one frame is never copied here. */
#include <string.h>

#include "core/base/mem.h"
#include "lua/modules/http/frame.h"

#define KEEP 4096u /* bytes of room that an empty reader keeps */
#define STATUS_PROTOCOL 1002
#define STATUS_TEXT 1007
#define STATUS_TOO_LARGE 1009

static enum frame_event wrong(struct frame_reader *r, uint16_t status, const char *why)
{
	r->status = status;
	r->why = why;
	return FRAME_EVENT_WRONG;
}

/* Makes room for n > *room bytes. */
static void grow(uint8_t **data, size_t *room, size_t n)
{
	size_t twice = *room * 2;

	*room = n > twice ? n : twice;
	*data = mem_realloc(*data, *room);
}

void frame_reader_feed(struct frame_reader *r, const void *p, size_t n)
{
	if (r->why || !n)
		return;
	if (r->end + n > r->room && r->at) {
		memmove(r->in, r->in + r->at, r->end - r->at);
		r->end -= r->at;
		r->at = 0;
	}
	if (r->end + n > r->room)
		grow(&r->in, &r->room, r->end + n);
	memcpy(r->in + r->end, p, n);
	r->end += n;
}

/* All is parsed: what was large goes back. */
static void rest(struct frame_reader *r)
{
	r->at = r->end = 0;
	if (r->room > KEEP) {
		mem_free(r->in);
		r->in = NULL;
		r->room = 0;
	}
}

static const char *order_is_wrong(const struct frame_reader *r, const struct frame_head *h)
{
	if (!r->lax && h->masked != r->masked)
		return r->masked ? "a frame of a client is not masked"
				 : "a frame of a server is masked";
	if (h->code == FRAME_CONTINUATION && !r->open)
		return "a continuation without a message to continue";
	if ((h->code == FRAME_TEXT || h->code == FRAME_BINARY) && r->open)
		return "a message begins within another";
	return NULL;
}

static enum frame_event close_frame(struct frame_reader *r, struct frame_data *ret)
{
	if (ret->size == 1)
		return wrong(r, STATUS_PROTOCOL, "a close frame of one byte");
	if (ret->size && !frame_is_status((unsigned)ret->at[0] << 8 | ret->at[1]))
		return wrong(r, STATUS_PROTOCOL,
			     "a close frame with a status that nobody may send");
	if (ret->size && !frame_is_utf8(ret->at + 2, ret->size - 2))
		return wrong(r, STATUS_TEXT, "the reason of a close frame is not UTF-8");
	return FRAME_EVENT_FRAME;
}

/* A message is whole. */
static enum frame_event message(struct frame_reader *r, struct frame_data *ret)
{
	if (ret->code == FRAME_TEXT && !r->lax && !frame_is_utf8(ret->at, ret->size))
		return wrong(r, STATUS_TEXT, "a text is not UTF-8");
	return FRAME_EVENT_FRAME;
}

/* A fragment, or the last one, which ends the message. */
static enum frame_event fragment(struct frame_reader *r, const struct frame_head *h,
				 struct frame_data *ret)
{
	if (h->code != FRAME_CONTINUATION) {
		r->open = h->code;
		r->joined_size = 0;
	}
	if (r->joined_size + ret->size > r->joined_room)
		grow(&r->joined, &r->joined_room, r->joined_size + ret->size);
	if (ret->size)
		memcpy(r->joined + r->joined_size, ret->at, ret->size);
	r->joined_size += ret->size;
	if (!h->fin)
		return FRAME_EVENT_MORE;
	*ret = (struct frame_data){ r->open, r->joined, r->joined_size };
	r->open = 0;
	return message(r, ret);
}

/* The head at `at` if it is whole and right. */
static enum frame_event head(struct frame_reader *r, struct frame_head *ret)
{
	const char *why = NULL;
	int size = frame_parse_head(r->in + r->at, r->end - r->at, ret, &why);

	if (size < 0)
		return wrong(r, STATUS_PROTOCOL, why);
	if (size == 0)
		return FRAME_EVENT_MORE;
	if ((why = order_is_wrong(r, ret)))
		return wrong(r, STATUS_PROTOCOL, why);
	if (ret->code < FRAME_CLOSE &&
	    ret->size > r->limit - (ret->code == FRAME_CONTINUATION ? r->joined_size : 0))
		return wrong(r, STATUS_TOO_LARGE, "payload_len is too large");
	return FRAME_EVENT_FRAME;
}

static enum frame_event frame(struct frame_reader *r, const struct frame_head *h,
			      struct frame_data *ret)
{
	uint8_t *payload = r->in + r->at + h->size_of_head;

	if (h->masked)
		frame_mask(payload, payload, h->size, h->key);
	r->at += h->size_of_head + h->size;
	*ret = (struct frame_data){ h->code, payload, h->size };
	if (h->code == FRAME_CLOSE)
		return close_frame(r, ret);
	if (h->code > FRAME_CLOSE)
		return FRAME_EVENT_FRAME;
	if (h->fin && h->code != FRAME_CONTINUATION)
		return message(r, ret);
	return fragment(r, h, ret);
}

enum frame_event frame_reader_next(struct frame_reader *r, struct frame_data *ret)
{
	struct frame_head h;
	enum frame_event event;

	if (!r->open && r->joined_room > KEEP) {
		mem_free(r->joined);
		r->joined = NULL;
		r->joined_room = r->joined_size = 0;
	}
	while (!r->why && r->at < r->end) {
		event = head(r, &h);
		if (event != FRAME_EVENT_FRAME)
			return event;
		if (r->end - r->at - h.size_of_head < h.size)
			return FRAME_EVENT_MORE;
		event = frame(r, &h, ret);
		if (event != FRAME_EVENT_MORE)
			return event;
	}
	if (r->why)
		return FRAME_EVENT_WRONG;
	rest(r);
	return FRAME_EVENT_MORE;
}

void frame_reader_clear(struct frame_reader *r)
{
	mem_free(r->in);
	mem_free(r->joined);
	r->in = r->joined = NULL;
	r->at = r->end = r->room = r->joined_size = r->joined_room = 0;
	r->open = 0;
}

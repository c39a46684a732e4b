/* SPDX-License-Identifier: MIT */
/* See frame.h: frames put together to messages. A frame is unmasked where it lies; a message that
 * came in one frame is never copied here. */
#include <string.h>

#include "core/base/mem.h"
#include "core/base/utf8.h"
#include "lua/modules/http/frame.h"

#define KEEP 4096u			       /* bytes of room that an empty reader keeps */
#define PACKED_MORE(limit) ((limit) / 64 + 64) /* what does not shrink grows by as much at most */
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
	if (h->compressed && (!r->inflates || (h->code != FRAME_TEXT && h->code != FRAME_BINARY)))
		return "reserved bits are set";
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
	if (ret->size && !utf8_is_valid(ret->at + 2, ret->size - 2))
		return wrong(r, STATUS_TEXT, "the reason of a close frame is not UTF-8");
	return FRAME_EVENT_FRAME;
}

/* Whether this frame is text that is to be looked at. */
static bool is_text(const struct frame_reader *r, const struct frame_head *h)
{
	if (r->lax || h->code > FRAME_TEXT)
		return false;
	return h->code == FRAME_TEXT ? !h->compressed : r->open == FRAME_TEXT && !r->packed;
}

/* Unmasks what came of a payload, up to n bytes, and looks at it. false: a text is wrong. */
static bool look(struct frame_reader *r, const struct frame_head *h, uint8_t *payload, size_t n)
{
	size_t done = r->done;
	uint8_t key[4];

	for (size_t i = 0; i < 4; i++)
		key[i] = h->key[(done + i) & 3];
	if (h->masked)
		frame_mask(payload + done, payload + done, n - done, key);
	r->done = n;
	if (!is_text(r, h))
		return true;
	if (h->code == FRAME_TEXT && done == 0)
		r->text = (struct utf8_text){ 0 };
	return utf8_feed(&r->text, payload + done, n - done) &&
	       !(h->fin && n == h->size && r->text.left);
}

/* A fragment, or the last one, which ends the message. */
static enum frame_event fragment(struct frame_reader *r, const struct frame_head *h,
				 struct frame_data *ret)
{
	if (h->code != FRAME_CONTINUATION) {
		r->open = h->code;
		r->packed = h->compressed;
		r->joined_size = 0;
	}
	if (r->joined_size + ret->size > r->joined_room)
		grow(&r->joined, &r->joined_room, r->joined_size + ret->size);
	if (ret->size)
		memcpy(r->joined + r->joined_size, ret->at, ret->size);
	r->joined_size += ret->size;
	if (!h->fin)
		return FRAME_EVENT_MORE;
	*ret = (struct frame_data){ r->open, r->packed, r->joined, r->joined_size };
	r->open = 0;
	return FRAME_EVENT_FRAME;
}

/* Bytes that a data frame may have. */
static size_t limit_of(const struct frame_reader *r, const struct frame_head *h)
{
	bool more = h->code == FRAME_CONTINUATION;
	size_t limit = r->limit;

	if (more ? r->packed : h->compressed)
		limit += PACKED_MORE(limit);
	return limit - (more ? r->joined_size : 0);
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
	if (ret->code < FRAME_CLOSE && ret->size > limit_of(r, ret))
		return wrong(r, STATUS_TOO_LARGE, "payload_len is too large");
	return FRAME_EVENT_FRAME;
}

/* A frame with so many bytes of its payload; it is whole if that is all of them. */
static enum frame_event frame(struct frame_reader *r, const struct frame_head *h, size_t have,
			      struct frame_data *ret)
{
	uint8_t *payload = r->in + r->at + h->size_of_head;

	if ((have == h->size || is_text(r, h)) && !look(r, h, payload, have))
		return wrong(r, STATUS_TEXT, "a text is not UTF-8");
	if (have < h->size)
		return FRAME_EVENT_MORE;
	r->at += h->size_of_head + h->size;
	r->done = 0;
	*ret = (struct frame_data){ h->code, h->compressed, payload, h->size };
	if (h->code == FRAME_CLOSE)
		return close_frame(r, ret);
	if (h->code > FRAME_CLOSE || (h->fin && h->code != FRAME_CONTINUATION))
		return FRAME_EVENT_FRAME;
	return fragment(r, h, ret);
}

enum frame_event frame_reader_next(struct frame_reader *r, struct frame_data *ret)
{
	struct frame_head h;
	enum frame_event event;
	size_t have;

	if (!r->open && r->joined_room > KEEP) {
		mem_free(r->joined);
		r->joined = NULL;
		r->joined_room = r->joined_size = 0;
	}
	while (!r->why && r->at < r->end) {
		event = head(r, &h);
		if (event != FRAME_EVENT_FRAME)
			return event;
		have = r->end - r->at - h.size_of_head;
		event = frame(r, &h, have < h.size ? have : h.size, ret);
		if (event != FRAME_EVENT_MORE || have < h.size)
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
	r->at = r->end = r->room = r->joined_size = r->joined_room = r->done = 0;
	r->open = 0;
}

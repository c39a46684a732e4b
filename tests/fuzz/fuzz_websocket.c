/* SPDX-License-Identifier: MIT */
/* WebSocket frames: bytes that arrive in pieces give the messages of those that arrive at once, no
 * message is over the limit, texts are UTF-8, and what we write is read again. First byte: how
 * it is cut, in its highest bits whether masks are due and whether messages may be compressed. A
 * text that comes in pieces is refused at the byte that makes it wrong. */
#include <stdlib.h>
#include <string.h>

#include "core/base/utf8.h"
#include "lua/modules/http/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define LIMIT 300u
#define LOG_MAX (1u << 14)

static void check(int ok)
{
	if (!ok)
		abort();
}

struct log {
	uint8_t *data;
	size_t size;
	enum frame_event last;
	const char *why;
};

static void note(struct log *l, const struct frame_data *d)
{
	size_t limit = d->compressed ? LIMIT + LIMIT / 64 + 64 : LIMIT;

	check(d->code && d->size <= (d->code < FRAME_CLOSE ? limit : FRAME_CONTROL_MAX));
	check(d->code != FRAME_TEXT || d->compressed || utf8_is_valid(d->at, d->size));
	check(!d->compressed || d->code == FRAME_TEXT || d->code == FRAME_BINARY);
	if (l->size + 3 + d->size > LOG_MAX)
		return;
	l->data[l->size++] = d->code;
	l->data[l->size++] = (uint8_t)(d->size >> 8);
	l->data[l->size++] = (uint8_t)d->size;
	if (d->size)
		memcpy(l->data + l->size, d->at, d->size);
	l->size += d->size;
}

static struct log read_all(const uint8_t *p, size_t n, size_t step, uint8_t how)
{
	struct frame_reader r = { .limit = LIMIT, .masked = how >> 7, .inflates = how >> 6 & 1 };
	struct log l = { .data = malloc(LOG_MAX), .last = FRAME_EVENT_MORE };
	struct frame_data d;

	for (size_t at = 0; at < n && l.last != FRAME_EVENT_WRONG; at += step) {
		frame_reader_feed(&r, p + at, n - at < step ? n - at : step);
		while ((l.last = frame_reader_next(&r, &d)) == FRAME_EVENT_FRAME)
			note(&l, &d);
	}
	l.why = r.why;
	check(frame_reader_next(&r, &d) == l.last);
	frame_reader_clear(&r);
	return l;
}

/* Texts cut anywhere are what they are whole; and one that lacks a byte can be completed. */
static void text(const uint8_t *p, size_t n, size_t step)
{
	struct utf8_text whole = { 0 }, cut = { 0 };
	bool right = utf8_feed(&whole, p, n), still = true;

	for (size_t at = 0; at < n && still; at += step)
		still = utf8_feed(&cut, p + at, n - at < step ? n - at : step);
	check(right == still && (!right || whole.left == cut.left));
	check(utf8_is_valid(p, n) == (right && !whole.left));
	if (right && whole.left == 1)
		check(utf8_feed(&whole, (const uint8_t *)"\x80", 1) && !whole.left);
}

/* A message of these bytes, written and read again. */
static void there_and_back(const uint8_t *p, size_t n, bool masked, bool inflates)
{
	uint8_t head[FRAME_HEAD_MAX], key[4] = { 1, 0xff, 7, p[0] }, *payload = malloc(n);
	struct frame_reader r = { .limit = n, .masked = masked, .inflates = inflates };
	unsigned code = FRAME_BINARY | (inflates ? FRAME_COMPRESSED : 0);
	struct frame_data d;

	frame_mask(payload, p, n, key);
	frame_reader_feed(&r, head, frame_write_head(head, code, n, masked ? key : NULL));
	frame_reader_feed(&r, masked ? payload : p, n);
	check(frame_reader_next(&r, &d) == FRAME_EVENT_FRAME);
	check(d.size == n && memcmp(d.at, p, n) == 0 && d.compressed == inflates);
	frame_reader_clear(&r);
	free(payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct log whole, cut;
	size_t step;

	if (n < 2)
		return 0;
	step = (p[0] & 63) % 7 + 1;
	whole = read_all(p + 1, n - 1, n - 1, p[0]);
	cut = read_all(p + 1, n - 1, step, p[0]);
	check(whole.last == cut.last && whole.why == cut.why && whole.size == cut.size);
	check(memcmp(whole.data, cut.data, whole.size) == 0);
	free(whole.data);
	free(cut.data);
	text(p + 1, n - 1, step);
	there_and_back(p + 1, n - 1, p[0] >> 7, p[0] >> 6 & 1);
	return 0;
}

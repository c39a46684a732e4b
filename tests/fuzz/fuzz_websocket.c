/* SPDX-License-Identifier: MIT */
/* WebSocket frames: bytes that arrive in pieces give the messages of those that arrive at once, no
 * message is over the limit, texts are UTF-8, and what we write is read again. First byte: how
 * it is cut, in its highest bit whether masks are due. */
#include <stdlib.h>
#include <string.h>

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
	check(d->code && (d->code < FRAME_CLOSE ? d->size <= LIMIT : d->size <= FRAME_CONTROL_MAX));
	check(d->code != FRAME_TEXT || frame_is_utf8(d->at, d->size));
	if (l->size + 3 + d->size > LOG_MAX)
		return;
	l->data[l->size++] = d->code;
	l->data[l->size++] = (uint8_t)(d->size >> 8);
	l->data[l->size++] = (uint8_t)d->size;
	if (d->size)
		memcpy(l->data + l->size, d->at, d->size);
	l->size += d->size;
}

static struct log read_all(const uint8_t *p, size_t n, size_t step, bool masked)
{
	struct frame_reader r = { .limit = LIMIT, .masked = masked };
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

/* A message of these bytes, written and read again. */
static void there_and_back(const uint8_t *p, size_t n, bool masked)
{
	uint8_t head[FRAME_HEAD_MAX], key[4] = { 1, 0xff, 7, p[0] }, *payload = malloc(n);
	struct frame_reader r = { .limit = n, .masked = masked };
	struct frame_data d;

	frame_mask(payload, p, n, key);
	frame_reader_feed(&r, head, frame_write_head(head, FRAME_BINARY, n, masked ? key : NULL));
	frame_reader_feed(&r, masked ? payload : p, n);
	check(frame_reader_next(&r, &d) == FRAME_EVENT_FRAME);
	check(d.size == n && memcmp(d.at, p, n) == 0);
	frame_reader_clear(&r);
	free(payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct log whole, cut;
	bool masked;

	if (n < 2)
		return 0;
	masked = p[0] >> 7;
	whole = read_all(p + 1, n - 1, n - 1, masked);
	cut = read_all(p + 1, n - 1, (p[0] & 127) % 7 + 1, masked);
	check(whole.last == cut.last && whole.why == cut.why && whole.size == cut.size);
	check(memcmp(whole.data, cut.data, whole.size) == 0);
	free(whole.data);
	free(cut.data);
	there_and_back(p + 1, n - 1, masked);
	return 0;
}

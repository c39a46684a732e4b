/* SPDX-License-Identifier: MIT */
/* Frames of skynet.netpack: a stream that arrives in pieces of any size, mixed with another's,
 * gives the same frames as one that arrives at once. First byte: how it is cut, and, in its highest
 * bit, whether lengths have 32 bits. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/actor/msg.h"
#include "lua/modules/socket/frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void check(int ok)
{
	if (!ok)
		abort();
}

/* The next frame of that socket. */
static bool pop_of(struct frames *f, int id, struct frame *ret)
{
	while (frames_pop(f, ret)) {
		if (ret->id == id)
			return true;
		payload_free(ret->data);
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct frames whole = { .large = n && p[0] >> 7 }, cut = { .large = whole.large };
	struct frame a, b;
	bool good = true, cut_good = true;
	size_t step, at;

	if (n < 2)
		return 0;
	step = p[0] % 7 + 1;
	p++;
	n--;
	good = frames_feed(&whole, 1, p, n);
	check(good || whole.large);
	for (at = 0; at < n && cut_good; at += step) {
		size_t part = n - at < step ? n - at : step;

		cut_good = frames_feed(&cut, 1, p + at, part);
		(void)frames_feed(&cut, 17, p + at, part); /* in the same bucket */
		if (at % 5 == 0)
			frames_forget(&cut, 17);
	}
	check(good == cut_good);
	for (;;) {
		bool more = pop_of(&whole, 1, &a);

		check(more == pop_of(&cut, 1, &b));
		if (!more)
			break;
		check(a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0));
		payload_free(a.data);
		payload_free(b.data);
	}
	frames_fini(&whole);
	frames_fini(&cut);
	return 0;
}

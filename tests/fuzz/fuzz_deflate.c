/* SPDX-License-Identifier: MIT */
/* Compressed messages: whatever bytes come, inflating them ends, with the same text and the same
 * result for every size of the room; and what we compress is inflated again, message after message,
 * with a window no larger than what was agreed on. First byte: bits of the window and takeover;
 * second: level and memory; third: how the rest is cut into messages. */
#include <stdlib.h>
#include <string.h>

#include "lua/modules/deflate/deflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define LIMIT (1u << 17)
#define MESSAGES 8

static size_t held; /* bytes that streams have */

static void check(int ok)
{
	if (!ok)
		abort();
}

static void *count(void *ud, void *p, size_t old_size, size_t new_size)
{
	(void)ud;
	if (!p)
		old_size = 0;
	held = held + new_size - old_size;
	if (new_size)
		return realloc(p, new_size);
	free(p);
	return NULL;
}

static const struct deflate_memory memory = { count, NULL };

struct text {
	uint8_t data[LIMIT + 1];
	size_t size;
	enum deflate_event last;
};

/* One message, into pieces of room `room`. */
static void inflate_message(struct inflater *f, const uint8_t *p, size_t n, size_t room,
			    struct text *ret)
{
	ret->size = 0;
	ret->last = DEFLATE_BAD;
	if (!inflater_begin(f, p, n))
		return;
	do {
		size_t left = sizeof(ret->data) - ret->size, written;

		ret->last = inflater_some(f, ret->data + ret->size, left < room ? left : room,
					  &written);
		ret->size += written;
	} while (ret->last == DEFLATE_MORE && ret->size <= LIMIT);
	check(ret->last != DEFLATE_NO_MEMORY && ret->size <= sizeof(ret->data));
}

/* Both with the same window, one in large and one in small rooms. A match that reaches farther back
 * than the window is found in a large room only. */
static void foreign(const uint8_t *p, size_t n, int bits, bool takeover, size_t cut)
{
	static struct text large, small;
	struct inflater a, b;

	check(inflater_open(&a, memory, bits, takeover));
	check(inflater_open(&b, memory, bits, takeover));
	for (int i = 0; i < MESSAGES && n; i++) {
		size_t size = n < cut ? n : cut;

		inflate_message(&a, p, size, sizeof(large.data), &large);
		inflate_message(&b, p, size, cut % 13 + 1, &small);
		if (bits == DEFLATE_BITS_MAX) {
			check(large.last == small.last && large.size == small.size);
			check(memcmp(large.data, small.data, large.size) == 0);
		}
		p += size;
		n -= size;
	}
	check(held <= 2 * ((size_t)1 << bits) + 2 * 10240);
	inflater_close(&a);
	inflater_close(&b);
	inflater_close(&b);
	check(held == 0);
}

static size_t deflate_message(struct deflater *d, const uint8_t *p, size_t n, uint8_t *to,
			      size_t room)
{
	size_t size = 0, written;

	check(deflater_begin(d, p, n));
	while (deflater_some(d, to + size, room, &written) == DEFLATE_MORE)
		size += written;
	size += written;
	check(size > DEFLATE_TAIL && memcmp(to + size - DEFLATE_TAIL, "\0\0\xff\xff", 4) == 0);
	return size - DEFLATE_TAIL;
}

static void there_and_back(const uint8_t *p, size_t n, int bits, bool takeover, uint8_t how,
			   size_t cut)
{
	static struct text back;
	uint8_t *packed = malloc(2 * n + 1024);
	struct deflater d;
	struct inflater f;
	int memory_level = how / 9 % 9 + 1;

	check(deflater_open(&d, memory, bits, takeover, how % 9 + 1, memory_level));
	check(held <= ((size_t)1 << (bits == 8 ? 11 : bits + 2)) +
			      ((size_t)1 << (memory_level + 9)) + 6144 + 5 * 16);
	check(inflater_open(&f, memory, bits, takeover));
	for (int i = 0; i < MESSAGES && n; i++) {
		size_t size = n < cut ? n : cut;
		size_t room = DEFLATE_ROOM_MIN + cut % 100;

		inflate_message(&f, packed, deflate_message(&d, p, size, packed, room), LIMIT,
				&back);
		check(back.last == DEFLATE_END && back.size == size);
		check(memcmp(back.data, p, size) == 0);
		p += size;
		n -= size;
	}
	deflater_close(&d);
	inflater_close(&f);
	check(held == 0);
	free(packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	int bits;
	size_t cut;

	if (n < 4 || n > LIMIT)
		return 0;
	bits = DEFLATE_BITS_MIN + (p[0] & 7);
	cut = p[2] ? p[2] * 5u : n;
	foreign(p + 3, n - 3, bits, p[0] >> 7, cut);
	there_and_back(p + 3, n - 3, bits, p[0] >> 7, p[1], cut);
	return 0;
}

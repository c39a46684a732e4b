/* SPDX-License-Identifier: MIT */
/* See frame.h: heads, masks, and what the payloads of frames may be. */
#include "lua/modules/http/frame.h"

#include <string.h>

static const char *head_is_wrong(const uint8_t *p, const struct frame_head *h)
{
	if (p[0] & 0x30)
		return "reserved bits are set";
	if ((h->code > FRAME_BINARY && h->code < FRAME_CLOSE) || h->code > FRAME_PONG)
		return "unknown opcode";
	if (h->code >= FRAME_CLOSE && !h->fin)
		return "a control frame is fragmented";
	if (h->code >= FRAME_CLOSE && h->size > FRAME_CONTROL_MAX)
		return "a control frame is too large";
	return NULL;
}

static uint64_t big_endian(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

int frame_parse_head(const uint8_t *p, size_t n, struct frame_head *ret, const char **ret_why)
{
	unsigned more, size;

	if (n < 2)
		return 0;
	ret->code = p[0] & 15;
	ret->fin = p[0] >> 7;
	ret->compressed = (p[0] & FRAME_COMPRESSED) != 0;
	ret->masked = p[1] >> 7;
	ret->size = p[1] & 127;
	if ((*ret_why = head_is_wrong(p, ret)))
		return -1;
	more = ret->size == 127 ? 8 : ret->size == 126 ? 2 : 0;
	size = 2 + more + (ret->masked ? 4 : 0);
	if (n < size)
		return 0;
	if (more)
		ret->size = big_endian(p + 2, more);
	if ((more == 2 && ret->size < 126) ||
	    (more == 8 && (ret->size >> 16 == 0 || ret->size >> 63))) {
		*ret_why = "the length is not written in the shortest way";
		return -1;
	}
	if (ret->masked)
		memcpy(ret->key, p + 2 + more, 4);
	ret->size_of_head = (uint8_t)size;
	return (int)size;
}

size_t frame_write_head(uint8_t *p, unsigned code, uint64_t size, const uint8_t key[4])
{
	unsigned more = size < 126 ? 0 : size < 65536 ? 2 : 8;
	uint8_t mask = key ? 0x80 : 0;

	p[0] = (uint8_t)(0x80 | code);
	p[1] = (uint8_t)(mask | (more == 0 ? size : more == 2 ? 126 : 127));
	for (unsigned i = 0; i < more; i++)
		p[2 + i] = (uint8_t)(size >> (8 * (more - 1 - i)));
	if (key)
		memcpy(p + 2 + more, key, 4);
	return 2 + more + (key ? 4u : 0);
}

void frame_mask(uint8_t *to, const uint8_t *from, size_t n, const uint8_t key[4])
{
	uint64_t word, wide;
	uint8_t both[8];
	size_t i = 0;

	memcpy(both, key, 4);
	memcpy(both + 4, key, 4);
	memcpy(&wide, both, 8);
	for (; i + 8 <= n; i += 8) {
		memcpy(&word, from + i, 8);
		word ^= wide;
		memcpy(to + i, &word, 8);
	}
	for (; i < n; i++)
		to[i] = from[i] ^ key[i & 3];
}

bool frame_is_status(unsigned status)
{
	return (status >= 1000 && status <= 1014 && status != 1004 && status != 1005 &&
		status != 1006) ||
	       (status >= 3000 && status <= 4999);
}

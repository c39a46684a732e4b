/* SPDX-License-Identifier: MIT */
/* sproto: 0-packing.
 *
 * Bytes go in groups of 8, the last one filled up with zeros. A group is a byte with a bit for each
 * byte that is not zero, and those bytes. A group without a zero begins a run: 0xff, a count, and
 * count + 1 groups as they are; the run goes on while a group has at least RUN_MIN bytes that are
 * not zero.
 */
#include "lua/modules/sproto/sproto.h"

#include <string.h>

#define GROUP 8u
#define RUN_MIN 6
#define RUN_MAX 256u /* groups */

/* A run of k groups takes 8 k + 2. What ends one is a group of at most 6 bytes, which saves those
 * 2, or RUN_MAX, or the end. */
size_t sproto_pack_max(size_t n)
{
	size_t groups = n / GROUP + 1;

	return groups * GROUP + 2 * (groups / RUN_MAX + 1);
}

static unsigned mask_of(const uint8_t *g)
{
	unsigned mask = 0;

	for (unsigned i = 0; i < GROUP; i++)
		mask |= (unsigned)(g[i] != 0) << i;
	return mask;
}

size_t sproto_pack(const void *data, size_t n, void *out)
{
	const uint8_t *in = data;
	uint8_t *to = out, *run = NULL; /* where the count of the run stands */

	for (size_t at = 0; at < n; at += GROUP) {
		size_t left = n - at;
		uint8_t last[GROUP] = { 0 };
		const uint8_t *g = in + at;
		unsigned mask;

		if (left < GROUP)
			g = memcpy(last, g, left);
		mask = mask_of(g);
		if (run && __builtin_popcount(mask) >= RUN_MIN && *run < RUN_MAX - 1) {
			++*run;
		} else if (mask == 0xff) {
			*to++ = 0xff;
			run = to;
			*to++ = 0;
		} else {
			run = NULL;
			*to++ = (uint8_t)mask;
			for (unsigned i = 0; i < GROUP; i++)
				if (g[i])
					*to++ = g[i];
			continue;
		}
		memcpy(to, g, GROUP);
		to += GROUP;
	}
	return (size_t)(to - (uint8_t *)out);
}

int64_t sproto_unpack_size(const void *data, size_t n)
{
	const uint8_t *p = data;
	int64_t size = 0;

	for (size_t at = 0; at < n;) {
		unsigned mask = p[at++], groups = 1;
		size_t bytes = (size_t)__builtin_popcount(mask);

		if (mask == 0xff) {
			if (at == n)
				return -1;
			groups = p[at++] + 1u;
			bytes = (size_t)groups * GROUP;
		}
		if (n - at < bytes)
			return -1;
		at += bytes;
		size += groups * GROUP;
	}
	return size;
}

void sproto_unpack(const void *data, size_t n, void *out)
{
	const uint8_t *p = data, *end = p + n;
	uint8_t *to = out;

	while (p < end) {
		unsigned mask = *p++;

		if (mask == 0xff) {
			size_t bytes = (*p++ + 1u) * (size_t)GROUP;

			memcpy(to, p, bytes);
			p += bytes;
			to += bytes;
			continue;
		}
		for (unsigned i = 0; i < GROUP; i++)
			*to++ = mask >> i & 1 ? *p++ : 0;
	}
}

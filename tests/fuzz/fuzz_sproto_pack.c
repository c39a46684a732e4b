/* SPDX-License-Identifier: MIT */
/* Any bytes as a packed stream: refused, or unpacked into exactly the size that was told. And
 * any bytes packed, in no more room than was told, come back with zeros behind them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lua/modules/sproto/sproto.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void pack_and_unpack(const uint8_t *p, size_t n)
{
	size_t size, rounded = (n + 7) / 8 * 8;
	uint8_t *packed = malloc(sproto_pack_max(n)), *back = malloc(rounded + 1);

	size = sproto_pack(p, n, packed);
	if (size > sproto_pack_max(n) || sproto_unpack_size(packed, size) != (int64_t)rounded)
		abort();
	sproto_unpack(packed, size, back);
	if (n && memcmp(back, p, n) != 0)
		abort();
	for (size_t i = n; i < rounded; i++)
		if (back[i])
			abort();
	free(packed);
	free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	int64_t size = sproto_unpack_size(p, n);
	uint8_t *plain;

	if (size >= 0) {
		plain = malloc((size_t)size + 1);
		sproto_unpack(p, n, plain);
		pack_and_unpack(plain, (size_t)size);
		free(plain);
	}
	pack_and_unpack(p, n);
	return 0;
}

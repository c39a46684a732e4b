/* SPDX-License-Identifier: MIT */
/* Key files: what is taken is taken again when it is written out, what is refused has a reason. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/keyfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void check(int ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *text = malloc(n + 1), why[KEYFILE_WRONG] = "", again[2 * KEYFILE_LINE];
	struct keyfile f, g;
	size_t size = 0;

	memcpy(text, p, n);
	text[n] = 0;
	if (keyfile_parse(text, n, &f, why)) {
		check(f.count >= 1 && f.count <= KEYFILE_KEYS);
		for (unsigned i = 0; i < f.count; i++)
			size += keyfile_line(&f.keys[i], again + size);
		check(size < sizeof(again) && keyfile_parse(again, size, &g, why));
		check(g.count == f.count);
		for (unsigned i = 0; i < f.count; i++)
			check(memcmp(f.keys[i].bytes, g.keys[i].bytes, KEYFILE_BYTES) == 0 &&
			      strcmp(f.keys[i].name, g.keys[i].name) == 0);
	} else {
		check(why[0]);
	}
	free(text);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* Answers of nodes, which nobody before harborctl reads, on their way to a terminal: any bytes are
 * legal input, and no control character but newline and tab comes out. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/ctl/print.c"
#include "core/base/jsonread.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct jsonv *v = NULL;
	char *text = NULL;
	size_t size = 0;
	FILE *out;

	if (jsonread((const char *)p, n, &v) < 0)
		return 0;
	out = open_memstream(&text, &size);
	if (!out)
		abort();
	ctl_print(out, v, 1000000);
	fclose(out);
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)text[i] < 0x20 && text[i] != '\n' && text[i] != '\t')
			abort();
	free(text);
	jsonv_destroy(v);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* What libbson makes of documents, for test_bson_others.lua, which compiles it. On standard input
 * and output: a size in 4 bytes, little end first, and as many bytes. For each document comes back
 * '1' or '0', whether it is good, and the document that its extended JSON is. */
#include <bson/bson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static void put(const uint8_t *p, uint32_t n, char good)
{
	uint8_t head[5];

	for (unsigned i = 0; i < 4; i++)
		head[i] = (uint8_t)((n + 1) >> (8 * i));
	head[4] = (uint8_t)good;
	fwrite(head, 1, sizeof(head), stdout);
	fwrite(p, 1, n, stdout);
}

static void answer(const uint8_t *p, uint32_t n)
{
	bson_t document, *back = NULL;
	bson_error_t error;
	char *json;

	if (!bson_init_static(&document, p, n) ||
	    !bson_validate(&document, BSON_VALIDATE_NONE, NULL)) {
		put(NULL, 0, '0');
		return;
	}
	json = bson_as_canonical_extended_json(&document, NULL);
	if (json)
		back = bson_new_from_json((const uint8_t *)json, -1, &error);
	put(back ? bson_get_data(back) : NULL, back ? back->len : 0, '1');
	if (back)
		bson_destroy(back);
	bson_free(json);
}

int main(void)
{
	uint8_t head[4];

	while (fread(head, 1, 4, stdin) == 4) {
		uint32_t n = (uint32_t)head[0] | (uint32_t)head[1] << 8 | (uint32_t)head[2] << 16 |
			     (uint32_t)head[3] << 24;
		uint8_t *p = malloc(n ? n : 1);

		if (!p || fread(p, 1, n, stdin) != n)
			return 1;
		answer(p, n);
		free(p);
	}
	return 0;
}

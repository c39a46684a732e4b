/* SPDX-License-Identifier: MIT */
/* Recordings of strangers: whatever the bytes are, each record lies within them, and what is read
 * is written the same. */
#include <stdint.h>
#include <string.h>

#include "core/base/must.h"
#include "lua/load/tapefile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup(text_fini) struct text again = { 0 };
	struct tape_reader r;
	struct tape_record rec;
	const uint8_t *began;
	const char *why;

	if (!tape_open(&r, data, size, &why)) {
		must(why);
		return 0;
	}
	for (began = r.at; tape_next(&r, &rec); began = r.at) {
		must((const uint8_t *)rec.data >= data &&
		     (const uint8_t *)rec.data + rec.data_size <= data + size);
		text_cut(&again, 0);
		tape_write(&again, &rec);
		must(again.size == (size_t)(r.at - began) &&
		     memcmp(again.bytes, began, again.size) == 0);
	}
	return 0;
}

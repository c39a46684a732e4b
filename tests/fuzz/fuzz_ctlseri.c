/* SPDX-License-Identifier: MIT */
/* The decoder of call answers: any bytes are legal input, and whatever it accepts is JSON that our own
 * reader accepts. daemon/ is no archive of the fuzzers' link line: its files come in here. */
#include <stdint.h>
#include <stdlib.h>

#include "core/base/json.c"
#include "daemon/admin/jsonread.c"
#include "daemon/admin/seri_min.c"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct jsonv *v = NULL;
	struct json j;

	json_init(&j);
	json_object(&j, NULL);
	if (seri_min_to_json(p, n, &j, "values") == 0) {
		json_object_end(&j);
		if (jsonread(j.text.bytes, j.text.size, &v) < 0)
			abort();
		jsonv_destroy(v);
	}
	json_fini(&j);
	return 0;
}

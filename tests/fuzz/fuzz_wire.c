/* SPDX-License-Identifier: MIT */
/* Any bytes as a connection's stream, in pieces; and what decodes must encode to itself. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "harbor/link/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void on_control(void *ud, const struct wire_control *c)
{
	uint8_t out[WIRE_CONTROL_MAX];
	struct wire_control again;
	size_t size = wire_encode(out, c);

	(void)ud;
	if (wire_decode(out, size, &again) != WIRE_OK || memcmp(&again, c, sizeof(again)) != 0)
		abort();
}

static void on_message(void *ud, struct msg *m)
{
	(void)ud;
	msg_destroy(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct stream s = { .max = 1 << 20,
			    .greeted = n > 1 && p[1] & 1,
			    .on_control = on_control,
			    .on_message = on_message };
	size_t step = n ? p[0] % 37 + 1 : 1;

	for (size_t at = 0; at < n; at += step)
		if (!stream_input(&s, p + at, n - at < step ? n - at : step))
			break;
	stream_fini(&s);
	return 0;
}

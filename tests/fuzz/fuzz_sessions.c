/* SPDX-License-Identifier: MIT */
/* Tables of sessions: whatever stands in one lies within it, and what was read, written again, is
 * the same table. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/sessions.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void check(int ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *table = malloc(n + 1); /* exactly as large, for the sanitizer */
	struct text again = { 0 };
	struct session s;
	size_t at = 0;

	memcpy(table, p, n);
	sessions_begin(&again);
	while (sessions_next(table, n, &at, &s)) {
		check(s.listener >= table && s.listener + s.listener_size == s.data);
		check(s.data + s.data_size == table + at && at <= n);
		sessions_add(&again, &s);
	}
	if (at)
		check(again.size == at && memcmp(again.bytes, table, at) == 0);
	text_fini(&again);
	free(table);
	return 0;
}

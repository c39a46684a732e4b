/* SPDX-License-Identifier: MIT */
/* Text as a signal handler writes it, beside printf and the calendar of the C library. */
#include "core/base/rawtext.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

static struct rawtext t;

static void expect(const char *text)
{
	assert_int_equal(t.n, strlen(text));
	assert_memory_equal(t.bytes, text, t.n);
	t = (struct rawtext){ .fd = -1 };
}

static void numbers_are_those_of_printf(void **state)
{
	static const uint64_t values[] = { 0, 7, 10, 4096, UINT32_MAX, INT64_MAX, UINT64_MAX };
	char text[80];

	t = (struct rawtext){ .fd = -1 };
	for (unsigned i = 0; i < sizeof(values) / sizeof(*values); i++) {
		raw_uint(&t, values[i]);
		raw_puts(&t, " ");
		raw_int(&t, (int64_t)values[i]);
		raw_puts(&t, " ");
		raw_hex(&t, values[i], 8);
		(void)snprintf(text, sizeof(text), "%" PRIu64 " %" PRId64 " %08" PRIx64, values[i],
			       (int64_t)values[i], values[i]);
		expect(text);
	}
	raw_handle(&t, 0x0100000a);
	raw_puts(&t, " ");
	raw_seconds(&t, UINT64_C(12034567890));
	expect(":0100000a 12.034");
	raw_clean(&t, "a\0\n\x1b\xff~", 6);
	expect("a....~");
}

static void dates_are_those_of_the_calendar(void **state)
{
	t = (struct rawtext){ .fd = -1 };
	/* every seventh hour and some of 400 years */
	for (uint64_t s = 0; s < UINT64_C(400) * 366 * 86400; s += 7 * 3600 + 11) {
		time_t seconds = (time_t)s;
		struct tm tm;
		char text[40];

		gmtime_r(&seconds, &tm);
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
		raw_time(&t, s * UINT64_C(1000000000), false);
		if (t.n != strlen(text) || memcmp(t.bytes, text, t.n) != 0)
			expect(text);
		t.n = 0;
	}
	raw_time(&t, UINT64_C(1700000000000000000), true);
	expect("20231114T221320Z");
}

static void what_does_not_fit_is_written_or_cut(void **state)
{
	char bytes[3000], got[4000];
	int fds[2];

	memset(bytes, 'x', sizeof(bytes));
	t = (struct rawtext){ .fd = -1 };
	raw_add(&t, bytes, sizeof(bytes));
	assert_int_equal(t.n, sizeof(t.bytes));
	assert_int_equal(pipe(fds), 0);
	t = (struct rawtext){ .fd = fds[1] };
	raw_add(&t, bytes, sizeof(bytes));
	raw_flush(&t);
	assert_int_equal(t.error, 0);
	assert_int_equal(read(fds[0], got, sizeof(got)), sizeof(bytes));
	close(fds[0]);
	close(fds[1]);
	t = (struct rawtext){ .fd = open("/dev/full", O_WRONLY) };
	raw_add(&t, bytes, sizeof(bytes));
	assert_int_equal(t.error, ENOSPC);
	close(t.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_those_of_printf),
		cmocka_unit_test(dates_are_those_of_the_calendar),
		cmocka_unit_test(what_does_not_fit_is_written_or_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* lua/modules/mysql/mysql_wire.h, byte by byte: each width of a number, each size of a date, what
 * lies just inside and just outside of a packet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "lua/modules/mysql/mysql_wire.h"

#define READER(...)                                     \
	static const uint8_t bytes[] = { __VA_ARGS__ }; \
	struct db_reader r = { bytes, bytes + sizeof(bytes), false }

static void numbers_have_their_little_end_first(void **state)
{
	READER(1, 2, 3, 4, 5, 6, 7, 0x88, 9);

	assert_int_equal(mysql_uint(&r, 0), 0);
	assert_int_equal(mysql_uint(&r, 8), 0x8807060504030201u);
	assert_int_equal(mysql_uint(&r, 1), 9);
	assert_false(r.bad);
	assert_ptr_equal(r.at, r.end);
	assert_int_equal(mysql_uint(&r, 1), 0);
	assert_true(r.bad);
}

static void a_step_over_the_end_is_bad_for_good(void **state)
{
	READER(1, 2, 3);

	assert_null(db_skip(&r, 4));
	assert_true(r.bad);
	assert_int_equal(mysql_uint(&r, 1), 0);
	assert_ptr_equal(r.at, bytes);
}

static void a_length_has_the_width_that_its_first_byte_says(void **state)
{
	READER(0xfa, 0xfb, 0xfc, 1, 2, 0xfd, 1, 2, 3, 0xfe, 1, 0, 0, 0, 0, 0, 0, 8, 0xff);
	bool null;

	assert_int_equal(mysql_lenenc(&r, &null), 0xfa);
	assert_false(null);
	assert_int_equal(mysql_lenenc(&r, &null), 0);
	assert_true(null);
	assert_int_equal(mysql_lenenc(&r, &null), 0x201);
	assert_false(null);
	assert_int_equal(mysql_lenenc(&r, &null), 0x30201);
	assert_int_equal(mysql_lenenc(&r, &null), 0x0800000000000001u);
	assert_false(r.bad);
	assert_int_equal(mysql_lenenc(&r, &null), 0);
	assert_true(r.bad);
	assert_false(null);
}

static void a_text_may_reach_to_the_end_and_no_further(void **state)
{
	READER(0, 2, 'a', 'b', 0xfb, 3, 'c', 'd');
	size_t n = 9;

	assert_ptr_equal(mysql_text(&r, &n), bytes + 1);
	assert_int_equal(n, 0);
	assert_memory_equal(mysql_text(&r, &n), "ab", 2);
	assert_int_equal(n, 2);
	assert_null(mysql_text(&r, &n));
	assert_int_equal(n, 0);
	assert_false(r.bad);
	assert_null(mysql_text(&r, &n));
	assert_int_equal(n, 0);
	assert_true(r.bad);

	static const uint8_t exact[] = { 2, 'x', 'y' };
	struct db_reader whole = { exact, exact + sizeof(exact), false };

	assert_non_null(mysql_text(&whole, &n));
	assert_int_equal(n, 2);
	assert_false(whole.bad);
}

struct moment {
	enum mysql_type type;
	unsigned decimals;
	const char *bytes;
	size_t size;
	const char *text; /* NULL: refused */
};

#define MOMENT(type, decimals, bytes, text)                    \
	{                                                      \
		type, decimals, bytes, sizeof(bytes) - 1, text \
	}
#define DAY "\xea\x07\x0b\x1a"			       /* 2026-11-26 */
#define FULL "\x0b" DAY "\x01\x02\x03\x40\xe2\x01\x00" /* 01:02:03.123456 */

static const struct moment moments[] = {
	MOMENT(MYSQL_DATE, 0, "\x04" DAY, "2026-11-26"),
	MOMENT(MYSQL_DATE, 0, "\x00", "0000-00-00"),
	MOMENT(MYSQL_DATE, 6, FULL, "2026-11-26"),
	MOMENT(MYSQL_DATETIME, 0, "\x04" DAY, "2026-11-26 00:00:00"),
	MOMENT(MYSQL_DATETIME, 0, "\x07" DAY "\x01\x02\x03", "2026-11-26 01:02:03"),
	MOMENT(MYSQL_DATETIME, 0, FULL, "2026-11-26 01:02:03"),
	MOMENT(MYSQL_DATETIME, 1, FULL, "2026-11-26 01:02:03.1"),
	MOMENT(MYSQL_DATETIME, 3, FULL, "2026-11-26 01:02:03.123"),
	MOMENT(MYSQL_TIMESTAMP, 6, FULL, "2026-11-26 01:02:03.123456"),
	MOMENT(MYSQL_TIMESTAMP, 31, FULL, "2026-11-26 01:02:03.123456"),
	MOMENT(MYSQL_TIMESTAMP, 7, "\x07" DAY "\x01\x02\x03", "2026-11-26 01:02:03"),
	MOMENT(MYSQL_TIMESTAMP, 2, "\x07" DAY "\x01\x02\x03", "2026-11-26 01:02:03.00"),
	MOMENT(MYSQL_DATETIME, 0, "\x05" DAY "\x01", NULL),
	MOMENT(MYSQL_DATETIME, 0, "\x08" DAY "\x01\x02\x03\x04", NULL),
	MOMENT(MYSQL_DATETIME, 0, "\x0b" DAY "\x01\x02\x03\x04", NULL),
	MOMENT(MYSQL_TIME, 0, "\x00", "00:00:00"),
	MOMENT(MYSQL_TIME, 0, "\x08\x00\x00\x00\x00\x00\x17\x3b\x3a", "23:59:58"),
	MOMENT(MYSQL_TIME, 0, "\x08\x01\x02\x00\x00\x00\x01\x02\x03", "-49:02:03"),
	MOMENT(MYSQL_TIME, 4, "\x0c\x00\x00\x00\x00\x00\x01\x02\x03\x40\xe2\x01\x00",
	       "01:02:03.1234"),
	MOMENT(MYSQL_TIME, 0, "\x04\x00\x00\x00\x00", NULL),
	MOMENT(MYSQL_TIME, 0, "\x0c\x00\x00\x00\x00\x00\x01\x02\x03", NULL),
};

static void a_moment_is_written_as_the_server_would(void **state)
{
	for (size_t i = 0; i < sizeof(moments) / sizeof(*moments); i++) {
		const struct moment *m = &moments[i];
		const uint8_t *at = (const uint8_t *)m->bytes;
		struct db_reader r = { at, at + m->size, false };
		char text[MYSQL_TIME_ROOM];
		size_t n = mysql_time(&r, m->type, m->decimals, text);

		if (!m->text) {
			assert_int_equal(n, 0);
			assert_true(r.bad);
			continue;
		}
		assert_false(r.bad);
		assert_ptr_equal(r.at, r.end);
		assert_int_equal(n, strlen(m->text));
		assert_memory_equal(text, m->text, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_have_their_little_end_first),
		cmocka_unit_test(a_step_over_the_end_is_bad_for_good),
		cmocka_unit_test(a_length_has_the_width_that_its_first_byte_says),
		cmocka_unit_test(a_text_may_reach_to_the_end_and_no_further),
		cmocka_unit_test(a_moment_is_written_as_the_server_would),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

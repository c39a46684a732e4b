/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "core/base/mem.h"
#include "daemon/admin/seri_min.h"

#define BYTES(...) (const unsigned char[]){ __VA_ARGS__ }, sizeof((const unsigned char[]){ __VA_ARGS__ })

static void expect_bytes(struct seri_min *s, const unsigned char *p, size_t n)
{
	assert_int_equal(s->size, n);
	assert_memory_equal(s->bytes, p, n);
	seri_min_fini(s);
}

static void integers_take_the_shortest_form_of_the_format(void **state)
{
	static const struct {
		int64_t value;
		unsigned char bytes[9];
		size_t n;
	} cases[] = {
		{ 0, { 0x02 }, 1 },
		{ 1, { 0x0a, 1 }, 2 },
		{ 255, { 0x0a, 255 }, 2 },
		{ 256, { 0x12, 0, 1 }, 3 },
		{ 65535, { 0x12, 255, 255 }, 3 },
		{ 65536, { 0x22, 0, 0, 1, 0 }, 5 },
		{ INT32_MAX, { 0x22, 255, 255, 255, 127 }, 5 },
		{ -1, { 0x22, 255, 255, 255, 255 }, 5 },
		{ INT32_MIN, { 0x22, 0, 0, 0, 128 }, 5 },
		{ INT64_C(1) << 31, { 0x32, 0, 0, 0, 128, 0, 0, 0, 0 }, 9 },
		{ INT64_MIN, { 0x32, 0, 0, 0, 0, 0, 0, 0, 128 }, 9 },
	};

	for (unsigned i = 0; i < array_len(cases); i++) {
		struct seri_min s = { 0 };

		seri_min_int(&s, cases[i].value);
		expect_bytes(&s, cases[i].bytes, cases[i].n);
	}
}

static void strings_take_the_form_of_their_length(void **state)
{
	static char big[70000];
	struct seri_min s = { 0 };

	seri_min_string(&s, "", 0);
	expect_bytes(&s, BYTES(0x04));
	seri_min_string(&s, "abc", 3);
	expect_bytes(&s, BYTES(0x1c, 'a', 'b', 'c'));
	seri_min_string(&s, big, 31);
	assert_int_equal(s.bytes[0], 0xfc);
	seri_min_fini(&s);
	seri_min_string(&s, big, 32);
	assert_memory_equal(s.bytes, "\x15\x20\x00", 3);
	assert_int_equal(s.size, 35);
	seri_min_fini(&s);
	seri_min_string(&s, big, sizeof(big));
	assert_memory_equal(s.bytes, "\x25\x70\x11\x01\x00", 5);
	assert_int_equal(s.size, 5 + sizeof(big));
	seri_min_fini(&s);
}

static void a_word_is_an_integer_only_if_all_of_it_is(void **state)
{
	static const char *const strings[] = { "", "-", "+1", " 1", "1 ", "1x", "0x10", "1.5", "9223372036854775808" };
	struct seri_min s = { 0 };

	seri_min_word(&s, "-7");
	expect_bytes(&s, BYTES(0x22, 0xf9, 255, 255, 255));
	for (unsigned i = 0; i < array_len(strings); i++) {
		seri_min_word(&s, strings[i]);
		assert_int_equal(s.bytes[0], 4 + (strlen(strings[i]) << 3));
		seri_min_fini(&s);
	}
}

static void expect_json(const void *p, size_t n, const char *text)
{
	struct json j;

	json_init(&j);
	assert_int_equal(seri_min_to_json(p, n, &j, NULL), 0);
	assert_string_equal(j.text.bytes, text);
	json_fini(&j);
}

static void every_kind_of_value_has_a_json_form(void **state)
{
	expect_json("", 0, "[]");
	expect_json(BYTES(0x00, 0x01, 0x09, 0x02), "[null,false,true,0]");
	expect_json(BYTES(0x0a, 0xff, 0x12, 0, 1, 0x22, 255, 255, 255, 255), "[255,256,-1]");
	expect_json(BYTES(0x32, 0, 0, 0, 0, 1, 0, 0, 0), "[4294967296]");
	expect_json(BYTES(0x42, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f), "[1.5]");
	expect_json(BYTES(0x42, 0, 0, 0, 0, 0, 0, 0xf0, 0x7f), "[null]"); /* infinity */
	expect_json(BYTES(0x03, 0x10, 0, 0, 0, 0, 0, 0, 0), "[\"userdata: 0x10\"]");
	expect_json(BYTES(0x14, 'h', 'i', 0x15, 1, 0, 'x', 0x25, 1, 0, 0, 0, 'y'), "[\"hi\",\"x\",\"y\"]");
}

static void tables_are_arrays_or_objects(void **state)
{
	expect_json(BYTES(0x06, 0x00), "[{}]");
	expect_json(BYTES(0x16, 0x0a, 1, 0x0a, 2, 0x00), "[[1,2]]");
	expect_json(BYTES(0x1e, 0x0a, 1, 0x00, 0x0a, 3, 0x00), "[[1,null,3]]");
	expect_json(BYTES(0x06, 0x0c, 'a', 0x0a, 1, 0x00), "[{\"a\":1}]");
	expect_json(BYTES(0x0e, 0x0a, 7, 0x0c, 'n', 0x0a, 1, 0x00), "[{\"1\":7,\"n\":1}]");
	/* keys that are no strings */
	expect_json(BYTES(0x06, 0x0a, 9, 0x02, 0x09, 0x02, 0x42, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0x02, 0x06, 0x00, 0x02,
			  0x00),
		    "[{\"9\":0,\"true\":0,\"1.5\":0,\"table\":0}]");
	/* a table in a table, then something behind both */
	expect_json(BYTES(0x0e, 0x0e, 0x02, 0x00, 0x00, 0x09), "[[[0]],true]");
}

static void a_long_array_has_its_length_as_an_item(void **state)
{
	unsigned char bytes[3 + 40 + 1] = { 0xfe, 0x0a, 40 };
	char text[2 * 40 + 4] = "[[";

	for (unsigned i = 0; i < 40; i++) {
		bytes[3 + i] = 0x02;
		strcat(text, i ? ",0" : "0");
	}
	strcat(text, "]]");
	expect_json(bytes, sizeof(bytes), text);
}

static void expect_refused(const void *p, size_t n)
{
	struct json j;

	json_init(&j);
	json_object(&j, NULL);
	json_int(&j, "before", 1);
	assert_int_equal(seri_min_to_json(p, n, &j, "values"), -EBADMSG);
	json_int(&j, "after", 2);
	json_object_end(&j);
	assert_string_equal(j.text.bytes, "{\"before\":1,\"after\":2}");
	json_fini(&j);
}

static void broken_streams_are_refused_and_leave_the_writer_as_it_was(void **state)
{
	static unsigned char deep[100000];

	expect_refused(BYTES(0x07));                              /* no such type */
	expect_refused(BYTES(0x1a, 0, 0, 0));                     /* no such number */
	expect_refused(BYTES(0x0a));                              /* cut */
	expect_refused(BYTES(0x02, 0x22, 1, 2, 3));
	expect_refused(BYTES(0x1c, 'a', 'b'));
	expect_refused(BYTES(0x15, 5, 0, 'a'));
	expect_refused(BYTES(0x25, 255, 255, 255, 255, 'a'));
	expect_refused(BYTES(0x0d));                              /* a long string of no known form */
	expect_refused(BYTES(0x06));                              /* never closed */
	expect_refused(BYTES(0x06, 0x0c, 'a', 0x00));             /* closed by a value, not a key */
	expect_refused(BYTES(0xfe, 0x00));                        /* length is no number */
	expect_refused(BYTES(0xfe, 0x22, 255, 255, 255, 255));    /* negative */
	expect_refused(BYTES(0xfe, 0x32, 255, 255, 255, 255, 255, 255, 255, 127, 0x02));
	memset(deep, 0x0e, sizeof(deep));
	expect_refused(deep, sizeof(deep));
	memset(deep, 0xfe, sizeof(deep));
	expect_refused(deep, sizeof(deep));
}

static void thirty_two_levels_are_read_and_no_more(void **state)
{
	unsigned char bytes[2 * (SERI_MIN_DEPTH + 1)];

	memset(bytes, 0x0e, SERI_MIN_DEPTH);
	bytes[SERI_MIN_DEPTH] = 0x02;
	memset(bytes + SERI_MIN_DEPTH + 1, 0x00, SERI_MIN_DEPTH);
	struct json j;

	json_init(&j);
	assert_int_equal(seri_min_to_json(bytes, 2 * SERI_MIN_DEPTH + 1, &j, NULL), 0);
	json_fini(&j);
	memset(bytes, 0x0e, SERI_MIN_DEPTH + 1);
	memset(bytes + SERI_MIN_DEPTH + 1, 0x00, SERI_MIN_DEPTH + 1);
	expect_refused(bytes, sizeof(bytes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_take_the_shortest_form_of_the_format),
		cmocka_unit_test(strings_take_the_form_of_their_length),
		cmocka_unit_test(a_word_is_an_integer_only_if_all_of_it_is),
		cmocka_unit_test(every_kind_of_value_has_a_json_form),
		cmocka_unit_test(tables_are_arrays_or_objects),
		cmocka_unit_test(a_long_array_has_its_length_as_an_item),
		cmocka_unit_test(broken_streams_are_refused_and_leave_the_writer_as_it_was),
		cmocka_unit_test(thirty_two_levels_are_read_and_no_more),
	};

	return cmocka_run_group_tests_name("daemon/seri_min", tests, NULL, NULL);
}

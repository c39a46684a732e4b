/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "daemon/ctl/print.h"
#include "core/base/json.h"
#include "core/base/jsonread.h"

/* ---- writer ---- */

static void commas_stand_between_members_and_nowhere_else(void **state)
{
	struct json j;

	json_init(&j);
	json_object(&j, NULL);
	json_array(&j, "a");
	json_array_end(&j);
	json_array(&j, "b");
	json_int(&j, NULL, -1);
	json_object(&j, NULL);
	json_object_end(&j);
	json_bool(&j, NULL, false);
	json_array_end(&j);
	json_null(&j, "c");
	json_keyn(&j, "d\0e", 3);
	json_uint(&j, NULL, UINT64_MAX);
	json_object_end(&j);
	assert_string_equal(
		j.text.bytes,
		"{\"a\":[],\"b\":[-1,{},false],\"c\":null,\"d\\u0000e\":18446744073709551615}");
	assert_int_equal(j.text.size, strlen(j.text.bytes));
	json_fini(&j);
}

static void quoted_as(const char *p, size_t n, const char *text)
{
	struct json j;

	json_init(&j);
	json_stringn(&j, NULL, p, n);
	assert_string_equal(j.text.bytes, text);
	json_fini(&j);
}

static void text_is_escaped_and_stays_utf8(void **state)
{
	quoted_as("a\"b\\c\n\t\x01\x7f", 9, "\"a\\\"b\\\\c\\n\\t\\u0001\\u007f\"");
	quoted_as("h\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 10,
		  "\"h\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"");
}

static void bytes_that_are_not_utf8_become_escapes(void **state)
{
	quoted_as("\xff", 1, "\"\\u00ff\"");
	quoted_as("\xc3", 1, "\"\\u00c3\"");		/* cut */
	quoted_as("\xc0\x80", 2, "\"\\u00c0\\u0080\""); /* overlong */
	quoted_as("\xe0\x9f\xbf", 3, "\"\\u00e0\\u009f\\u00bf\"");
	quoted_as("\xed\xa0\x80", 3, "\"\\u00ed\\u00a0\\u0080\""); /* a surrogate */
	quoted_as("\xf4\x90\x80\x80", 4, "\"\\u00f4\\u0090\\u0080\\u0080\"");
}

static void numbers_read_back_as_themselves(void **state)
{
	static const double values[] = { 0, 0.1, 1e300, -2.5, 1.0 / 3, 123456789.125, 5e-324 };
	struct json j;

	for (unsigned i = 0; i < array_len(values); i++) {
		json_init(&j);
		json_double(&j, NULL, values[i]);
		assert_true(strtod(j.text.bytes, NULL) == values[i]);
		json_fini(&j);
	}
	json_init(&j);
	json_array(&j, NULL);
	json_double(&j, NULL, 0.1);
	json_double(&j, NULL, NAN);
	json_double(&j, NULL, -INFINITY);
	json_array_end(&j);
	assert_string_equal(j.text.bytes, "[0.1,null,null]");
	json_fini(&j);
}

/* ---- reader ---- */

static struct jsonv *read_ok(const char *text)
{
	struct jsonv *v = NULL;

	assert_int_equal(jsonread(text, strlen(text), &v), 0);
	return v;
}

static void what_the_writer_wrote_the_reader_reads(void **state)
{
	struct json j;
	struct jsonv *v;
	const struct jsonv *list;

	json_init(&j);
	json_object(&j, NULL);
	json_stringn(&j, "text", "a\0b\"\n\xc3\xa4", 7);
	json_array(&j, "list");
	json_int(&j, NULL, -42);
	json_bool(&j, NULL, true);
	json_null(&j, NULL);
	json_array_end(&j);
	json_object_end(&j);
	v = read_ok(j.text.bytes);
	assert_int_equal(v->type, JSONV_OBJECT);
	assert_int_equal(jsonv_get(v, "text")->size, 7);
	assert_memory_equal(jsonv_get(v, "text")->text, "a\0b\"\n\xc3\xa4", 7);
	list = jsonv_get(v, "list");
	assert_string_equal(list->child->text, "-42");
	assert_int_equal(list->child->next->type, JSONV_TRUE);
	assert_int_equal(list->child->next->next->type, JSONV_NULL);
	assert_null(list->child->next->next->next);
	assert_null(jsonv_get(v, "nothing"));
	assert_memory_equal(jsonv_text(v, "text", "-"), "a\0b", 3);
	assert_string_equal(jsonv_text(v, "list", "-"), "-");
	assert_string_equal(jsonv_text(v, "nothing", "-"), "-");
	assert_null(jsonv_text(NULL, "text", NULL));
	jsonv_destroy(v);
	json_fini(&j);
}

static void escapes_are_decoded(void **state)
{
	struct jsonv *v = read_ok("\"\\u0041\\u00e4\\u20ac\\ud83d\\ude00\\/\\b\"");

	assert_string_equal(v->text, "A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80/\b");
	jsonv_destroy(v);
}

static void what_is_not_json_is_refused(void **state)
{
	static const char *const wrong[] = {
		"",	 " ",	   "{",	      "[1,]",	   "[1 2]",	  "{\"a\"}",	 "{\"a\":}",
		"{a:1}", "nul",	   "truex",   "01",	   "1.",	  "1e",		 "-",
		"\"",	 "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\udc00\"", "\"\n\"",
		"[1]]",	 "1 2",
	};
	struct jsonv *v = NULL;

	for (unsigned i = 0; i < array_len(wrong); i++)
		if (jsonread(wrong[i], strlen(wrong[i]), &v) != -EINVAL)
			fail_msg("accepted: %s", wrong[i]);
	assert_null(v);
}

static void nesting_has_a_limit(void **state)
{
	char text[2 * (JSONREAD_DEPTH_MAX + 1)];
	struct jsonv *v;

	memset(text, '[', JSONREAD_DEPTH_MAX + 1);
	memset(text + JSONREAD_DEPTH_MAX + 1, ']', JSONREAD_DEPTH_MAX + 1);
	assert_int_equal(jsonread(text, sizeof(text), &v), -EINVAL);
	assert_int_equal(jsonread(text + 1, sizeof(text) - 2, &v), 0);
	jsonv_destroy(v);
}

/* ---- for people ---- */

static void expect_print(const char *json, const char *text)
{
	struct jsonv *v = read_ok(json);
	char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	ctl_print(f, v, 1000);
	fclose(f);
	assert_string_equal(out, text);
	free(out);
	jsonv_destroy(v);
}

static void a_list_of_objects_is_a_table(void **state)
{
	expect_print("{\"names\":[{\"name\":\".a\",\"n\":1,\"since\":940},{\"name\":\"."
		     "l\xc3\xa4nger\",\"n\":200,"
		     "\"since\":5}]}",
		     "name       n   since\n"
		     ".a         1   1m00s\n"
		     ".l\xc3\xa4nger  200  16m35s\n");
}

static void an_object_is_lines_of_name_and_value(void **state)
{
	expect_print("{\"node\":\"n1\",\"endless\":true,\"stuck\":[{\"a\":1},\"x\"]}",
		     "node     n1\nendless  yes\nstuck    [{a=1}, \"x\"]\n");
}

static void an_empty_list_is_said_so(void **state)
{
	expect_print("{\"nodes\":[]}", "no nodes\n");
}

static void values_of_a_call_stand_one_a_line(void **state)
{
	expect_print("{\"values\":[1,\"two\",{\"k\":null}]}", "1\ntwo\n{k=null}\n");
}

static void texts_of_several_lines_are_blocks(void **state)
{
	(void)state;
	expect_print("{\"tasks\":[{\"session\":7,\"trace\":\"top\\n\\tC\\u001b\"},{\"session\":8,"
		     "\"trace\":\"one\"}]}",
		     "session 7\n  top\n  \tC\\x1b\nsession 8  trace one\n");
	expect_print("{\"output\":\"a\\tb\\n\\nc\\u0007\"}", "a\tb\n\nc\\x07\n");
	expect_print("{\"output\":\"\"}", "");
}

static void control_characters_do_not_reach_the_terminal(void **state)
{
	expect_print("{\"values\":[\"a\\u001b[31mb\\n\"]}", "a\\x1b[31mb\\n\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commas_stand_between_members_and_nowhere_else),
		cmocka_unit_test(text_is_escaped_and_stays_utf8),
		cmocka_unit_test(bytes_that_are_not_utf8_become_escapes),
		cmocka_unit_test(numbers_read_back_as_themselves),
		cmocka_unit_test(what_the_writer_wrote_the_reader_reads),
		cmocka_unit_test(escapes_are_decoded),
		cmocka_unit_test(what_is_not_json_is_refused),
		cmocka_unit_test(nesting_has_a_limit),
		cmocka_unit_test(a_list_of_objects_is_a_table),
		cmocka_unit_test(an_object_is_lines_of_name_and_value),
		cmocka_unit_test(an_empty_list_is_said_so),
		cmocka_unit_test(values_of_a_call_stand_one_a_line),
		cmocka_unit_test(texts_of_several_lines_are_blocks),
		cmocka_unit_test(control_characters_do_not_reach_the_terminal),
	};

	return cmocka_run_group_tests_name("daemon/json", tests, NULL, NULL);
}

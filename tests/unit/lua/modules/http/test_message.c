/* SPDX-License-Identifier: MIT */
/* Lines of HTTP that are right, those that nearly are, and chunks cut anywhere. */
#include "lua/modules/http/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static struct http_span span(const char *text)
{
	return (struct http_span){ text, strlen(text) };
}

static void is(struct http_span s, const char *text)
{
	assert_int_equal(s.size, strlen(text));
	assert_memory_equal(s.at, text, s.size);
}

static void test_lines(void **state)
{
	struct http_span rest = span("a\r\n\r\nb\nc"), line;

	assert_true(http_next_line(&rest, &line));
	is(line, "a");
	assert_true(http_next_line(&rest, &line));
	is(line, "");
	assert_true(http_next_line(&rest, &line));
	is(line, "b\nc");
	assert_false(http_next_line(&rest, &line));
}

static void test_request_line(void **state)
{
	static const char *const wrong[] = { "",
					     "GET",
					     "GET /",
					     " / HTTP/1.1",
					     "GET  HTTP/1.1",
					     "GET / h",
					     "GET / HTTP/1",
					     "GET / HTTP/1.1 ",
					     "G@T / HTTP/1.1",
					     "GET /\t HTTP/1.1",
					     "GET / HTTP/a.1",
					     "GET / HTTP/1,1",
					     "GET /\x7f HTTP/1.1" };
	struct http_request_line r;

	assert_true(http_request_line(span("M-SEARCH * HTTP/1.0"), &r));
	is(r.method, "M-SEARCH");
	is(r.target, "*");
	assert_int_equal(r.version, 10);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_false(http_request_line(span(wrong[i]), &r));
}

static void test_status_line(void **state)
{
	static const char *const wrong[] = { "HTTP/1.1 200",	 "HTTP/1.1 20 OK",
					     "HTTP/1.1 2000 OK", "HTTP/1.1 099 X",
					     "HTTP/1.1 2x0 X",	 "HTTP/1.1 200 a\rb",
					     "ICY 200 OK" };
	struct http_status_line s;

	assert_true(http_status_line(span("HTTP/1.1 404 Not Found"), &s));
	assert_int_equal(s.code, 404);
	assert_int_equal(s.version, 11);
	is(s.reason, "Not Found");
	assert_true(http_status_line(span("HTTP/1.1 200 "), &s));
	is(s.reason, "");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_false(http_status_line(span(wrong[i]), &s));
}

static void test_fields(void **state)
{
	static const char *const wrong[] = { "",     "a",      ":b",	 "a :b",
					     " a:b", "a\tb:c", "a:b\rc", "a:\x01" };
	struct http_field f;
	struct http_span more;

	assert_true(http_field(span("Name:\t a b \t"), &f));
	is(f.name, "Name");
	is(f.value, "a b");
	assert_true(http_field(span("n:"), &f));
	is(f.value, "");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_false(http_field(span(wrong[i]), &f));
	assert_true(http_fold(span("\t more "), &more));
	is(more, "more");
	assert_false(http_fold(span(" more"), &more));
}

/* What the decoder says in the end about these bytes, given `step` at a time. */
static enum http_chunks_event decode(const char *text, size_t step, char *ret)
{
	struct http_chunks c = { 0 };
	enum http_chunks_event event = HTTP_CHUNKS_MORE;
	size_t n = strlen(text);

	*ret = '\0';
	for (size_t at = 0; at < n && event == HTTP_CHUNKS_MORE; at += step) {
		struct http_span in = { text + at, n - at < step ? n - at : step }, data;

		while ((event = http_chunks_next(&c, &in, &data)) == HTTP_CHUNKS_DATA)
			strncat(ret, data.at, data.size);
	}
	return event;
}

static void test_chunks(void **state)
{
	static const char *const wrong[] = {
		"x\r\n",  "\r\n",	"5\nhello", "1\r\nab\r\n",	   "1\r\na\n0\r\n",
		"-1\r\n", "1;\x01\r\n", "0x1\r\n",  "1000000000000000\r\n"
	};
	char data[64];

	for (size_t step = 1; step < 30; step++) {
		assert_int_equal(decode("5;a=b\r\nhello\r\nB \r\n, the world\r\n0\r\n", step, data),
				 HTTP_CHUNKS_END);
		assert_string_equal(data, "hello, the world");
		assert_int_equal(decode("5\r\nhel", step, data), HTTP_CHUNKS_MORE);
		assert_string_equal(data, "hel");
		for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
			assert_int_equal(decode(wrong[i], step, data), HTTP_CHUNKS_BAD);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),	    cmocka_unit_test(test_request_line),
		cmocka_unit_test(test_status_line), cmocka_unit_test(test_fields),
		cmocka_unit_test(test_chunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

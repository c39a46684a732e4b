/* SPDX-License-Identifier: MIT */
/* HTTP messages: what is accepted is as strict as promised, and a chunked body that arrives in
 * pieces is the one that arrives at once. First byte: how it is cut. */
#include <stdlib.h>
#include <string.h>

#include "lua/modules/http/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void check(int ok)
{
	if (!ok)
		abort();
}

static void inside(struct http_span part, struct http_span whole)
{
	check(part.size == 0 ||
	      (part.at >= whole.at && part.at + part.size <= whole.at + whole.size));
}

static void no_line_end(struct http_span s)
{
	for (size_t i = 0; i < s.size; i++)
		check(s.at[i] != '\r' && s.at[i] != '\n' && s.at[i] != 0);
}

static void lines(struct http_span rest)
{
	struct http_span line, value;
	struct http_request_line request;
	struct http_status_line status;
	struct http_field field;

	while (http_next_line(&rest, &line)) {
		if (http_request_line(line, &request)) {
			inside(request.method, line);
			inside(request.target, line);
			no_line_end(line);
		}
		if (http_status_line(line, &status)) {
			inside(status.reason, line);
			no_line_end(line);
			check(status.code >= 100 && status.code <= 999);
		}
		if (http_field(line, &field)) {
			inside(field.name, line);
			inside(field.value, line);
			no_line_end(line);
			check(field.name.size && field.name.at[field.name.size - 1] != ' ');
		}
		if (http_fold(line, &value))
			inside(value, line);
	}
}

struct body {
	char *data;
	size_t size;
	enum http_chunks_event last;
};

static struct body decode(struct http_span in, size_t step)
{
	struct body b = { .data = malloc(in.size + 1) };
	struct http_chunks c = { 0 };

	b.last = HTTP_CHUNKS_MORE;
	while (in.size && b.last == HTTP_CHUNKS_MORE) {
		size_t n = in.size < step ? in.size : step;
		struct http_span part = { in.at, n }, data;

		in.at += n;
		in.size -= n;
		while ((b.last = http_chunks_next(&c, &part, &data)) == HTTP_CHUNKS_DATA) {
			check(data.size > 0);
			memcpy(b.data + b.size, data.at, data.size);
			b.size += data.size;
		}
		check(b.last != HTTP_CHUNKS_MORE || part.size == 0);
	}
	return b;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct http_span in = { (const char *)p + 1, n - 1 };
	struct body whole, cut;

	if (n < 2)
		return 0;
	lines(in);
	whole = decode(in, in.size);
	cut = decode(in, p[0] % 7 + 1u);
	check(whole.last == cut.last && whole.size == cut.size);
	check(!whole.size || memcmp(whole.data, cut.data, whole.size) == 0);
	free(whole.data);
	free(cut.data);
	return 0;
}

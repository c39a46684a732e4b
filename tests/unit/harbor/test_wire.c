/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/base.h"
#include "harbor/stream.h"

static struct wire_control last;
static unsigned controls, messages;
static char payload[64];

static void on_control(void *ud, const struct wire_control *c)
{
	(void)ud;
	last = *c;
	controls++;
}

static void on_message(void *ud, struct msg *m)
{
	(void)ud;
	memcpy(payload, msg_payload(m), m->size);
	payload[m->size] = 0;
	assert_int_equal(m->source, 0x01000007);
	assert_int_equal(m->dest, 0x02000008);
	assert_int_equal(m->session, 99);
	assert_int_equal(m->type, PTYPE_LUA);
	messages++;
	msg_destroy(m);
}

static struct stream stream_new(void)
{
	controls = messages = 0;
	return (struct stream){ .max = 1000, .on_control = on_control, .on_message = on_message };
}

static size_t frames(uint8_t *out)
{
	struct wire_control hello = { .kind = WIRE_HELLO,
				      .magic = WIRE_MAGIC,
				      .version = 1,
				      .cluster = "arena",
				      .name = "node",
				      .address = "127.0.0.1:1",
				      .id = 3,
				      .epoch = 0x1122334455667788 };
	struct msg m = { .size = 5, .source = 0x01000007, .dest = 0x02000008, .session = 99, .type = PTYPE_LUA };
	struct wire_control bye = { .kind = WIRE_GOODBYE };
	size_t n = wire_encode(out, &hello);

	wire_encode_msg(out + n, &m);
	n += WIRE_MSG_HEADER;
	memcpy(out + n, "hello", 5);
	n += 5;
	return n + wire_encode(out + n, &bye);
}

static void frames_come_out_whatever_the_pieces(void **state)
{
	uint8_t bytes[WIRE_CONTROL_MAX];
	size_t n = frames(bytes);

	(void)state;
	for (size_t step = 1; step <= n; step++) {
		struct stream s = stream_new();

		for (size_t at = 0; at < n; at += step)
			assert_true(stream_input(&s, bytes + at, n - at < step ? n - at : step));
		assert_int_equal(controls, 2);
		assert_int_equal(messages, 1);
		assert_string_equal(payload, "hello");
		assert_int_equal(last.kind, WIRE_GOODBYE);
		stream_fini(&s);
	}
}

static void every_field_survives(void **state)
{
	uint8_t bytes[WIRE_CONTROL_MAX];

	(void)state;
	for (int kind = WIRE_HELLO; kind < _WIRE_KIND_MAX; kind++) {
		struct wire_control c = { .kind = (enum wire_kind)kind, .magic = WIRE_MAGIC, .version = 7,
					  .cluster = "c", .name = "n", .address = "a", .text = "t",
					  .id = 1, .up = 1, .request = 5, .handle = 6, .epoch = 7, .stamp = 8 };
		struct wire_control got, again;
		size_t n = wire_encode(bytes, &c);

		assert_int_equal(wire_decode(bytes, n, &got), WIRE_OK);
		assert_int_equal(wire_encode(bytes, &got), n);
		assert_int_equal(wire_decode(bytes, n, &again), WIRE_OK);
		assert_memory_equal(&got, &again, sizeof(got));
		for (size_t cut = 0; cut < n; cut++)
			if (cut != n)
				assert_int_equal(wire_decode(bytes, cut, &got), WIRE_BAD);
	}
}

static void strangers_and_giants_are_refused(void **state)
{
	static const char http[] = "GET / HTTP/1.0\r\n\r\n";
	struct stream s = stream_new();
	struct msg m = { .size = 1001 };
	uint8_t head[WIRE_MSG_HEADER];
	uint8_t bytes[WIRE_CONTROL_MAX];
	struct wire_control hello = { .kind = WIRE_HELLO, .magic = 1 };

	(void)state;
	assert_false(stream_input(&s, http, sizeof(http)));
	s = stream_new();
	wire_encode_msg(head, &m);
	assert_false(stream_input(&s, head, sizeof(head)));
	s = stream_new();
	s.max = 0; /* before the handshake no message is taken */
	m.size = 0;
	wire_encode_msg(head, &m);
	assert_false(stream_input(&s, head, sizeof(head)));
	s = stream_new();
	assert_false(stream_input(&s, bytes, wire_encode(bytes, &hello)));
	assert_int_equal(controls + messages, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_come_out_whatever_the_pieces),
		cmocka_unit_test(every_field_survives),
		cmocka_unit_test(strangers_and_giants_are_refused),
	};

	return cmocka_run_group_tests_name("harbor/wire", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/base.h"
#include "core/base/mem.h"
#include "harbor/link/stream.h"

#define BIG (3 * WIRE_CHUNK_MAX + 5)

static struct wire_control last;
static unsigned controls, messages;
static struct msg *kept[4];

static void on_control(void *ud, const struct wire_control *c)
{
	(void)ud;
	last = *c;
	controls++;
}

static struct inbound arrived;

static void on_message(void *ud, struct msg *m)
{
	(void)ud;
	assert_true(messages < array_len(kept));
	kept[messages++] = m;
}

static struct stream stream_new(void)
{
	for (unsigned i = 0; i < array_len(kept); i++)
		kept[i] = msg_destroy(kept[i]);
	controls = messages = 0;
	inbound_adopt(&arrived, 1);
	return (struct stream){ .in = &arrived,
				.max = 2 * BIG,
				.on_control = on_control,
				.on_message = on_message,
				.greeted = true };
}

static struct wire_control full(enum wire_kind kind)
{
	return (struct wire_control){ .kind = kind,
				      .magic = WIRE_MAGIC,
				      .version = 7,
				      .version_min = 3,
				      .features = 9,
				      .cluster = "c",
				      .name = "n",
				      .address = "a",
				      .text = "t",
				      .id = 1,
				      .up = 1,
				      .request = 5,
				      .handle = 6,
				      .code = 2,
				      .epoch = 7,
				      .births = 13,
				      .fence = 14,
				      .flags = 15,
				      .peer_epoch = 1u << 31,
				      .stamp = UINT64_MAX,
				      .count = 11,
				      .change = 12,
				      .session = 16,
				      .known = 17 };
}

static const struct msg small = {
	.size = 5, .source = 0x01000007, .dest = 0x02000008, .session = -1, .type = 10
};

/* HELLO, a small message, an empty one, GOODBYE */
static size_t frames(uint8_t *out)
{
	struct wire_control hello = full(WIRE_HELLO), bye = { .kind = WIRE_GOODBYE };
	struct msg empty = small;
	size_t n = wire_encode(out, &hello);

	wire_encode_msg(out + n, &small, 0);
	n += WIRE_MSG_HEADER;
	memcpy(out + n, "hello", 5);
	n += 5;
	empty.size = 0;
	wire_encode_msg(out + n, &empty, 1);
	n += WIRE_MSG_HEADER;
	return n + wire_encode(out + n, &bye);
}

static void frames_come_out_whatever_the_pieces(void **state)
{
	uint8_t bytes[WIRE_CONTROL_MAX];
	size_t n = frames(bytes);

	(void)state;
	for (size_t step = 1; step <= n; step++) {
		struct stream s = stream_new();

		s.greeted = false;
		for (size_t at = 0; at < n; at += step)
			assert_true(stream_input(&s, bytes + at, n - at < step ? n - at : step));
		assert_int_equal(controls, 2);
		assert_int_equal(messages, 2);
		assert_memory_equal(msg_payload(kept[0]), "hello", 5);
		assert_int_equal(kept[0]->source, small.source);
		assert_int_equal(kept[0]->dest, small.dest);
		assert_int_equal(kept[0]->session, -1);
		assert_int_equal(kept[0]->type, 10);
		assert_int_equal(kept[1]->size, 0);
		assert_int_equal(last.kind, WIRE_GOODBYE);
		assert_true(arrived.count == 2);
		stream_fini(&s);
	}
}

static void every_field_survives_and_every_cut_is_refused(void **state)
{
	uint8_t bytes[WIRE_CONTROL_MAX];

	(void)state;
	for (int kind = WIRE_HELLO; kind < _WIRE_KIND_MAX; kind++) {
		struct wire_control c = full((enum wire_kind)kind), got, again;
		size_t n = wire_encode(bytes, &c), size;
		enum wire_kind seen;

		assert_int_equal(wire_peek(bytes, n, &seen, &size), WIRE_OK);
		assert_int_equal(seen, kind);
		assert_int_equal(size, n);
		assert_int_equal(wire_decode(bytes, n, &got), WIRE_OK);
		assert_int_equal(wire_encode(bytes, &got), n);
		assert_int_equal(wire_decode(bytes, n, &again), WIRE_OK);
		assert_memory_equal(&got, &again, sizeof(got));
		for (size_t cut = 0; cut < n; cut++)
			assert_int_equal(wire_decode(bytes, cut, &got), WIRE_BAD);
		/* what a later version has to say behind the last field */
		bytes[n] = bytes[n + 1] = 0xaa;
		assert_int_equal(wire_decode(bytes, n + 2, &again), WIRE_OK);
		assert_int_equal(wire_decode(bytes, n, &got), WIRE_OK);
		assert_memory_equal(&got, &again, sizeof(got));
	}
	wire_encode(bytes, &(struct wire_control){
				   .kind = WIRE_PING, .stamp = 0x1122334455667788, .count = 3 });
	assert_int_equal(wire_decode(bytes, 21, &last), WIRE_OK);
	assert_true(last.stamp == 0x1122334455667788 && last.count == 3);
}

static void strangers_are_known_by_their_first_bytes(void **state)
{
	static const char http[] = "GET / HTTP/1.0\r\n\r\n";
	struct stream s = stream_new();
	uint8_t bytes[WIRE_CONTROL_MAX];
	struct wire_control hello = full(WIRE_HELLO), ping = full(WIRE_PING);
	size_t n = wire_encode(bytes, &hello);

	(void)state;
	s.greeted = false;
	assert_false(stream_input(&s, http, 1)); /* one byte is enough */
	s = stream_new();
	s.greeted = false;
	assert_int_equal(wire_peek_first(bytes, 8), WIRE_MORE);
	assert_int_equal(wire_peek_first(bytes, 9), WIRE_OK);
	bytes[8] ^= 1;
	assert_true(stream_input(&s, bytes, 8));
	/* the magic is wrong; the rest is not waited for */
	assert_false(stream_input(&s, bytes + 8, 1));
	s = stream_new();
	s.greeted = false;
	n = wire_encode(bytes, &ping);
	assert_false(stream_input(&s, bytes, n)); /* no first frame */
	s = stream_new();
	s.in = NULL; /* before the handshake no message is taken */
	wire_encode_msg(bytes, &small, 0);
	assert_false(stream_input(&s, bytes, WIRE_MSG_HEADER));
	assert_int_equal(controls + messages, 0);
}

static size_t put_chunk(uint8_t *out, const uint8_t *data, uint32_t n, uint32_t seq,
			uint32_t stream)
{
	wire_encode_chunk(out, n, seq, stream);
	memcpy(out + WIRE_CHUNK_HEADER, data, n);
	return WIRE_CHUNK_HEADER + n;
}

static void a_small_message_overtakes_the_chunks_of_a_large_one(void **state)
{
	uint8_t *data = mem_alloc(BIG), *bytes = mem_alloc(BIG + 4096);
	struct msg large = small;
	struct stream s = stream_new();
	uint32_t seq = 0;
	size_t n;

	(void)state;
	for (unsigned i = 0; i < BIG; i++)
		data[i] = (uint8_t)(i * 7 + i / 251);
	large.size = BIG;
	wire_encode_large(bytes, &large, seq++, 77);
	n = WIRE_LARGE_HEADER;
	n += put_chunk(bytes + n, data, WIRE_CHUNK_MAX, seq++, 77);
	wire_encode_msg(bytes + n, &small, seq++);
	memcpy(bytes + n + WIRE_MSG_HEADER, "first", 5);
	n += WIRE_MSG_HEADER + 5;
	n += put_chunk(bytes + n, data + WIRE_CHUNK_MAX, WIRE_CHUNK_MAX, seq++, 77);
	n += put_chunk(bytes + n, data + 2 * WIRE_CHUNK_MAX, WIRE_CHUNK_MAX, seq++, 77);
	n += put_chunk(bytes + n, data + 3 * WIRE_CHUNK_MAX, 5, seq++, 77);
	for (size_t step = 1000; step <= n; step += 49999) {
		s = stream_new();
		for (size_t at = 0; at < n; at += step)
			assert_true(stream_input(&s, bytes + at, n - at < step ? n - at : step));
		assert_int_equal(messages, 2);
		assert_memory_equal(msg_payload(kept[0]), "first", 5);
		assert_int_equal(kept[1]->size, BIG);
		assert_memory_equal(msg_payload(kept[1]), data, BIG);
		stream_fini(&s);
	}
	mem_free(data);
	mem_free(bytes);
}

static void what_breaks_the_rules_of_data_frames_is_refused(void **state)
{
	static uint8_t bytes[WIRE_CHUNK_MAX + 64];
	struct msg large = small;
	struct stream s = stream_new();

	(void)state;
	wire_encode_msg(bytes, &small, 1);
	assert_false(stream_input(&s, bytes, WIRE_MSG_HEADER)); /* the first is 0 */
	s = stream_new();
	wire_encode_chunk(bytes, 5, 0, 3);
	assert_false(stream_input(&s, bytes, WIRE_CHUNK_HEADER)); /* of nothing */
	s = stream_new();
	large.size = 0;
	wire_encode_large(bytes, &large, 0, 3);
	assert_false(stream_input(&s, bytes, WIRE_LARGE_HEADER)); /* would never end */
	s = stream_new();
	large.size = 2 * BIG + 1;
	wire_encode_large(bytes, &large, 0, 3);
	assert_false(stream_input(&s, bytes, WIRE_LARGE_HEADER)); /* too large */
	s = stream_new();
	large.size = 10;
	wire_encode_large(bytes, &large, 0, 3);
	assert_true(stream_input(&s, bytes, WIRE_LARGE_HEADER));
	wire_encode_chunk(bytes, 11, 1, 3);
	assert_false(stream_input(&s, bytes, WIRE_CHUNK_HEADER)); /* more than was said */
	stream_fini(&s);
	s = stream_new();
	for (uint32_t i = 0; i < WIRE_LARGE_MAX; i++) {
		wire_encode_large(bytes, &large, i, i);
		assert_true(stream_input(&s, bytes, WIRE_LARGE_HEADER));
	}
	wire_encode_large(bytes, &large, WIRE_LARGE_MAX, WIRE_LARGE_MAX);
	assert_false(stream_input(&s, bytes, WIRE_LARGE_HEADER)); /* too many at a time */
	stream_fini(&s);
	s = stream_new();
	large.size = WIRE_CHUNK_MAX;
	wire_encode_msg(bytes, &large, 0);
	/* the length, which is big-endian: one byte more than a small message may have */
	bytes[3]++;
	assert_false(stream_input(&s, bytes, WIRE_MSG_HEADER)); /* must come in chunks */
}

static void versions_meet_at_the_highest_common_one(void **state)
{
	(void)state;
	assert_int_equal(wire_common_version(1, wire_version), wire_version);
	assert_int_equal(wire_common_version(0, 9), wire_version);
	assert_int_equal(wire_common_version(wire_version + 1, 9), 0);
	assert_int_equal(wire_common_version(0, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_come_out_whatever_the_pieces),
		cmocka_unit_test(every_field_survives_and_every_cut_is_refused),
		cmocka_unit_test(strangers_are_known_by_their_first_bytes),
		cmocka_unit_test(a_small_message_overtakes_the_chunks_of_a_large_one),
		cmocka_unit_test(what_breaks_the_rules_of_data_frames_is_refused),
		cmocka_unit_test(versions_meet_at_the_highest_common_one),
	};

	return cmocka_run_group_tests_name("harbor/wire", tests, NULL, NULL);
}

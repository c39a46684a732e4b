/* SPDX-License-Identifier: MIT */
/* What a peer may begin and not finish: its large messages are bounded in number and in bytes,
 * and go with the stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/base.h"
#include "core/actor/msg.h"
#include "harbor/link/stream.h"

#define MAX (4 * WIRE_CHUNK_MAX)

static struct stream s;
static struct inbound in;
static unsigned arrived;
static uint32_t seq;

static void on_message(void *ud, struct msg *m)
{
	(void)ud;
	arrived++;
	for (uint64_t i = 0; i < m->size; i++)
		assert_int_equal(((uint8_t *)msg_payload(m))[i], 0x5a);
	msg_destroy(m);
}

static int setup(void **state)
{
	(void)state;
	inbound_adopt(&in, 1);
	s = (struct stream){ .in = &in, .max = MAX, .on_message = on_message, .greeted = true };
	arrived = 0;
	seq = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	stream_fini(&s);
	inbound_reset(&in);
	assert_true(in.large_bytes == 0);
	return 0;
}

static bool begin(uint32_t stream, uint64_t size)
{
	struct msg m = { .type = PTYPE_LUA, .source = 1, .dest = 2, .size = size };
	uint8_t head[WIRE_LARGE_HEADER];

	wire_encode_large(head, &m, seq++, stream);
	return stream_input(&s, head, sizeof(head));
}

/* In pieces, for a chunk is cut anywhere. */
static bool chunk(uint32_t stream, uint32_t size)
{
	static uint8_t bytes[WIRE_CHUNK_HEADER + WIRE_CHUNK_MAX];

	memset(bytes, 0x5a, sizeof(bytes));
	wire_encode_chunk(bytes, size, seq++, stream);
	size += WIRE_CHUNK_HEADER;
	for (uint32_t at = 0, n; at < size; at += n) {
		n = size - at < 1000 ? size - at : 1000;
		if (!stream_input(&s, bytes + at, n))
			return false;
	}
	return true;
}

static void so_many_large_messages_are_under_way_and_no_more(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < WIRE_LARGE_MAX; i++)
		assert_true(begin(i, MAX));
	assert_false(begin(WIRE_LARGE_MAX, MAX));
}

static void one_that_is_complete_makes_room(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < WIRE_LARGE_MAX; i++)
		assert_true(begin(i, WIRE_CHUNK_MAX));
	assert_true(chunk(7, WIRE_CHUNK_MAX));
	assert_int_equal(arrived, 1);
	assert_true(begin(99, WIRE_CHUNK_MAX));
}

static void their_bytes_are_bounded_together(void **state)
{
	(void)state;
	s.large_max = 2 * MAX + 5;
	assert_true(begin(1, MAX));
	assert_true(begin(2, MAX));
	assert_true(begin(3, 5));
	for (unsigned i = 0; i < MAX / WIRE_CHUNK_MAX; i++)
		assert_true(chunk(2, WIRE_CHUNK_MAX));
	assert_int_equal(arrived, 1);
	assert_true(begin(4, MAX)); /* there is room again */
	assert_false(begin(5, 1));
}

static void what_was_not_announced_is_refused(void **state)
{
	(void)state;
	assert_true(begin(1, 100));
	assert_false(chunk(2, 10));
	stream_fini(&s);
	setup(NULL);
	assert_true(begin(1, 100));
	assert_false(chunk(1, 101));
	stream_fini(&s);
	setup(NULL);
	assert_false(begin(1, MAX + 1));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(so_many_large_messages_are_under_way_and_no_more),
		T(one_that_is_complete_makes_room),
		T(their_bytes_are_bounded_together),
		T(what_was_not_announced_is_refused),
	};

	return cmocka_run_group_tests_name("harbor/stream", tests, NULL, NULL);
}

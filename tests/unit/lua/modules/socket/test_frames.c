/* SPDX-License-Identifier: MIT */
/* Frames at their limits, and many at once; how streams are cut is the fuzzer's
 * (tests/fuzz/fuzz_frames.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/actor/msg.h"
#include "core/base/mem.h"
#include "lua/modules/socket/frames.h"

static struct frames f;

static int teardown(void **state)
{
	(void)state;
	frames_fini(&f);
	f = (struct frames){ 0 };
	return 0;
}

static size_t put_head(uint8_t *to, uint32_t size)
{
	if (!f.large) {
		frame_put_head(to, size);
		return FRAME_HEAD;
	}
	frame_put_head(to, size >> 16);
	frame_put_head(to + FRAME_HEAD, size & 0xffff);
	return FRAME_LARGE_HEAD;
}

/* A frame of so many bytes, in pieces of `step`. false: it is refused. */
static bool feed(int id, uint32_t size, size_t step)
{
	uint8_t *bytes = mem_zalloc(FRAME_LARGE_HEAD + size);
	size_t head = put_head(bytes, size), n;
	bool good = true;

	for (uint32_t i = 0; i < size; i++)
		bytes[head + i] = (uint8_t)(i * 31);
	for (size_t at = 0; at < head + size && good; at += n) {
		n = head + size - at < step ? head + size - at : step;
		good = frames_feed(&f, id, bytes + at, n);
	}
	mem_free(bytes);
	return good;
}

static void expect(int id, uint32_t size)
{
	struct frame got = { 0 };

	assert_true(frames_pop(&f, &got));
	assert_int_equal(got.id, id);
	assert_int_equal(got.size, size);
	assert_int_equal(got.data == NULL, size == 0);
	for (uint32_t i = 0; i < size; i++)
		if (((uint8_t *)got.data)[i] != (uint8_t)(i * 31))
			fail_msg("byte %u of a frame of %u is wrong", i, size);
	payload_free(got.data);
}

static void expect_none(void)
{
	struct frame got;

	assert_false(frames_pop(&f, &got));
	assert_int_equal(f.partials, 0);
}

static void the_longest_frame_of_16_bits_comes_whole_and_in_pieces(void **state)
{
	(void)state;
	for (size_t step = 1; step <= FRAME_MAX + FRAME_HEAD; step = step * 7 + 1)
		for (uint32_t size = FRAME_MAX - 1; size <= FRAME_MAX; size++) {
			assert_true(feed(7, size, step));
			expect(7, size);
			expect_none();
		}
}

static void frames_of_32_bits_have_a_limit(void **state)
{
	static const size_t steps[] = { 1 << 16, FRAME_LARGE_MAX + FRAME_LARGE_HEAD + 1 };

	(void)state;
	f.large = true;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		assert_true(feed(7, FRAME_LARGE_MAX, steps[i]));
		expect(7, FRAME_LARGE_MAX);
		expect_none();
		assert_false(feed(8, FRAME_LARGE_MAX + 1, steps[i]));
		frames_forget(&f, 8);
		expect_none();
	}
}

static void frames_of_any_number_of_sockets_wait_in_order(void **state)
{
	uint8_t head[FRAME_HEAD];

	(void)state;
	for (int id = 1; id <= 100; id++) { /* unfinished: one byte of each head */
		frame_put_head(head, (size_t)id * 3);
		assert_true(frames_feed(&f, id, head, 1));
	}
	assert_int_equal(f.partials, 100);
	for (int id = 100; id >= 1; id--) {
		uint8_t rest[1 + 300];

		frame_put_head(head, (size_t)id * 3);
		rest[0] = head[1];
		for (int i = 0; i < id * 3; i++)
			rest[1 + i] = (uint8_t)(i * 31);
		if (id % 10 == 0)
			frames_forget(&f, id);
		else
			assert_true(frames_feed(&f, id, rest, 1 + (size_t)id * 3));
	}
	for (int id = 100; id >= 1; id--)
		if (id % 10)
			expect(id, (uint32_t)id * 3);
	expect_none();
}

static void an_empty_frame_is_a_frame(void **state)
{
	(void)state;
	assert_true(feed(1, 0, 1));
	assert_true(feed(1, 0, 2));
	assert_true(feed(1, 1, 3));
	expect(1, 0);
	expect(1, 0);
	expect(1, 1);
	expect_none();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_longest_frame_of_16_bits_comes_whole_and_in_pieces,
					  teardown),
		cmocka_unit_test_teardown(frames_of_32_bits_have_a_limit, teardown),
		cmocka_unit_test_teardown(frames_of_any_number_of_sockets_wait_in_order, teardown),
		cmocka_unit_test_teardown(an_empty_frame_is_a_frame, teardown),
	};

	return cmocka_run_group_tests_name("lua/modules/socket/frames", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "tests/unit/net/probe.h"
#include "net/sendq.h"

static void push(struct sendq *q, int priority, const char *text)
{
	sendq_push(q, priority, payload_text(text), strlen(text));
}

/* What would be written next, as one text. */
static const char *order(const struct sendq *q)
{
	static char text[256];
	struct iovec iov[16];
	int n = sendq_gather(q, iov, 16);
	size_t at = 0;

	for (int i = 0; i < n; i++) {
		memcpy(text + at, iov[i].iov_base, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	text[at] = 0;
	return text;
}

static void high_comes_before_low_and_each_keeps_its_order(void **state)
{
	struct sendq q = { 0 };

	push(&q, SENDQ_LOW, "c");
	push(&q, SENDQ_HIGH, "a");
	push(&q, SENDQ_LOW, "d");
	push(&q, SENDQ_HIGH, "b");
	assert_string_equal(order(&q), "abcd");
	assert_int_equal(q.bytes, 4);
	sendq_clear(&q);
	assert_true(sendq_empty(&q));
}

static void a_low_item_that_has_begun_is_not_overtaken(void **state)
{
	struct sendq q = { 0 };

	push(&q, SENDQ_LOW, "low1");
	push(&q, SENDQ_LOW, "low2");
	sendq_sent(&q, 2);
	push(&q, SENDQ_HIGH, "high");
	assert_string_equal(order(&q), "w1highlow2");
	sendq_sent(&q, 2);
	assert_string_equal(order(&q), "highlow2");
	sendq_clear(&q);
}

static void one_write_may_end_inside_any_item(void **state)
{
	static const char all[] = "onetwothreefourfive";

	for (size_t cut = 0; cut <= strlen(all); cut++) {
		struct sendq q = { 0 };

		push(&q, SENDQ_LOW, "four");
		push(&q, SENDQ_HIGH, "one");
		push(&q, SENDQ_HIGH, "two");
		push(&q, SENDQ_HIGH, "three");
		push(&q, SENDQ_LOW, "five");
		sendq_sent(&q, cut);
		assert_string_equal(order(&q), all + cut);
		assert_int_equal(q.bytes, strlen(all) - cut);
		assert_int_equal(sendq_empty(&q), cut == strlen(all));
		sendq_clear(&q);
	}
}

static void the_rest_of_a_direct_write_goes_first(void **state)
{
	struct sendq q = { 0 };

	sendq_push_rest(&q, payload_text("begun"), 5, 2);
	push(&q, SENDQ_HIGH, "next");
	assert_int_equal(q.bytes, 7);
	assert_string_equal(order(&q), "gunnext");
	sendq_sent(&q, 7);
	assert_true(sendq_empty(&q));
	assert_null(q.list[SENDQ_HIGH].first);
}

static void gather_fills_no_more_than_it_may(void **state)
{
	struct sendq q = { 0 };
	struct iovec iov[3];

	for (int i = 0; i < 5; i++)
		push(&q, i & 1, "x");
	assert_int_equal(sendq_gather(&q, iov, 3), 3);
	sendq_clear(&q);
}

static void warnings_come_at_doubling_thresholds_and_are_taken_back(void **state)
{
	struct sendq q = { 0 };
	unsigned kib, seen[8], n = 0;
	size_t item = 256 << 10;

	/* the vector of the contract: 40 x 256 KiB to a peer that takes nothing: 1024, 2048, 4096,
	 * and 8192 */
	for (int i = 0; i < 40; i++) {
		sendq_push(&q, SENDQ_HIGH, payload_alloc(item), item);
		kib = sendq_warning(&q);
		if (kib)
			seen[n++] = kib;
	}
	assert_int_equal(n, 4);
	assert_int_equal(seen[0], 1024);
	assert_int_equal(seen[1], 2048);
	assert_int_equal(seen[2], 4096);
	assert_int_equal(seen[3], 8192);
	sendq_clear(&q);
	assert_true(sendq_calm(&q));
	assert_false(sendq_calm(&q));
	sendq_push(&q, SENDQ_HIGH, payload_alloc(item), item);
	assert_int_equal(sendq_warning(&q), 0);
	sendq_clear(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(high_comes_before_low_and_each_keeps_its_order),
		cmocka_unit_test(a_low_item_that_has_begun_is_not_overtaken),
		cmocka_unit_test(one_write_may_end_inside_any_item),
		cmocka_unit_test(the_rest_of_a_direct_write_goes_first),
		cmocka_unit_test(gather_fills_no_more_than_it_may),
		cmocka_unit_test(warnings_come_at_doubling_thresholds_and_are_taken_back),
	};
	return cmocka_run_group_tests_name("net/sendq", tests, NULL, NULL);
}

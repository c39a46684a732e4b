/* SPDX-License-Identifier: MIT */
/* The order on the wire, read back by a real stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/base.h"
#include "core/base/mem.h"
#include "harbor/link/stream.h"
#include "harbor/link/ledger.h"
#include "harbor/link/txq.h"

#define A 0x01000001u
#define B 0x01000002u
#define X 0x02000001u
#define LARGE (4 * WIRE_CHUNK_MAX)

static struct stream in;
static struct inbound arrived;
static struct {
	uint32_t source, dest;
	int32_t session;
	uint64_t size;
} got[4096];
static unsigned count;

static void on_control(void *ud, const struct wire_control *c)
{
	(void)ud;
	(void)c;
	fail();
}

static void on_message(void *ud, struct msg *m)
{
	const uint8_t *p = msg_payload(m);

	(void)ud;
	for (uint64_t i = 0; i < m->size; i += i + 1 < m->size ? 997 : 1)
		assert_int_equal(p[i], (uint8_t)(i * 31 + (uint64_t)m->session));
	assert_true(count < 4096);
	got[count].source = m->source;
	got[count].dest = m->dest;
	got[count].session = m->session;
	got[count++].size = m->size;
	msg_destroy(m);
}

static int setup(void **state)
{
	static struct txq q;

	txq_init(&q);
	count = 0;
	inbound_adopt(&arrived, 1);
	in = (struct stream){ .in = &arrived,
			      .max = 1u << 30,
			      .on_control = on_control,
			      .on_message = on_message,
			      .greeted = true };
	*state = &q;
	return 0;
}

static void free_list(struct msg *m)
{
	while (m) {
		struct msg *next = m->next;

		msg_destroy(m);
		m = next;
	}
}

static int teardown(void **state)
{
	free_list(txq_clear(*state));
	(void)txq_renew(*state);
	txq_fini(*state);
	stream_fini(&in);
	inbound_reset(&arrived);
	return 0;
}

static void push(struct txq *q, uint32_t source, uint32_t dest, int32_t session, uint64_t size)
{
	struct msg *m = msg_create(size);
	uint8_t *p = msg_payload(m);

	m->source = source;
	m->dest = dest;
	m->session = session;
	for (uint64_t i = 0; i < size; i++)
		p[i] = (uint8_t)(i * 31 + (uint64_t)session);
	txq_push(q, m);
}

/* One batch over the wire; false: there was none. */
static bool pass(struct txq *q, struct txq_batch *b)
{
	if (!txq_fill(q, b))
		return false;
	for (unsigned i = 0; i < b->parts; i++)
		assert_true(stream_input(&in, b->iov[i].iov_base, b->iov[i].iov_len));
	return true;
}

static void pass_all(struct txq *q)
{
	static struct txq_batch b;

	while (pass(q, &b))
		;
	assert_true(txq_is_empty(q));
}

static void small_messages_keep_the_order_of_pushing(void **state)
{
	for (int i = 0; i < 1000; i++)
		push(*state, i & 1 ? A : B, X, i, (uint64_t)(i % 100));
	pass_all(*state);
	assert_int_equal(count, 1000);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(got[i].session, i);
}

static void a_small_message_waits_for_a_few_chunks_of_a_large_one_at_most(void **state)
{
	static struct txq_batch b;
	uint64_t bytes = 0;

	push(*state, A, X, 1, 64u << 20);
	assert_true(pass(*state, &b));
	push(*state, B, X, 2, 64);
	while (!count) {
		assert_true(pass(*state, &b));
		bytes += b.bytes;
	}
	assert_int_equal(got[0].session, 2);
	assert_true(bytes <= (TXQ_BATCH_CHUNKS + 1) * (WIRE_CHUNK_MAX + 64));
}

static void a_pair_keeps_its_order_behind_a_large_message(void **state)
{
	push(*state, A, X, 1, 10);
	push(*state, A, X, 2, LARGE);
	push(*state, A, X, 3, 10);
	push(*state, B, X, 4, 10);
	push(*state, A, X, 5, LARGE);
	push(*state, A, X, 6, 10);
	pass_all(*state);
	assert_int_equal(count, 6);
	int32_t last = 0;

	for (unsigned i = 0; i < count; i++)
		if (got[i].source == A) {
			assert_true(got[i].session > last);
			last = got[i].session;
		}
	assert_int_equal(got[1].session, 4); /* the other pair did not wait */
}

static void what_a_pair_sent_before_a_large_message_stays_before_it(void **state)
{
	/* more small ones than a batch holds, and a large one that would fit into the first
	 * batch's chunks */
	for (int i = 0; i < 200; i++)
		push(*state, A, X, i, 8);
	push(*state, A, X, 200, WIRE_CHUNK_MAX + 1);
	pass_all(*state);
	assert_int_equal(count, 201);
	for (int i = 0; i <= 200; i++)
		assert_int_equal(got[i].session, i);
}

static void large_messages_share_the_wire(void **state)
{
	static struct txq_batch b;

	for (int i = 0; i < 3; i++)
		push(*state, A + (uint32_t)i, X, i, i == 0 ? 100 * WIRE_CHUNK_MAX : LARGE);
	while (count < 2)
		assert_true(pass(*state, &b));
	/* the longest does not come first */
	assert_true(got[0].session != 0 && got[1].session != 0);
	pass_all(*state);
	assert_int_equal(count, 3);
}

static void more_large_messages_than_may_be_begun_still_arrive(void **state)
{
	for (int i = 0; i < 3 * (int)WIRE_LARGE_MAX; i++)
		push(*state, A + (uint32_t)i, X, i, LARGE);
	pass_all(*state);
	assert_int_equal(count, 3 * WIRE_LARGE_MAX);
}

static void acknowledge(struct txq *q, uint64_t frames)
{
	bool valid;

	(void)txq_acknowledge(q, frames, &valid);
	assert_true(valid);
}

/* Back to what has arrived, on a new connection. */
static void go_on(struct txq *q)
{
	bool valid;

	stream_fini(&in);
	(void)txq_rewind(q, arrived.count, &valid);
	assert_true(valid);
}

static void what_is_acknowledged_is_not_kept(void **state)
{
	struct txq *q = *state;

	for (int i = 0; i < 10; i++)
		push(q, A, X, i, 100);
	push(q, A, X, 10, LARGE);
	pass_all(q);
	assert_true(q->kept.bytes == 10 * ledger_cost(100) + ledger_cost(LARGE));
	acknowledge(q, 4);
	assert_true(q->kept.bytes == 6 * ledger_cost(100) + ledger_cost(LARGE));
	acknowledge(q, 12); /* the head of the large one, and a chunk */
	assert_true(q->kept.bytes == ledger_cost(LARGE));
	acknowledge(q, arrived.count);
	assert_true(q->kept.bytes == 0 && q->kept.first == q->kept.end);
}

static void counts_that_cannot_be_are_refused(void **state)
{
	static const uint64_t wrong[] = { 2, 11, UINT32_MAX, UINT64_MAX };
	bool valid;

	for (int i = 0; i < 10; i++)
		push(*state, A, X, i, 100);
	pass_all(*state);
	acknowledge(*state, 3);
	for (unsigned i = 0; i < array_len(wrong); i++) {
		assert_true(txq_acknowledge(*state, wrong[i], &valid).messages == 0);
		assert_false(valid);
		assert_true(txq_rewind(*state, wrong[i], &valid).messages == 0);
		assert_false(valid);
	}
	/* what was not written again is not there yet */
	(void)txq_rewind(*state, 3, &valid);
	assert_true(valid);
	assert_true(txq_acknowledge(*state, 4, &valid).messages == 0);
	assert_false(valid);
}

static void what_did_not_arrive_goes_out_again_and_the_rest_behind_it(void **state)
{
	static struct txq_batch b;
	struct txq *q = *state;

	push(q, A, X, 1, LARGE);
	push(q, B, X, 2, 10);
	assert_true(pass(q, &b)); /* 2, and a chunk of 1 */
	push(q, B, X, 3, 10);
	assert_true(txq_fill(q, &b)); /* and this is lost */
	push(q, A, X, 4, 10);
	push(q, B, X, 5, 10);
	go_on(q);
	pass_all(q);
	assert_int_equal(count, 5);
	assert_int_equal(got[0].session, 2);
	assert_int_equal(got[1].session, 3);
	assert_int_equal(got[2].session, 5);
	assert_int_equal(got[3].session, 1);
	assert_int_equal(got[4].session, 4);
	acknowledge(q, arrived.count);
}

static void a_new_session_gives_up_what_was_written_and_keeps_the_rest(void **state)
{
	static struct txq_batch b;
	struct kept_sum lost;

	push(*state, A, X, 1, LARGE);
	push(*state, A, X, 2, 10);
	push(*state, B, X, 3, 10);
	assert_true(pass(*state, &b)); /* 3, and a chunk of 1 */
	lost = txq_renew(*state);
	assert_true(lost.messages == 2);
	assert_true(lost.bytes == ledger_cost(LARGE) + ledger_cost(10));
	stream_fini(&in);
	inbound_adopt(&arrived, 2);
	count = 0;
	pass_all(*state);
	assert_int_equal(count, 1);
	assert_int_equal(got[0].session, 2);
}

/* Of the batch a part arrives, which ends anywhere. */
static void break_within(struct txq_batch *b)
{
	uint64_t rest = b->bytes ? (uint64_t)rand() % b->bytes : 0;

	for (unsigned i = 0; i < b->parts && rest; i++) {
		size_t n = b->iov[i].iov_len < rest ? b->iov[i].iov_len : rest;

		assert_true(stream_input(&in, b->iov[i].iov_base, n));
		rest -= n;
	}
}

static void random_pushes_arrive_once_and_in_order_of_each_pair_over_any_breaks(void **state)
{
	static struct txq_batch b;
	int32_t next[4][4] = { { 0 } }, seen[4][4] = { { 0 } };
	unsigned pushed = 0;

	srand(7);
	while (pushed < 3000) {
		unsigned s = (unsigned)rand() % 4, d = (unsigned)rand() % 4;
		uint64_t size = rand() % 20 ? (uint64_t)rand() % 200
					    : (uint64_t)rand() % (3 * WIRE_CHUNK_MAX);

		push(*state, A + s, X + d, next[s][d]++, size);
		pushed++;
		if (rand() % 8 == 0)
			(void)pass(*state, &b);
		if (rand() % 8 == 0)
			acknowledge(*state, arrived.count);
		if (rand() % 32 == 0) {
			(void)txq_fill(*state, &b);
			break_within(&b);
			go_on(*state);
		}
	}
	pass_all(*state);
	assert_int_equal(count, pushed);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(got[i].session, seen[got[i].source - A][got[i].dest - X]++);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(small_messages_keep_the_order_of_pushing),
		T(a_small_message_waits_for_a_few_chunks_of_a_large_one_at_most),
		T(a_pair_keeps_its_order_behind_a_large_message),
		T(what_a_pair_sent_before_a_large_message_stays_before_it),
		T(large_messages_share_the_wire),
		T(more_large_messages_than_may_be_begun_still_arrive),
		T(what_is_acknowledged_is_not_kept),
		T(counts_that_cannot_be_are_refused),
		T(what_did_not_arrive_goes_out_again_and_the_rest_behind_it),
		T(a_new_session_gives_up_what_was_written_and_keeps_the_rest),
		T(random_pushes_arrive_once_and_in_order_of_each_pair_over_any_breaks),
	};

	return cmocka_run_group_tests_name("harbor/txq", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Two sides of a link with sessions, queues and streams; handshakes and bytes between them get lost
 * as the test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "harbor/link/session.h"
#include "harbor/link/stream.h"

#define A_EPOCH 11u
#define B_EPOCH 22u
#define LARGE (2 * WIRE_CHUNK_MAX)

static struct side {
	struct session session;
	struct txq queue;
	struct stream in;
	uint64_t epoch, other;
	int32_t sent, got; /* numbers of messages */
	unsigned missing;  /* numbers that were passed over */
	uint64_t lost;
} a, b;

static void on_control(void *ud, const struct wire_control *c)
{
	(void)ud;
	(void)c;
	fail();
}

static void on_message(void *ud, struct msg *m)
{
	struct side *s = ud;

	assert_true(m->session > s->got);
	s->missing += (unsigned)(m->session - s->got - 1);
	s->got = m->session;
	msg_destroy(m);
}

static void begin_stream(struct side *s)
{
	stream_fini(&s->in);
	s->in = (struct stream){ .in = &s->session.in,
				 .max = LARGE,
				 .greeted = true,
				 .on_control = on_control,
				 .on_message = on_message,
				 .ud = s };
}

static void begin(struct side *s, uint64_t epoch, uint64_t other)
{
	*s = (struct side){ .epoch = epoch, .other = other };
	session_init(&s->session);
	txq_init(&s->queue);
	begin_stream(s);
}

static int setup(void **state)
{
	(void)state;
	begin(&a, A_EPOCH, B_EPOCH);
	begin(&b, B_EPOCH, A_EPOCH);
	return 0;
}

static void end(struct side *s)
{
	struct msg *m = txq_clear(&s->queue);

	while (m) {
		struct msg *next = m->next;

		msg_destroy(m);
		m = next;
	}
	(void)txq_renew(&s->queue);
	txq_fini(&s->queue);
	session_fini(&s->session);
	stream_fini(&s->in);
}

static int teardown(void **state)
{
	(void)state;
	end(&a);
	end(&b);
	return 0;
}

static struct wire_control offer(struct side *s)
{
	struct wire_control c = { .kind = WIRE_HELLO, .epoch = s->epoch };

	session_offer(&s->session, s->other, &c);
	return c;
}

static const char *take(struct side *s, const struct wire_control *c)
{
	struct session_news news;
	const char *why = session_resume(&s->session, &s->queue, c, &news);

	s->lost += news.lost.messages;
	begin_stream(s);
	return why;
}

enum loss { LOSE_NOTHING, LOSE_WELCOME };

/* from connects. The other side is up after it, and so is from if nothing is lost. */
static void handshake(struct side *from, struct side *to, enum loss loss)
{
	struct wire_control hello = offer(from), welcome;

	assert_null(take(to, &hello));
	welcome = offer(to);
	if (loss == LOSE_NOTHING)
		assert_null(take(from, &welcome));
}

static void send(struct side *s, uint64_t size)
{
	struct msg *m = msg_create(size);

	m->source = 1;
	m->dest = 2;
	m->session = ++s->sent;
	txq_push(&s->queue, m);
}

/* One batch; of it `part` bytes arrive, and to == NULL: none. false: there was none. */
static bool pass(struct side *from, struct side *to, uint64_t part)
{
	static struct txq_batch batch;

	if (!txq_fill(&from->queue, &batch))
		return false;
	for (unsigned i = 0; i < batch.parts && to && part; i++) {
		size_t n = batch.iov[i].iov_len < part ? batch.iov[i].iov_len : part;

		assert_true(stream_input(&to->in, batch.iov[i].iov_base, n));
		part -= n;
	}
	return true;
}

static void pass_all(struct side *from, struct side *to)
{
	while (pass(from, to, UINT64_MAX))
		;
}

static void acknowledge(struct side *to, struct side *from)
{
	bool valid;

	(void)txq_acknowledge(&from->queue, to->session.in.count, &valid);
	assert_true(valid);
}

static void give_up(struct side *s)
{
	s->lost += session_renew(&s->session, &s->queue).messages;
	inbound_forget(&s->session.in);
}

static void what_did_not_arrive_is_sent_again(void **state)
{
	(void)state;
	handshake(&a, &b, LOSE_NOTHING);
	for (unsigned i = 0; i < 5; i++)
		send(&a, 100);
	send(&a, LARGE);
	send(&a, 100);
	pass(&a, &b, 300);
	handshake(&b, &a, LOSE_NOTHING);
	while (a.queue.kept.cursor < 7) /* the head, and a chunk */
		pass(&a, &b, UINT64_MAX);
	pass(&a, NULL, 0);
	handshake(&a, &b, LOSE_NOTHING);
	pass_all(&a, &b);
	assert_int_equal(b.got, 7);
	assert_int_equal(b.missing, 0);
	acknowledge(&b, &a);
	assert_true(a.queue.kept.bytes == 0);
}

/* b begins to send before a knows that there is a link, and then there is none. */
static void a_session_that_the_other_side_never_heard_of_is_sent_from_its_beginning(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		handshake(&a, &b, LOSE_WELCOME);
		send(&b, 100);
		pass(&b, NULL, 0);
	}
	handshake(&a, &b, LOSE_NOTHING);
	pass_all(&b, &a);
	assert_int_equal(a.got, 3);
	assert_int_equal(a.missing + b.lost, 0);
	/* and the same after a session that was given up */
	give_up(&b);
	handshake(&a, &b, LOSE_WELCOME);
	send(&b, 100);
	pass(&b, NULL, 0);
	handshake(&b, &a, LOSE_NOTHING);
	pass_all(&b, &a);
	assert_int_equal(a.got, 4);
	assert_int_equal(b.lost, 3); /* were there, and not acknowledged when it gave a up */
}

static void who_was_given_up_begins_anew_whoever_connects(void **state)
{
	(void)state;
	handshake(&a, &b, LOSE_NOTHING);
	for (unsigned round = 1; round <= 4; round++) {
		send(&a, LARGE);
		pass(&a, &b, UINT64_MAX); /* its head and a part */
		give_up(&b);
		if (round & 1)
			handshake(&a, &b, LOSE_NOTHING);
		else
			handshake(&b, &a, LOSE_NOTHING);
		assert_int_equal(a.lost, round);
		send(&a, 10);
		pass_all(&a, &b);
		assert_int_equal(b.got, a.sent);
		assert_int_equal(b.missing, round);
		acknowledge(&b, &a);
	}
}

static void a_new_incarnation_knows_nothing_of_the_last_one(void **state)
{
	(void)state;
	handshake(&a, &b, LOSE_NOTHING);
	send(&a, 10);
	pass_all(&a, &b);
	end(&b);
	begin(&b, B_EPOCH + 1, A_EPOCH);
	give_up(&a);
	a.other = B_EPOCH + 1;
	assert_true(offer(&a).known == 0 && offer(&a).count == 0);
	handshake(&a, &b, LOSE_NOTHING);
	send(&a, 10);
	send(&b, 10);
	pass_all(&a, &b);
	pass_all(&b, &a);
	assert_int_equal(b.got, 2);
	assert_int_equal(a.got, 1);
}

static void what_cannot_be_is_refused_and_the_next_handshake_succeeds(void **state)
{
	static const uint64_t wrong[][3] = {
		/* session, known, count: never sent; acknowledged before; another one; none */
		{ 1, 1, 6 }, { 1, 1, 1 }, { 1, 7, 0 }, { 0, 1, 5 }, { UINT64_MAX, 1, 5 },
	};

	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct wire_control c = { .epoch = B_EPOCH,
					  .session = wrong[i][0],
					  .known = wrong[i][1],
					  .count = wrong[i][2] };
		int32_t before;

		teardown(state);
		setup(state);
		handshake(&a, &b, LOSE_NOTHING);
		for (unsigned k = 0; k < 5; k++)
			send(&a, 10);
		while (b.session.in.count < 2)
			pass(&a, &b, 2 * (WIRE_MSG_HEADER + 10));
		acknowledge(&b, &a);
		assert_non_null(take(&a, &c));
		before = b.got;
		handshake(&a, &b, LOSE_NOTHING);
		send(&a, 10);
		pass_all(&a, &b);
		assert_int_equal(b.got, 6);
		assert_int_equal(b.missing, a.lost);
		assert_int_equal(before, 2);
	}
}

static void anything_may_break_and_all_comes_once_and_in_order(void **state)
{
	(void)state;
	srand(3);
	handshake(&a, &b, LOSE_NOTHING);
	for (unsigned step = 0; step < 20000; step++) {
		struct side *from = rand() % 2 ? &a : &b, *to = from == &a ? &b : &a;

		send(from, rand() % 40 ? (uint64_t)rand() % 200 : (uint64_t)rand() % LARGE);
		if (rand() % 3 == 0)
			pass(from, to, UINT64_MAX);
		if (rand() % 4 == 0)
			acknowledge(to, from);
		if (rand() % 16)
			continue;
		/* both write what is lost, in part */
		pass(from, to, (uint64_t)rand() % 1000);
		pass(to, NULL, 0);
		while (rand() % 2) {
			handshake(from, to, LOSE_WELCOME);
			pass(to, NULL, 0);
		}
		handshake(to, from, LOSE_NOTHING);
	}
	pass_all(&a, &b);
	pass_all(&b, &a);
	assert_int_equal(b.got, a.sent);
	assert_int_equal(a.got, b.sent);
	assert_int_equal(a.missing + b.missing, 0);
	assert_true(a.lost + b.lost == 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(what_did_not_arrive_is_sent_again),
		T(a_session_that_the_other_side_never_heard_of_is_sent_from_its_beginning),
		T(who_was_given_up_begins_anew_whoever_connects),
		T(a_new_incarnation_knows_nothing_of_the_last_one),
		T(what_cannot_be_is_refused_and_the_next_handshake_succeeds),
		T(anything_may_break_and_all_comes_once_and_in_order),
	};

	return cmocka_run_group_tests_name("harbor/session", tests, NULL, NULL);
}

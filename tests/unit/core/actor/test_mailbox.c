/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <sched.h>
#include <cmocka.h>

#include "core/actor/mailbox.h"

static struct mailbox mb;

static int setup(void **state)
{
	(void)state;
	mailbox_open(&mb);
	return 0;
}

static int teardown(void **state)
{
	struct msg *m = mailbox_close(&mb);

	(void)state;
	while (m) {
		struct msg *next = m->next;

		msg_destroy(m);
		m = next;
	}
	return 0;
}

static struct msg *numbered(int n)
{
	struct msg *m = msg_create(0);

	m->session = n;
	return m;
}

static void the_first_push_wakes_and_the_next_does_not(void **state)
{
	(void)state;
	assert_int_equal(mailbox_push(&mb, numbered(1)), MAILBOX_WOKEN);
	assert_int_equal(mailbox_push(&mb, numbered(2)), MAILBOX_PUSHED);
	assert_int_equal(mailbox_length(&mb), 2);
}

static void messages_come_out_in_the_order_of_their_pushes(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		mailbox_push(&mb, numbered(i));
	for (int i = 0; i < 5; i++) {
		struct msg *m = mailbox_pop(&mb);

		assert_int_equal(m->session, i);
		msg_destroy(m);
		if (i == 2)
			mailbox_push(&mb, numbered(5));
	}
	struct msg *m = mailbox_pop(&mb);

	assert_int_equal(m->session, 5);
	msg_destroy(m);
	assert_null(mailbox_pop(&mb));
	assert_int_equal(mailbox_length(&mb), 0);
}

static void rest_is_refused_while_mail_waits(void **state)
{
	(void)state;
	mailbox_push(&mb, numbered(1));
	assert_false(mailbox_rest(&mb));
	msg_destroy(mailbox_pop(&mb));
	assert_true(mailbox_rest(&mb));
	assert_int_equal(mailbox_push(&mb, numbered(2)), MAILBOX_WOKEN);
}

static void close_gives_everything_and_refuses_more(void **state)
{
	struct msg *m, late = { 0 };
	int n = 0;

	(void)state;
	for (int i = 0; i < 4; i++)
		mailbox_push(&mb, numbered(i));
	msg_destroy(mailbox_pop(&mb));
	mailbox_push(&mb, numbered(4));
	m = mailbox_close(&mb);
	while (m) {
		struct msg *next = m->next;

		assert_int_equal(m->session, ++n);
		msg_destroy(m);
		m = next;
	}
	assert_int_equal(n, 4);
	assert_int_equal(mailbox_push(&mb, &late), MAILBOX_CLOSED);

	/* So does memory that was given back to the system. */
	struct mailbox zeros = { 0 };

	assert_int_equal(mailbox_push(&zeros, &late), MAILBOX_CLOSED);
	assert_int_equal(mailbox_length(&zeros), 0);
}

static void overload_is_told_once_a_doubling(void **state)
{
	(void)state;
	for (int i = 0; i < 1023; i++)
		mailbox_push(&mb, numbered(i));
	msg_destroy(mailbox_pop(&mb));
	assert_int_equal(mailbox_overload(&mb), 0);
	while (mailbox_taken(&mb))
		msg_destroy(mailbox_pop(&mb));
	for (int i = 0; i < 1024; i++)
		mailbox_push(&mb, numbered(i));
	msg_destroy(mailbox_pop(&mb));
	assert_int_equal(mailbox_overload(&mb), 1024);
	assert_int_equal(mailbox_overload(&mb), 0);
	while (mailbox_taken(&mb))
		msg_destroy(mailbox_pop(&mb));
	for (int i = 0; i < 2048; i++)
		mailbox_push(&mb, numbered(i));
	msg_destroy(mailbox_pop(&mb));
	assert_int_equal(mailbox_overload(&mb), 2048);
}

enum { SENDERS = 4, EACH = 50000 };

static atomic_uint runnable;

static void *sender(void *arg)
{
	for (int i = 1; i <= EACH; i++) {
		struct msg *m = numbered(i);

		m->source = (uint32_t)(uintptr_t)arg;
		if (mailbox_push(&mb, m) == MAILBOX_WOKEN)
			/* release: the run queue's part, orders owners */
			atomic_fetch_add_explicit(&runnable, 1, memory_order_release);
	}
	return NULL;
}

/* Two owners take turns through `runnable`, four senders push. */
static void *owner(void *arg)
{
	static int last[SENDERS];
	static atomic_uint seen;

	(void)arg;
	while (atomic_load_explicit(&seen, memory_order_relaxed) < SENDERS * EACH) {
		unsigned one = 1;

		if (!atomic_compare_exchange_strong_explicit(
			    &runnable, &one, 0, memory_order_acquire, memory_order_relaxed)) {
			assert_true(one == 0 || one == 1);
			sched_yield();
			continue;
		}
		do {
			struct msg *m;

			while ((m = mailbox_pop(&mb))) {
				assert_int_equal(m->session, ++last[m->source]);
				msg_destroy(m);
				atomic_fetch_add_explicit(&seen, 1, memory_order_relaxed);
			}
		} while (!mailbox_rest(&mb));
	}
	return NULL;
}

static void many_senders_keep_each_their_order_and_nothing_is_lost(void **state)
{
	pthread_t t[SENDERS + 2];

	(void)state;
	for (uintptr_t i = 0; i < SENDERS; i++)
		pthread_create(&t[i], NULL, sender, (void *)i);
	pthread_create(&t[SENDERS], NULL, owner, NULL);
	pthread_create(&t[SENDERS + 1], NULL, owner, NULL);
	for (unsigned i = 0; i < SENDERS + 2; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(mailbox_length(&mb), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_first_push_wakes_and_the_next_does_not, setup,
						teardown),
		cmocka_unit_test_setup_teardown(messages_come_out_in_the_order_of_their_pushes,
						setup, teardown),
		cmocka_unit_test_setup_teardown(rest_is_refused_while_mail_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(close_gives_everything_and_refuses_more, setup,
						teardown),
		cmocka_unit_test_setup_teardown(overload_is_told_once_a_doubling, setup, teardown),
		cmocka_unit_test_setup_teardown(
			many_senders_keep_each_their_order_and_nothing_is_lost, setup, teardown),
	};

	return cmocka_run_group_tests_name("core/mailbox", tests, NULL, NULL);
}

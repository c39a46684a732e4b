/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/base.h"
#include "core/actor/remote.h"
#include "harbor/directory.h"

#define ME 0x01000007u
#define OWNER 0x02000001u

static struct msg *out[64];
static unsigned count;

static void keep(void *ud, struct msg *m)
{
	(void)ud;
	assert_true(count < array_len(out));
	out[count++] = m;
}

static void forget_out(void)
{
	for (unsigned i = 0; i < count; i++)
		msg_destroy(out[i]);
	count = 0;
}

static int setup(void **state)
{
	static struct directory d;

	count = 0;
	directory_init(&d, keep, NULL);
	*state = &d;
	return 0;
}

static int teardown(void **state)
{
	forget_out();
	directory_fini(*state);
	return 0;
}

static struct msg *message(int32_t session)
{
	struct msg *m = msg_create_copy("hi", 2);

	m->source = ME;
	m->session = session;
	m->type = PTYPE_LUA;
	return m;
}

static void assert_error(const struct msg *m, int32_t session, const char *why)
{
	assert_int_equal(m->type, PTYPE_ERROR);
	assert_int_equal(m->dest, ME);
	assert_int_equal(m->session, session);
	assert_int_equal(m->size, strlen(why));
	assert_memory_equal(msg_payload(m), why, m->size);
}

static void assert_handle(const struct msg *m, int32_t session, uint32_t handle)
{
	assert_int_equal(m->type, PTYPE_RESPONSE);
	assert_int_equal(m->dest, ME);
	assert_int_equal(m->session, session);
	assert_int_equal(m->size, 4);
	assert_memory_equal(msg_payload(m), &handle, 4);
}

static void a_question_is_answered_when_the_name_comes(void **state)
{
	directory_ask(*state, "DB", ME, 5, 0);
	assert_int_equal(count, 0);
	directory_set(*state, "OTHER", OWNER, 10, 1);
	assert_int_equal(count, 0);
	directory_set(*state, "DB", OWNER, 10, 1);
	assert_int_equal(count, 1);
	assert_handle(out[0], 5, OWNER);
	directory_ask(*state, "DB", ME, 6, 0); /* known: at once */
	assert_int_equal(count, 2);
	assert_handle(out[1], 6, OWNER);
}

static void a_question_fails_at_its_deadline_and_not_before(void **state)
{
	directory_ask(*state, "DB", ME, 5, 1000);
	directory_ask(*state, "DB", ME, 6, 0);
	assert_int_equal(directory_expire(*state, 999, REMOTE_NO_NAME), 1000);
	assert_int_equal(count, 0);
	assert_true(directory_expire(*state, 1000, REMOTE_NO_NAME) == UINT64_MAX);
	assert_int_equal(count, 1);
	assert_error(out[0], 5, REMOTE_NO_NAME);
	directory_set(*state, "DB", OWNER, 10, 1); /* the one without a deadline still waits */
	assert_int_equal(count, 2);
	assert_handle(out[1], 6, OWNER);
}

static void messages_that_wait_are_sent_in_order_before_the_name_is_found(void **state)
{
	for (int32_t i = 1; i <= 20; i++)
		assert_false(directory_post(*state, "DB", message(i), 1000));
	assert_int_equal(directory_find(*state, "DB"), 0);
	directory_set(*state, "DB", OWNER, 10, 1);
	assert_int_equal(directory_find(*state, "DB"), OWNER);
	assert_int_equal(count, 20);
	for (int32_t i = 1; i <= 20; i++) {
		assert_int_equal(out[i - 1]->session, i);
		assert_int_equal(out[i - 1]->dest, OWNER);
		assert_int_equal(out[i - 1]->type, PTYPE_LUA);
	}
	assert_true(directory_post(*state, "DB", message(21), 1000));
	assert_int_equal(out[20]->dest, OWNER);
}

static void a_request_that_waits_too_long_fails_and_a_send_just_ends(void **state)
{
	struct msg *answer = message(7);

	answer->type = PTYPE_RESPONSE;
	directory_post(*state, "DB", message(7), 1000);
	directory_post(*state, "DB", message(0), 1000);
	directory_post(*state, "DB", answer, 1000);
	directory_expire(*state, 1000, REMOTE_NO_NAME);
	assert_int_equal(count, 1);
	assert_error(out[0], 7, REMOTE_NO_NAME);
	assert_int_equal(((struct directory *)*state)->dropped, 2); /* the log was told of these */
}

static void too_many_that_wait_are_refused(void **state)
{
	for (unsigned i = 0; i < DIRECTORY_WAITING_MAX; i++)
		directory_ask(*state, "DB", ME + 1, 1, 0);
	assert_int_equal(count, 0);
	directory_ask(*state, "DB", ME, 9, 0);
	assert_int_equal(count, 1);
	assert_error(out[0], 9, REMOTE_QUEUE_FULL);
	assert_true(directory_post(*state, "DB", message(10), 1000));
	assert_int_equal(count, 2);
	assert_error(out[1], 10, REMOTE_QUEUE_FULL);
	directory_forget(*state, ME + 1); /* its questions end without a word */
	assert_int_equal(count, 2);
	directory_ask(*state, "DB", ME, 11, 0);
	assert_int_equal(count, 2);
}

static void what_a_service_sent_before_it_ended_is_still_sent(void **state)
{
	directory_post(*state, "DB", message(0), 1000);
	directory_forget(*state, ME);
	directory_set(*state, "DB", OWNER, 10, 1);
	assert_int_equal(count, 1);
}

static void a_snapshot_replaces_names_only_when_it_is_complete(void **state)
{
	directory_set(*state, "OLD", OWNER, 10, 1);
	directory_set(*state, "KEPT", OWNER, 10, 1);
	directory_snapshot(*state, false);
	directory_set(*state, "KEPT", OWNER, 20, 2);
	directory_set(*state, "NEW", OWNER + 1, 20, 2);
	assert_int_equal(directory_find(*state, "OLD"), OWNER); /* known names resolve meanwhile */
	directory_snapshot(*state, true);
	assert_int_equal(directory_find(*state, "OLD"), 0);
	assert_int_equal(directory_find(*state, "KEPT"), OWNER);
	assert_int_equal(directory_find(*state, "NEW"), OWNER + 1);
	directory_set(*state, "KEPT", 0, 30, 3);
	assert_int_equal(directory_find(*state, "KEPT"), 0);
}

static void see_name(const char *name, uint32_t handle, uint64_t fence, uint64_t since, void *ud)
{
	char *text = ud;

	snprintf(text + strlen(text), 64, "%s=%x#%u@%u ", name, handle, (unsigned)fence,
		 (unsigned)since);
}

static void see_waiting(const char *name, uint32_t handle, void *ud)
{
	char *text = ud;

	snprintf(text + strlen(text), 64, "%s<%x ", name, handle);
}

static void people_see_names_since_when_and_who_waits(void **state)
{
	char text[256] = "";

	directory_set(*state, "B", OWNER, 50, 5);
	directory_set(*state, "A", OWNER, 60, 6);
	directory_set(*state, "B", OWNER, 70, 7);     /* told again: since as before */
	directory_set(*state, "A", OWNER + 1, 80, 8); /* another owner */
	directory_ask(*state, "C", ME, 1, 0);
	directory_post(*state, "D", message(1), 1000);
	directory_foreach(*state, see_name, text);
	directory_foreach_waiting(*state, see_waiting, text);
	assert_string_equal(text, "A=2000002#80@8 B=2000001#70@5 C<1000007 D<1000007 ");
}

static void the_names_of_an_incarnation_that_ended_are_gone_at_once(void **state)
{
	directory_set(*state, "THEIRS", OWNER, 1, 1);
	directory_set(*state, "TOO", OWNER + 1, 2, 1);
	directory_set(*state, "OURS", ME, 3, 1);
	directory_drop_node(*state, OWNER >> 24);
	assert_int_equal(directory_find(*state, "THEIRS"), 0);
	assert_int_equal(directory_find(*state, "TOO"), 0);
	assert_int_equal(directory_find(*state, "OURS"), ME);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_question_is_answered_when_the_name_comes),
		T(a_question_fails_at_its_deadline_and_not_before),
		T(messages_that_wait_are_sent_in_order_before_the_name_is_found),
		T(a_request_that_waits_too_long_fails_and_a_send_just_ends),
		T(too_many_that_wait_are_refused),
		T(what_a_service_sent_before_it_ended_is_still_sent),
		T(a_snapshot_replaces_names_only_when_it_is_complete),
		T(the_names_of_an_incarnation_that_ended_are_gone_at_once),
		T(people_see_names_since_when_and_who_waits),
	};

	return cmocka_run_group_tests_name("harbor/directory", tests, NULL, NULL);
}

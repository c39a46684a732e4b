/* SPDX-License-Identifier: MIT */
/* The single node's remote table, with real services that ask it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/actor/handle.h"
#include "core/actor/remote.h"
#include "core/sched/timer.h"
#include "core/actor/life.h"
#include "core/actor/send.h"
#include "tests/unit/core/actor.h"
#include "tests/unit/core/lines.h"

#define FAR 0x05000001u

static uint32_t a, b;

static int setup(void **state)
{
	int r;

	(void)state;
	lines_begin(LOG_LEVEL_WARNING);
	r = actors_start(2);
	a = service_launch("actor", NULL);
	b = service_launch("actor", NULL);
	return r ? r : a && b ? 0 : -1;
}

static int teardown(void **state)
{
	int r = actors_stop();

	(void)state;
	lines_end();
	return r;
}

/* The next answer to a service is of this type and session and holds this text. */
static void expect(uint32_t to, unsigned nth, int type, int session, const char *text)
{
	struct letter l = letter_to(to, nth);

	assert_int_equal(l.to, to);
	assert_int_equal(l.type, type);
	assert_int_equal(l.session, session);
	assert_string_equal(l.text, text);
}

static void expect_handle(uint32_t to, unsigned nth, int session, uint32_t handle)
{
	struct letter l = letter_to(to, nth);
	uint32_t got = 0;

	assert_int_equal(l.to, to);
	assert_int_equal(l.type, PTYPE_RESPONSE);
	assert_int_equal(l.session, session);
	assert_int_equal(l.source, 0);
	assert_int_equal(l.size, sizeof(got));
	memcpy(&got, l.text, sizeof(got));
	assert_int_equal(got, handle);
}

/* Returns the number of the registration that the answer holds. */
static uint64_t expect_number(uint32_t to, unsigned nth, int session)
{
	struct letter l = letter_to(to, nth);
	uint64_t number = 0;

	assert_int_equal(l.to, to);
	assert_int_equal(l.type, PTYPE_RESPONSE);
	assert_int_equal(l.session, session);
	assert_int_equal(l.size, sizeof(number));
	memcpy(&number, l.text, sizeof(number));
	return number;
}

static struct msg *message(uint32_t from, uint32_t to, int type, int session, const char *text)
{
	struct msg *m = msg_create_copy(text, strlen(text));

	m->source = from;
	m->dest = to;
	m->type = (uint8_t)type;
	m->session = session;
	return m;
}

#define TEN "0123456789"
#define LONGEST TEN TEN TEN TEN TEN TEN "x12"

static void global_names_have_1_to_63_bytes_and_are_no_numbers(void **state)
{
	(void)state;
	assert_true(remote_name_valid("D"));
	assert_true(remote_name_valid("DATACENTER"));
	assert_true(remote_name_valid(LONGEST));
	assert_false(remote_name_valid(LONGEST "x"));
	assert_false(remote_name_valid(""));
	assert_false(remote_name_valid(":1f"));
	assert_false(remote_name_valid(".local"));
	assert_false(remote_name_valid("42"));
	assert_false(remote_name_valid("0x1f"));
	assert_false(remote_name_valid("-1.5e3"));
	assert_true(remote_name_valid("42nd"));
}

/* Also of numbers that UTF-8 does not write. */
static const char *character(uint32_t c)
{
	static char t[5];
	unsigned n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	memset(t, 0, sizeof(t));
	t[0] = (char)(n == 1 ? c : (0xf00u >> n) | c >> 6 * (n - 1));
	for (unsigned i = 1; i < n; i++)
		t[i] = (char)(0x80 | (c >> 6 * (n - 1 - i) & 0x3f));
	return t;
}

static void labels_are_of_characters_that_print(void **state)
{
	static const uint32_t good[] = { '!',	 '~',	 0xa1,	 0x7ff,	 0x800,	  0x1fff,
					 0x2010, 0x2027, 0x2030, 0x2fff, 0x3001,  0xd7ff,
					 0xe000, 0xfefe, 0xff00, 0xffff, 0x10000, 0x10ffff };
	static const uint32_t bad[] = { ' ',	0x7f,	0x80,	0xa0,	0x2000, 0x200f,	 0x2028,
					0x202f, 0x3000, 0xd800, 0xdfff, 0xfeff, 0x110000 };
	static const char *const broken[] = { "\x80",
					      "\xbf",
					      "\xc0\xaf",
					      "\xc1\xbf",
					      "\xe0\x9f\xbf",
					      "\xf0\x8f\xbf\xbf",
					      "\xc3",
					      "\xe2\x82",
					      "\xf0\x90\x80",
					      "\xe2(\xa1",
					      "\xf5\x80\x80\x80",
					      "\xff" };
	char longest[65] = "";

	(void)state;
	for (size_t i = 0; i < array_len(good); i++)
		if (!remote_label_valid(character(good[i])))
			fail_msg("U+%04X was refused", good[i]);
	for (size_t i = 0; i < array_len(bad); i++)
		if (remote_label_valid(character(bad[i])))
			fail_msg("U+%04X was taken", bad[i]);
	for (size_t i = 0; i < array_len(broken); i++)
		if (remote_label_valid(broken[i]))
			fail_msg("broken text %zu was taken", i);
	memset(longest, 'x', 63);
	assert_true(remote_label_valid(longest));
	longest[63] = 'x';
	assert_false(remote_label_valid(longest));
	assert_false(remote_label_valid(""));
}

static void a_request_to_another_node_fails_at_once(void **state)
{
	struct letter l;

	(void)state;
	assert_true(remote_get()->send(message(a, FAR, PTYPE_LUA, 9, "hello")) < 0);
	expect(a, 0, PTYPE_ERROR, 9, REMOTE_NO_NODE);
	l = letter_to(a, 0);
	assert_int_equal(l.source, FAR);
	assert_int_equal(lines_count(), 0);
}

static void a_request_to_a_name_of_no_bytes_fails(void **state)
{
	(void)state;
	assert_int_equal(service_send_name("", message(a, 0, PTYPE_LUA, 9, "hello")), SEND_OK);
	expect(a, 0, PTYPE_ERROR, 9, REMOTE_NO_NAME);
}

static void what_wants_no_answer_is_dropped_with_a_line(void **state)
{
	(void)state;
	(void)remote_get()->send(message(a, FAR, PTYPE_LUA, 0, "x"));
	(void)remote_get()->send(message(a, FAR, PTYPE_RESPONSE, 3, "x"));
	(void)remote_get()->send(message(a, FAR, PTYPE_ERROR, 4, "x"));
	assert_int_equal(lines_with("Drop message to :05000001: no such node"), 3);
	assert_true(run_as(a, nothing, NULL));
	assert_int_equal(letters_to(a), 0);
}

static void a_name_leads_to_its_service(void **state)
{
	(void)state;
	assert_int_equal(remote_get()->find_name("DB"), 0);
	remote_get()->register_name(a, 5, "DB", b);
	(void)expect_number(a, 0, 5);
	assert_int_equal(remote_get()->find_name("DB"), b);
	assert_int_equal(remote_get()->send_name("DB", message(a, 0, PTYPE_LUA, 6, "hello")), 0);
	expect(b, 0, PTYPE_LUA, 6, "hello");
	remote_get()->query_name(a, 7, "DB", 0);
	expect_handle(a, 1, 7, b);
}

/* The name is gone with the handle, not only after the teardown. */
static void end_and_call_by_name(struct service *s, void *arg)
{
	(void)arg;
	assert_true(service_retire(service_handle(s)));
	assert_int_equal(remote_get()->find_name("SHORT"), 0);
	assert_int_equal(remote_get()->send_name("SHORT", message(a, 0, PTYPE_LUA, 6, "x")),
			 SEND_OK);
}

static void a_request_to_the_name_of_one_who_has_just_ended_fails(void **state)
{
	uint32_t c = service_launch("actor", NULL);

	(void)state;
	remote_get()->register_name(a, 5, "SHORT", c);
	(void)expect_number(a, 0, 5);
	assert_true(run_as(c, end_and_call_by_name, NULL));
	expect(a, 1, PTYPE_ERROR, 6, REMOTE_NO_NAME);
}

static void a_request_to_an_unknown_name_fails(void **state)
{
	(void)state;
	assert_int_equal(remote_get()->send_name("NOBODY", message(a, 0, PTYPE_LUA, 6, "x")),
			 SEND_OK);
	expect(a, 0, PTYPE_ERROR, 6, REMOTE_NO_NAME);
	/* and without a session nobody is told */
	(void)remote_get()->send_name("NOBODY", message(a, 0, PTYPE_LUA, 0, "x"));
	assert_true(run_as(a, nothing, NULL));
	assert_int_equal(letters_to(a), 1);
}

static void the_second_to_register_hears_that_the_name_is_taken(void **state)
{
	(void)state;
	remote_get()->register_name(a, 1, "DB", a);
	(void)expect_number(a, 0, 1);
	remote_get()->register_name(b, 2, "DB", b);
	expect(b, 0, PTYPE_ERROR, 2, REMOTE_NAME_TAKEN);
	assert_int_equal(remote_get()->find_name("DB"), a);
	/* the owner again: fine */
	remote_get()->register_name(a, 3, "DB", a);
	(void)expect_number(a, 1, 3);
	/* without a session the conflict is a line */
	assert_int_equal(lines_count(), 0);
	remote_get()->register_name(b, 0, "DB", b);
	assert_int_equal(lines_with("global name DB: name is taken"), 1);
}

static void an_invalid_name_is_refused(void **state)
{
	char longest[REMOTE_NAME_SIZE + 1];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	longest[REMOTE_NAME_SIZE] = 0;
	remote_get()->register_name(a, 1, longest, a);
	expect(a, 0, PTYPE_ERROR, 1, "invalid name");
	/* it does not wait either, and not for its first 63 bytes */
	remote_get()->query_name(b, 2, longest, 0);
	expect(b, 0, PTYPE_ERROR, 2, "invalid name");
	longest[REMOTE_NAME_SIZE - 1] = 0;
	remote_get()->register_name(a, 3, longest, a);
	(void)expect_number(a, 1, 3);
	assert_true(run_as(b, nothing, NULL));
	assert_int_equal(letters_to(b), 1);
}

static void only_the_owner_gives_a_name_up(void **state)
{
	(void)state;
	remote_get()->register_name(a, 0, "DB", a);
	remote_get()->release_name(b, 1, "DB", b);
	expect(b, 0, PTYPE_ERROR, 1, REMOTE_NO_NAME);
	assert_int_equal(remote_get()->find_name("DB"), a);
	remote_get()->release_name(a, 2, "DB", a);
	expect(a, 0, PTYPE_RESPONSE, 2, "");
	assert_int_equal(remote_get()->find_name("DB"), 0);
	remote_get()->register_name(b, 3, "DB", b);
	(void)expect_number(b, 1, 3);
}

static void each_registration_has_a_higher_number(void **state)
{
	uint64_t first, second;
	uint32_t owner;

	(void)state;
	remote_get()->register_name(a, 1, "DB", a);
	first = expect_number(a, 0, 1);
	assert_int_equal(remote_get()->name_fence("DB", &owner), first);
	assert_int_equal(owner, a);
	remote_get()->release_name(a, 0, "DB", a);
	assert_int_equal(remote_get()->name_fence("DB", &owner), 0);
	assert_int_equal(owner, 0);
	remote_get()->register_name(b, 2, "DB", b);
	second = expect_number(b, 0, 2);
	assert_true(second > first);
	remote_get()->register_name(b, 3, "DB", b); /* again, by the same: the same number */
	assert_int_equal(expect_number(b, 1, 3), second);
	remote_get()->sync_name(a, 4, "DB");
	assert_int_equal(expect_number(a, 1, 4), second);
	remote_get()->sync_name(a, 5, "NOBODY");
	expect(a, 2, PTYPE_RESPONSE, 5, "");
}

static void its_owner_hands_a_name_to_another(void **state)
{
	uint64_t first, second;
	uint32_t owner;

	(void)state;
	remote_get()->transfer_name(a, 1, "DB", a, b);
	expect(a, 0, PTYPE_ERROR, 1, REMOTE_NO_NAME);
	remote_get()->register_name(a, 2, "DB", a);
	first = expect_number(a, 1, 2);
	remote_get()->transfer_name(b, 3, "DB", b, b | 0x800000);
	expect(b, 0, PTYPE_ERROR, 3, REMOTE_NOT_OWNER);
	remote_get()->transfer_name(a, 4, "DB", a, b | 0x800000);
	expect(a, 2, PTYPE_ERROR, 4, SEND_NO_SERVICE_TEXT);
	assert_int_equal(remote_get()->find_name("DB"), a);
	remote_get()->transfer_name(a, 5, "DB", a, b);
	second = expect_number(a, 3, 5);
	assert_true(second > first);
	assert_int_equal(remote_get()->name_fence("DB", &owner), second);
	assert_int_equal(owner, b);
	remote_get()->transfer_name(b, 6, "DB", 0, a); /* by hand */
	assert_true(expect_number(b, 1, 6) > second);
	assert_int_equal(remote_get()->find_name("DB"), a);
}

static void a_question_waits_for_its_name(void **state)
{
	(void)state;
	remote_get()->query_name(a, 1, "LATE", 0);
	remote_get()->query_name(b, 2, "LATE", 60000);
	remote_get()->query_name(a, 3, "OTHER", 60000);
	assert_int_equal(timer_count(), 2);
	remote_get()->register_name(b, 0, "LATE", b);
	expect_handle(a, 0, 1, b);
	expect_handle(b, 0, 2, b);
	assert_int_equal(timer_count(), 1);
	assert_true(run_as(a, nothing, NULL));
	assert_int_equal(letters_to(a), 1);
}

static void a_question_is_answered_when_its_time_is_over(void **state)
{
	uint64_t began = clock_mono_ns();

	(void)state;
	remote_get()->query_name(a, 1, "NEVER", 30);
	expect(a, 0, PTYPE_ERROR, 1, REMOTE_NO_NAME);
	assert_true(letter_to(a, 0).came_ns - began >= 30 * NS_PER_MS);
	/* it is not answered once more */
	remote_get()->register_name(b, 0, "NEVER", b);
	assert_true(run_as(a, nothing, NULL));
	assert_int_equal(letters_to(a), 1);
}

/* The name comes while the question's time runs out: one answer each, whichever it is. */
static void a_name_and_the_end_of_a_question_may_meet(void **state)
{
	enum { N = 400 };

	(void)state;
	for (int i = 0; i < N; i++) {
		uint64_t until = clock_mono_ns() + NS_PER_MS - 60 * NS_PER_US + (uint64_t)i * 500;

		remote_get()->query_name(a, i + 1, "MEET", 1);
		while (clock_mono_ns() < until)
			cpu_relax();
		remote_get()->register_name(b, 0, "MEET", b);
		remote_get()->release_name(b, 0, "MEET", b);
		/* the next round asks for the same name again */
		assert_int_equal(letter_to(a, (unsigned)i).session, i + 1);
	}
	assert_true(run_as(a, nothing, NULL));
	assert_int_equal(letters_to(a), N);
	assert_int_equal(timer_count(), 0);
}

static void the_names_and_questions_of_an_ended_service_go(void **state)
{
	uint32_t c = service_launch("actor", NULL);

	(void)state;
	remote_get()->register_name(c, 0, "ONE", c);
	remote_get()->register_name(c, 0, "TWO", c);
	remote_get()->register_name(a, 0, "MINE", a);
	remote_get()->query_name(c, 1, "THREE", 60000);
	remote_get()->query_name(a, 2, "FOUR", 0);
	assert_int_equal(timer_count(), 1);
	assert_true(service_retire(c));
	for (uint64_t until = clock_mono_ns() + 10 * NS_PER_SEC;
	     service_count() != 2 && clock_mono_ns() < until;)
		cpu_relax();
	assert_int_equal(remote_get()->find_name("ONE"), 0);
	assert_int_equal(remote_get()->find_name("TWO"), 0);
	assert_int_equal(remote_get()->find_name("MINE"), a);
	assert_int_equal(timer_count(), 0);
	remote_get()->register_name(b, 0, "FOUR", b); /* the questions of others stay */
	expect_handle(a, 0, 2, b);
}

static void links_of_a_single_node(void **state)
{
	(void)state;
	remote_get()->wait_disconnected(a, 1, 7);
	expect(a, 0, PTYPE_RESPONSE, 1, "");
	remote_get()->wait_connected(a, 2, 7);
	expect(a, 1, PTYPE_ERROR, 2, REMOTE_NO_NODE);
	assert_int_equal(lines_with("Can't connect to other harbor in single node mode"), 1);
	remote_get()->wait_master_lost(a, 3);
	expect(a, 2, PTYPE_ERROR, 3, "there is no master in single node mode");
}

static uint32_t find_seven(const char *name)
{
	(void)name;
	return 7;
}

static void another_table_takes_its_place_and_gives_it_back(void **state)
{
	static const struct remote_ops other = { .find_name = find_seven };
	const struct remote_ops *single = remote_get();

	(void)state;
	remote_set(&other);
	assert_int_equal(remote_get()->find_name("any"), 7);
	remote_set(NULL);
	assert_ptr_equal(remote_get(), single);
}

static void the_node_itself_has_an_address(void **state)
{
	uint32_t actor_handle;
	struct msg *m;

	(void)state;
	handle_set_harbor(3);
	actor_handle = service_launch("actor", NULL);
	m = msg_create_copy("lost", 4);
	m->dest = 0x03000000;
	assert_int_equal(service_send(m), SEND_NO_SERVICE);
	service_set_node(actor_handle);
	m = msg_create_copy("found", 5);
	m->dest = 0x03000000;
	m->source = 0x04000001;
	m->session = 9;
	m->type = 77;
	assert_int_equal(service_send(m), SEND_OK);
	assert_string_equal(letter_to(actor_handle, 0).text, "found");
	assert_int_equal(letter_to(actor_handle, 0).source, 0x04000001);
	m = msg_create_copy("other", 5);
	m->dest = 0x03fffff0;
	assert_int_equal(service_send(m), SEND_NO_SERVICE);
	assert_true(service_retire(actor_handle));
	assert_true(actors_ended(1));
	m = msg_create_copy("late", 4);
	m->dest = 0x03000000;
	assert_int_equal(service_send(m), SEND_NO_SERVICE);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(the_node_itself_has_an_address),
		T(global_names_have_1_to_63_bytes_and_are_no_numbers),
		T(labels_are_of_characters_that_print),
		T(a_request_to_another_node_fails_at_once),
		T(a_request_to_a_name_of_no_bytes_fails),
		T(what_wants_no_answer_is_dropped_with_a_line),
		T(a_name_leads_to_its_service),
		T(a_request_to_the_name_of_one_who_has_just_ended_fails),
		T(a_request_to_an_unknown_name_fails),
		T(the_second_to_register_hears_that_the_name_is_taken),
		T(an_invalid_name_is_refused),
		T(only_the_owner_gives_a_name_up),
		T(each_registration_has_a_higher_number),
		T(its_owner_hands_a_name_to_another),
		T(a_question_waits_for_its_name),
		T(a_question_is_answered_when_its_time_is_over),
		T(a_name_and_the_end_of_a_question_may_meet),
		T(the_names_and_questions_of_an_ended_service_go),
		T(links_of_a_single_node),
		T(another_table_takes_its_place_and_gives_it_back),
	};

	return cmocka_run_group_tests_name("core/remote", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* A member and its masters: where it goes when candidates send it on. What it does with names and
 * nodes is in test_sim.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/base.h"
#include "core/base/units.h"
#include "harbor/protocol/member.h"

#define T0 (100 * NS_PER_SEC)

static struct member m;
static struct peer_self self;
static uint64_t now;
static unsigned connects;
static char address[128]; /* the last that was connected to */
static struct wire_control said;
static const char *masters[] = { "10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1", NULL };

static int hand_connect(void *ud, const char *to)
{
	(void)ud;
	snprintf(address, sizeof(address), "%s", to);
	return (int)++connects;
}

static void hand_write(void *ud, int conn, const struct wire_control *c)
{
	(void)ud;
	(void)conn;
	said = *c;
}

static void hand_close(void *ud, int conn, const char *why)
{
	(void)ud;
	(void)conn;
	(void)why;
}

static void hand_id(void *ud, unsigned id)
{
	(void)ud;
	(void)id;
}

static uint64_t hand_births(void *ud)
{
	(void)ud;
	return 0;
}

static void hand_snapshot(void *ud, bool complete)
{
	(void)ud;
	(void)complete;
}

static void hand_state(void *ud, enum member_state st, const char *why)
{
	(void)ud;
	(void)st;
	(void)why;
}

static const struct member_ops ops = { .connect = hand_connect,
				       .write = hand_write,
				       .close = hand_close,
				       .id = hand_id,
				       .births = hand_births,
				       .snapshot = hand_snapshot,
				       .state = hand_state };

/* Lets time pass until it tries to connect; returns how long that was. */
static uint64_t try_next(void)
{
	unsigned before = connects;
	uint64_t began = now;

	while (connects == before) {
		uint64_t next = member_tick(&m, now);

		assert_true(connects != before || (next > now && next != UINT64_MAX));
		if (connects == before)
			now = next;
	}
	return now - began;
}

/* The same, and it is connected. */
static uint64_t connect_next(void)
{
	uint64_t took = try_next();

	member_connected(&m, (int)connects, now);
	assert_int_equal(said.kind, WIRE_JOIN);
	return took;
}

static void hear(struct wire_control c)
{
	member_input(&m, (int)connects, &c, now);
}

static void refuse(const char *text)
{
	struct wire_control c = { .kind = WIRE_REFUSE, .code = WIRE_NOT_LEADER };

	snprintf(c.text, sizeof(c.text), "%s", text);
	hear(c);
}

static void join(void)
{
	hear((struct wire_control){
		.kind = WIRE_JOINED, .version = wire_version, .id = 5, .epoch = 9, .births = 1 });
	hear((struct wire_control){ .kind = WIRE_SYNCED });
	assert_int_equal(m.state, MEMBER_JOINED);
}

static void lose(void)
{
	member_lost(&m, (int)connects, "it broke", now);
}

static int setup(void **state)
{
	(void)state;
	self = (struct peer_self){ .name = "a",
				   .address = "10.0.0.9:1",
				   .epoch = 77,
				   .random = 1,
				   .heartbeat_ns = NS_PER_SEC,
				   .dead_ns = 5 * NS_PER_SEC };
	connects = 0;
	now = T0;
	member_init(&m, &ops, NULL, &self, 0, masters);
	member_start(&m, now);
	assert_int_equal(connect_next(), 0);
	assert_string_equal(address, "10.0.0.1:1");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	member_fini(&m);
	return 0;
}

static void a_candidate_sends_it_on_at_once_and_only_one_of_the_list_may(void **state)
{
	(void)state;
	refuse("10.0.0.7:1");
	assert_int_equal(connect_next(), 0);
	assert_string_equal(address, "10.0.0.7:1");
	assert_string_equal(member_master(&m), "10.0.0.7:1");
	refuse("10.6.6.6:1"); /* nobody whom we know says so */
	assert_int_equal(connect_next(), 0);
	assert_string_equal(address, "10.0.0.2:1");
	refuse("no address");
	assert_int_equal(connect_next(), 0);
	assert_string_equal(address, "10.0.0.3:1");
	assert_int_equal(said.flags & WIRE_LEADER_LOST, 0);
}

/* Two that send it to each other are no endless loop without a pause. */
static void who_is_sent_about_pauses(void **state)
{
	unsigned pauses = 0;

	(void)state;
	for (unsigned i = 0; i < 70; i++) {
		refuse(i % 2 ? "" : "10.0.0.7:1");
		pauses += connect_next() > 0;
	}
	assert_true(pauses >= 9 && pauses <= 11);
	assert_true(now - T0 <= pauses * MEMBER_SEARCH_NS);
}

static void a_leader_that_broke_is_tried_again_and_then_called_lost(void **state)
{
	(void)state;
	refuse("10.0.0.7:1");
	connect_next();
	join();
	lose();
	connect_next();
	assert_string_equal(address, "10.0.0.7:1");
	assert_int_equal(said.flags & WIRE_LEADER_LOST, 0);
	lose();
	connect_next();
	assert_string_equal(address, "10.0.0.2:1");
	assert_int_not_equal(said.flags & WIRE_LEADER_LOST, 0);
	/* it waits there; another leads by and by */
	refuse("10.0.0.8:1");
	assert_int_equal(connect_next(), 0);
	assert_string_equal(address, "10.0.0.8:1");
	assert_int_equal(said.flags & WIRE_LEADER_LOST, 0);
	join();
	assert_string_equal(member_master(&m), "10.0.0.8:1");
}

static void a_leader_that_is_silent_is_not_tried_again_first(void **state)
{
	(void)state;
	join();
	now += 5 * NS_PER_SEC;
	connect_next();
	assert_string_equal(address, "10.0.0.2:1");
	assert_int_not_equal(said.flags & WIRE_LEADER_LOST, 0);
}

/* A candidate that names a leader who is dead: he is tried once, and nobody else waits for that. */
static void a_dead_leader_is_found_out(void **state)
{
	(void)state;
	refuse("10.0.0.7:1");
	(void)member_tick(&m, now);
	assert_string_equal(address, "10.0.0.7:1");
	lose(); /* refused */
	assert_true(connect_next() <= MEMBER_SEARCH_NS);
	assert_string_equal(address, "10.0.0.2:1");
	assert_int_not_equal(said.flags & WIRE_LEADER_LOST, 0);
}

/* ---- a master that is away for hours ---- */

#define MASTERS 3

/* Looks for a master for three hours, in which each attempt ends by end_it(), or by itself; returns
 * the longest time that one of the list was not tried, and in *ret_rate how often each was in a
 * second, in the last hour. */
static uint64_t seek_for_hours(void (*end_it)(void), double *ret_rate)
{
	uint64_t last[MASTERS] = { 0 }, longest = 0, settled = now + 7200 * NS_PER_SEC;
	unsigned tries = 0;

	while (now < settled + 3600 * NS_PER_SEC) {
		unsigned i = 0;

		if (end_it)
			end_it();
		(void)try_next();
		while (i < m.master_count && strcmp(address, masters[i]) != 0)
			i++;
		assert_in_range(i, 0, m.master_count - 1);
		if (last[i] && now - last[i] > longest && now > settled)
			longest = now - last[i];
		last[i] = now;
		tries += now > settled;
	}
	*ret_rate = (double)tries / 3600 / m.master_count;
	return longest;
}

static void refuse_nobody_leads(void)
{
	member_connected(&m, (int)connects, now);
	refuse("");
}

static void each_master_is_tried_all_the_time_and_not_too_often(void **state)
{
	double rate;

	(void)state;
	for (unsigned i = 0; i < 8; i++) { /* nodes, whose pauses differ */
		self.epoch = i * 0x123456789abcdefu;
		/* the second in which it is noticed is not lost by half a round */
		assert_in_range(seek_for_hours(lose, &rate), NS_PER_SEC / 2,
				MEMBER_BACKOFF_MAX_NS + NS_PER_SEC / 2);
		assert_true(rate > 0.4 && rate < 1.1);
		m.backoff_ns = 0;
		assert_in_range(seek_for_hours(NULL, &rate), NS_PER_SEC, 5 * NS_PER_SEC - 1);
		assert_true(rate < 0.3);
		/* they live, and none of them leads: not for want of being asked */
		assert_in_range(seek_for_hours(refuse_nobody_leads, &rate), NS_PER_SEC / 2,
				MEMBER_BACKOFF_MAX_NS);
		assert_true(rate > 1 && rate < 3);
	}
}

static void one_master_alone_is_tried_as_often(void **state)
{
	double rate;

	(void)state;
	m.master_count = 1;
	assert_in_range(seek_for_hours(lose, &rate), NS_PER_SEC, MEMBER_BACKOFF_MAX_NS);
	assert_true(rate > 0.49 && rate < 1.01);
	assert_in_range(seek_for_hours(NULL, &rate), NS_PER_SEC, 5 * NS_PER_SEC - 1);
}

/* Whoever answers at all, and a name that is being looked up, has the time of a handshake. */
static void who_may_be_slow_is_waited_for(void **state)
{
	(void)state;
	lose();
	(void)try_next();
	member_reached(&m, (int)connects);
	assert_in_range(try_next(), PEER_HANDSHAKE_NS, PEER_HANDSHAKE_NS + NS_PER_SEC);
	assert_in_range(try_next(), MEMBER_ANSWER_NS / MASTERS, PEER_HANDSHAKE_NS / 2);
	masters[m.at] = "master.example:1";
	assert_in_range(try_next(), PEER_HANDSHAKE_NS, PEER_HANDSHAKE_NS + NS_PER_SEC);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_candidate_sends_it_on_at_once_and_only_one_of_the_list_may),
		T(who_is_sent_about_pauses),
		T(a_leader_that_broke_is_tried_again_and_then_called_lost),
		T(a_leader_that_is_silent_is_not_tried_again_first),
		T(a_dead_leader_is_found_out),
		T(each_master_is_tried_all_the_time_and_not_too_often),
		T(one_master_alone_is_tried_as_often),
		T(who_may_be_slow_is_waited_for),
	};

	return cmocka_run_group_tests_name("harbor/member", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* One peer, its hands recorded. What two peers do together is in test_sim.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/clock.h"
#include "harbor/protocol/peer.h"

#define T0 (1000 * NS_PER_SEC)
#define HEARTBEAT NS_PER_SEC
#define DEAD (5 * NS_PER_SEC)
#define LINK_WAIT NS_PER_SEC
#define ATTEMPTS 8u

static struct {
	int connects, closes, ups, downs, give_ups, next_conn, closed, written_to;
	bool bad_address;
	enum peer_loss loss, down_loss;
	enum wire_up down_kind;
	struct wire_control last; /* written */
	unsigned pings, tired, resumes, alive, doubts, heard_of;
	unsigned witnesses; /* who can be asked */
	bool broken_count;  /* no count of the other node is right */
	bool waits;
} hands;

static int hand_connect(struct peer *p)
{
	(void)p;
	hands.connects++;
	return hands.bad_address ? -1 : ++hands.next_conn;
}

static void hand_write(struct peer *p, int conn, const struct wire_control *c)
{
	(void)p;
	hands.last = *c;
	hands.written_to = conn;
	hands.pings += c->kind == WIRE_PING;
}

static void hand_close(struct peer *p, int conn, const char *why)
{
	(void)p;
	assert_non_null(why);
	hands.closes++;
	hands.closed = conn;
}

static void hand_up(struct peer *p, int conn)
{
	(void)p;
	(void)conn;
	hands.ups++;
}

static void hand_down(struct peer *p, enum peer_loss loss, const char *why)
{
	(void)why;
	hands.downs++;
	hands.down_kind = peer_loss_kind(p);
	hands.loss = hands.down_loss = loss;
}

static void hand_give_up(struct peer *p, enum peer_loss loss)
{
	(void)p;
	hands.give_ups++;
	hands.loss = loss;
}

static void hand_tired(struct peer *p)
{
	(void)p;
	hands.tired++;
}

static void hand_offer(struct peer *p, struct wire_control *c)
{
	(void)p;
	c->session = 8;
	c->known = 9;
	c->count = 42;
}

static const char *hand_resume(struct peer *p, const struct wire_control *c)
{
	(void)c;
	assert_int_not_equal(p->state, PEER_UP);
	hands.resumes++;
	return hands.broken_count ? "it cannot count" : NULL;
}

static uint64_t hand_received(struct peer *p)
{
	(void)p;
	return 42;
}

static bool hand_acknowledged(struct peer *p, uint64_t count)
{
	(void)p;
	(void)count;
	return !hands.broken_count;
}

static bool hand_waits(struct peer *p)
{
	(void)p;
	return hands.waits;
}

static void hand_alive(struct peer *p)
{
	(void)p;
	hands.alive++;
}

static unsigned hand_doubt(struct peer *p)
{
	(void)p;
	hands.doubts++;
	return hands.witnesses;
}

static void hand_witness(struct peer *p, const struct wire_control *c)
{
	assert_int_equal(p->state, PEER_UP);
	(void)c;
	hands.heard_of++;
}

static const struct peer_ops ops = { hand_connect, hand_write,	  hand_close,	     hand_up,
				     hand_down,	   hand_tired,	  hand_give_up,	     hand_offer,
				     hand_resume,  hand_received, hand_acknowledged, hand_waits,
				     hand_alive,   hand_doubt,	  hand_witness };

static struct peer_self self;
static struct peer peer;

static void begin(unsigned own_id, unsigned peer_id)
{
	memset(&hands, 0, sizeof(hands));
	self = (struct peer_self){ .cluster = "c",
				   .name = "me",
				   .id = own_id,
				   .epoch = 100,
				   .heartbeat_ns = HEARTBEAT,
				   .dead_ns = DEAD,
				   .link_wait_ns = LINK_WAIT,
				   .pace.max = ATTEMPTS,
				   .random = 12345 };
	peer_init(&peer, &ops, &self, peer_id);
}

static int setup(void **state)
{
	(void)state;
	begin(1, 2);
	return 0;
}

static struct wire_control member(uint64_t epoch)
{
	return (struct wire_control){ .kind = WIRE_MEMBER,
				      .name = "other",
				      .address = "a:1",
				      .id = peer.id,
				      .epoch = epoch,
				      .up = 1 };
}

static struct wire_control hello(uint64_t epoch, uint32_t attempt)
{
	return (struct wire_control){ .kind = WIRE_HELLO,
				      .id = peer.id,
				      .epoch = epoch,
				      .peer_epoch = 100,
				      .request = attempt,
				      .version = wire_version,
				      .version_min = wire_version };
}

static struct wire_control welcome(uint64_t epoch)
{
	return (struct wire_control){
		.kind = WIRE_WELCOME, .id = peer.id, .epoch = epoch, .version = wire_version
	};
}

/* Up by our own connection. */
static void bring_up(uint64_t now)
{
	struct wire_control m = member(7), w = welcome(7);

	peer_member_up(&peer, &m, now);
	(void)peer_tick(&peer, now);
	peer_connected(&peer, hands.next_conn, now);
	peer_input(&peer, hands.next_conn, &w, now);
	assert_int_equal(peer.state, PEER_UP);
}

static void a_link_comes_up_by_hello_and_welcome(void **state)
{
	struct wire_control m = member(7), w = welcome(7);

	(void)state;
	peer_member_up(&peer, &m, T0);
	assert_int_equal(hands.connects, 0);
	assert_true(peer_tick(&peer, T0) > T0);
	assert_int_equal(hands.connects, 1);
	peer_connected(&peer, 1, T0);
	assert_int_equal(hands.last.kind, WIRE_HELLO);
	assert_true(hands.last.peer_epoch == 7 && hands.last.epoch == 100);
	assert_int_equal(hands.ups, 0);
	peer_input(&peer, 1, &w, T0);
	assert_int_equal(hands.ups, 1);
	assert_int_equal(peer.conn, 1);
}

static void the_larger_id_leaves_the_first_try_to_the_other(void **state)
{
	struct wire_control m = member(7), h = hello(7, 1);

	(void)state;
	begin(3, 2);
	peer_member_up(&peer, &m, T0);
	assert_true(peer_tick(&peer, T0) > T0);
	assert_int_equal(hands.connects, 0);
	assert_true(peer_hello(&peer, 50, &h, T0));
	assert_int_equal(hands.last.kind, WIRE_WELCOME);
	assert_int_equal(peer.conn, 50);
}

static void a_link_speaks_what_both_speak(void **state)
{
	struct wire_control m = member(7), h = hello(7, 1);

	(void)state;
	begin(3, 2);
	peer_member_up(&peer, &m, T0);
	h.version = wire_version + 5;
	assert_true(peer_hello(&peer, 50, &h, T0));
	assert_int_equal(hands.last.kind, WIRE_WELCOME);
	assert_int_equal(hands.last.version, wire_version);
	assert_int_equal(peer.version, wire_version);
}

static void a_welcome_in_another_version_is_no_link(void **state)
{
	struct wire_control m = member(7), w = welcome(7);

	(void)state;
	peer_member_up(&peer, &m, T0);
	(void)peer_tick(&peer, T0);
	assert_int_equal(peer.state, PEER_CONNECTING);
	peer_connected(&peer, peer.conn, T0);
	w.version = wire_version + 1;
	peer_input(&peer, peer.conn, &w, T0);
	assert_int_not_equal(peer.state, PEER_UP);
	assert_non_null(strstr(peer.why, "version of the protocol"));
}

static void of_two_crossed_connections_the_smaller_ids_stays(void **state)
{
	struct wire_control m = member(7), h = hello(7, 1);

	(void)state;
	peer_member_up(&peer, &m, T0);
	(void)peer_tick(&peer, T0);
	assert_false(peer_hello(&peer, 50, &h, T0)); /* we are 1, it is 2 */
	assert_int_equal(hands.last.kind, WIRE_REFUSE);
	assert_int_equal(hands.last.code, WIRE_CROSSED);
	assert_int_equal(hands.written_to, 50);
	assert_int_equal(peer.state, PEER_CONNECTING);

	begin(3, 2);
	m = member(7);
	h = hello(7, 1);
	peer_member_up(&peer, &m, T0);
	(void)peer_tick(&peer, T0 + PEER_TURN_NS - 1);
	assert_int_equal(peer.state, PEER_WAITING); /* the smaller id goes first */
	(void)peer_tick(&peer, T0 + PEER_TURN_NS);
	assert_int_equal(peer.state, PEER_CONNECTING);
	assert_true(peer_hello(&peer, 50, &h, T0 + PEER_TURN_NS)); /* we are 3, it is 2 */
	assert_int_equal(hands.closed, 1);
	assert_int_equal(peer.conn, 50);
}

static void a_hello_that_was_given_up_is_refused_when_it_comes_late(void **state)
{
	struct wire_control m = member(7), w = welcome(7), late = hello(7, 4), fresh = hello(7, 5);

	(void)state;
	peer_member_up(&peer, &m, T0);
	(void)peer_tick(&peer, T0);
	peer_connected(&peer, 1, T0);
	w.request = 4; /* "my attempts up to 4 are given up" */
	peer_input(&peer, 1, &w, T0);
	assert_false(peer_hello(&peer, 50, &late, T0));
	assert_int_equal(peer.conn, 1);
	assert_true(peer_hello(&peer, 51, &fresh, T0)); /* it has lost the link and connects anew */
	assert_int_equal(hands.downs, 1);
	assert_int_equal(peer.conn, 51);
}

static void a_new_incarnation_ends_the_old_one_when_the_master_names_it(void **state)
{
	struct wire_control h = hello(8, 1), old = hello(7, 99), m = member(8);

	(void)state;
	bring_up(T0);
	assert_false(peer_hello(&peer, 50, &h, T0)); /* so says only itself */
	assert_int_equal(hands.last.code, WIRE_NOT_HERE);
	assert_int_equal(peer.state, PEER_UP);
	peer_member_up(&peer, &m, T0);
	assert_int_equal(hands.downs, 1);
	assert_int_equal(hands.give_ups, 1);
	assert_int_equal(hands.loss, PEER_NODE_DOWN);
	assert_true(peer_hello(&peer, 51, &h, T0));
	assert_false(peer_hello(&peer, 52, &old, T0));
	assert_int_equal(hands.last.code, WIRE_NOT_HERE);
	assert_int_equal(peer.conn, 51);
}

static void a_stranger_is_refused_and_never_dialled(void **state)
{
	struct wire_control h = hello(7, 1);

	(void)state;
	assert_false(peer_hello(&peer, 50, &h, T0));
	assert_int_equal(hands.last.code, WIRE_NOT_HERE);
	assert_true(peer_tick(&peer, T0 + 3600 * NS_PER_SEC) == UINT64_MAX);
	assert_int_equal(hands.connects, 0);
}

/* The master has lost it from sight, we have not. */
static void a_link_that_is_up_outlives_the_word_that_the_node_is_dead(void **state)
{
	struct wire_control again = member(7);

	(void)state;
	bring_up(T0);
	peer_member_down(&peer, T0);
	assert_int_equal(peer.state, PEER_UP);
	assert_int_equal(hands.downs + hands.give_ups, 0);
	peer_member_up(&peer, &again, T0); /* it is seen again */
	peer_lost(&peer, 1, "reset", T0);
	assert_int_equal(peer.state, PEER_WAITING);
	assert_int_equal(hands.give_ups, 0);
}

static void a_link_that_breaks_after_that_word_is_the_end(void **state)
{
	struct wire_control h = hello(7, 9);

	(void)state;
	bring_up(T0);
	peer_member_down(&peer, T0);
	assert_false(peer_hello(&peer, 50, &h, T0));
	for (unsigned i = 0; i <= 7; i++)
		(void)peer_tick(&peer, T0 + i * HEARTBEAT);
	assert_int_equal(peer.state, PEER_UNKNOWN);
	assert_int_equal(hands.downs, 1);
	assert_int_equal(hands.loss, PEER_NODE_DOWN);
	assert_true(peer_tick(&peer, T0 + 3600 * NS_PER_SEC) == UINT64_MAX);
}

static void who_wants_our_predecessor_is_turned_away(void **state)
{
	struct wire_control h = hello(7, 1);

	(void)state;
	h.peer_epoch = 99;
	assert_false(peer_hello(&peer, 50, &h, T0));
	assert_int_equal(hands.last.code, WIRE_NOT_HERE);
}

static void another_node_at_the_address_is_not_the_link(void **state)
{
	struct wire_control m = member(7), w = welcome(8);

	(void)state;
	peer_member_up(&peer, &m, T0);
	(void)peer_tick(&peer, T0);
	peer_connected(&peer, 1, T0);
	peer_input(&peer, 1, &w, T0);
	assert_int_equal(hands.ups, 0);
	assert_int_equal(hands.closed, 1);
	assert_int_equal(peer.state, PEER_WAITING);
}

/* Ticks beat by beat until the link is down. Returns when that was. */
static uint64_t wait_for_the_end(uint64_t now, unsigned most)
{
	for (unsigned ticks = 0; ticks <= most; ticks++) {
		uint64_t next = peer_tick(&peer, now);

		if (peer.state != PEER_UP)
			return now;
		assert_true(next > now && next <= now + HEARTBEAT);
		now = next;
	}
	return UINT64_MAX;
}

static void whoever_waits_asks_and_silence_ends_the_link_within_dead_after(void **state)
{
	uint64_t end;

	(void)state;
	bring_up(T0);
	hands.waits = true;
	end = wait_for_the_end(T0, 10);
	assert_int_equal(hands.pings, 1);
	assert_true(hands.last.count == 42);
	assert_int_equal(hands.downs, 1);
	assert_int_equal(hands.down_kind, WIRE_DOWN);
	assert_true(end > T0 + DEAD - HEARTBEAT && end <= T0 + DEAD);
}

static void where_nothing_waits_a_link_is_asked_now_and_then(void **state)
{
	struct wire_control m = member(7), h = hello(7, 1);
	uint64_t end;

	(void)state;
	bring_up(T0);
	end = wait_for_the_end(T0, 100);
	assert_int_equal(hands.pings, 1);
	assert_true(end > T0 + LIVENESS_IDLE_BEATS * HEARTBEAT);
	assert_true(end <=
		    T0 + (LIVENESS_IDLE_BEATS + LIVENESS_IDLE_SPREAD + 1) * HEARTBEAT + DEAD);
	/* the greater id asks only if the other one does not */
	begin(3, 2);
	peer_member_up(&peer, &m, T0);
	assert_true(peer_hello(&peer, 50, &h, T0));
	end = wait_for_the_end(T0, 100);
	assert_true(end > T0 + (LIVENESS_IDLE_BEATS + 2 * LIVENESS_IDLE_SPREAD) * HEARTBEAT);
}

/* The other node asks, for it does not hear us: that is no answer, and earns us a beat at most. */
static void a_question_is_no_answer(void **state)
{
	struct wire_control ping = { .kind = WIRE_PING, .stamp = 1 };
	uint64_t now = T0;

	(void)state;
	bring_up(T0);
	hands.waits = true;
	while (peer.state == PEER_UP && now < T0 + 10 * DEAD) {
		now += HEARTBEAT / 2;
		if (now == T0 + 2 * HEARTBEAT || now == T0 + DEAD - HEARTBEAT / 2)
			peer_input(&peer, 1, &ping, now - 1);
		(void)peer_tick(&peer, now);
	}
	assert_true(now >= T0 + DEAD && now <= T0 + DEAD + HEARTBEAT);
}

static void who_is_asked_and_does_not_wait_need_not_ask(void **state)
{
	struct wire_control ping = { .kind = WIRE_PING, .stamp = 1 };

	(void)state;
	bring_up(T0);
	for (unsigned i = 1; i < 1000; i++) {
		peer_input(&peer, 1, &ping, T0 + i * HEARTBEAT - 1);
		(void)peer_tick(&peer, T0 + i * HEARTBEAT);
	}
	assert_int_equal(peer.state, PEER_UP);
	assert_int_equal(hands.pings, 0);
}

static void data_counts_as_a_sign_of_life(void **state)
{
	(void)state;
	bring_up(T0);
	hands.waits = true;
	for (unsigned i = 1; i <= 100; i++) {
		peer_heard(&peer, 1, T0 + i * HEARTBEAT - 1);
		(void)peer_tick(&peer, T0 + i * HEARTBEAT);
	}
	assert_int_equal(hands.pings, 0);
	assert_int_equal(peer.state, PEER_UP);
	peer_heard(&peer, 77, T0 + 100 * HEARTBEAT); /* not our connection */
	assert_true(wait_for_the_end(T0 + 100 * HEARTBEAT, 10) <= T0 + 101 * HEARTBEAT + DEAD);
}

static void a_question_that_is_answered_costs_nothing(void **state)
{
	struct wire_control pong = { .kind = WIRE_PONG, .stamp = T0 };

	(void)state;
	bring_up(T0);
	hands.waits = true;
	for (unsigned i = 1; i <= 100; i++) {
		unsigned pings = hands.pings;

		(void)peer_tick(&peer, T0 + i * HEARTBEAT);
		if (hands.pings > pings)
			peer_input(&peer, 1, &pong, T0 + i * HEARTBEAT + NS_PER_SEC / 2);
	}
	assert_int_equal(peer.state, PEER_UP);
	assert_true(hands.pings >= 30 && hands.pings <= 51);
}

static void a_probe_is_answered_when_the_link_speaks(void **state)
{
	struct wire_control pong = { .kind = WIRE_PONG, .stamp = T0 };

	(void)state;
	bring_up(T0);
	peer_probe(&peer, T0 + 1); /* it has just spoken */
	assert_int_equal(hands.alive, 1);
	assert_int_equal(hands.pings, 0);
	peer_probe(&peer, T0 + 3 * HEARTBEAT);
	peer_probe(&peer, T0 + 3 * HEARTBEAT + 1);
	assert_int_equal(hands.pings, 1);
	assert_int_equal(hands.alive, 1);
	peer_input(&peer, 1, &pong, T0 + 3 * HEARTBEAT + 2);
	assert_int_equal(hands.alive, 2);
	peer_probe(&peer, T0 + 6 * HEARTBEAT);
	peer_heard(&peer, 1, T0 + 6 * HEARTBEAT + 1); /* data */
	(void)peer_tick(&peer, T0 + 7 * HEARTBEAT);
	assert_int_equal(hands.alive, 3);
	peer_probe(&peer, T0 + 10 * HEARTBEAT);
	assert_true(wait_for_the_end(T0 + 10 * HEARTBEAT, 10) <= T0 + 10 * HEARTBEAT + DEAD);
	assert_int_equal(hands.alive, 3);
	peer_probe(&peer, T0 + 20 * HEARTBEAT); /* there is no link */
	assert_int_equal(hands.alive, 3);
}

/* It was asked for long enough to believe the master at once. */
static void a_link_that_was_found_silent_does_not_outlive_the_masters_word(void **state)
{
	(void)state;
	bring_up(T0);
	peer_probe(&peer, T0 + 3 * HEARTBEAT);
	(void)peer_tick(&peer, T0 + 4 * HEARTBEAT);
	peer_member_down(&peer, T0 + 5 * HEARTBEAT);
	assert_int_equal(peer.state, PEER_UNKNOWN);
	assert_int_equal(hands.down_loss, PEER_NODE_DOWN);
}

static void all_links_of_a_node_have_one_beat(void **state)
{
	struct peer_self a = self, b = self;

	(void)state;
	b.epoch = a.epoch + HEARTBEAT / 3;
	for (uint64_t now = T0; now < T0 + 3 * HEARTBEAT; now += HEARTBEAT / 7) {
		uint64_t next = peer_next_beat(&a, now);

		assert_true(next > now && next <= now + HEARTBEAT);
		assert_true(peer_next_beat(&a, next) == next + HEARTBEAT);
		assert_true(peer_next_beat(&a, next - 1) == next);
		assert_true(peer_next_beat(&b, now) != next); /* another node has another */
	}
	a.heartbeat_ns = 4 * NS_PER_SEC; /* a question and two looks fit into dead_ns */
	assert_true(peer_next_beat(&a, T0) <= T0 + DEAD / 3);
}

static void the_round_trip_is_measured(void **state)
{
	struct wire_control pong = { .kind = WIRE_PONG, .stamp = T0 };

	(void)state;
	bring_up(T0);
	peer_input(&peer, 1, &pong, T0 + 3 * NS_PER_MS);
	assert_true(peer.rtt_ns == 3 * NS_PER_MS);
}

static void tries_come_with_growing_pauses_up_to_a_bound(void **state)
{
	struct wire_control m = member(7);
	uint64_t now = T0, pause, longest = 0, before = 0;

	(void)state;
	peer_member_up(&peer, &m, T0);
	for (int i = 0; i < 20; i++) {
		(void)peer_tick(&peer, now);
		assert_int_equal(hands.connects, i + 1);
		peer_lost(&peer, hands.next_conn, "refused", now);
		pause = peer.retry_ns - now;
		assert_true(pause >= PEER_BACKOFF_MIN_NS / 2 && pause <= PEER_BACKOFF_MAX_NS);
		assert_true(i != 1 || pause != before * 2); /* jitter */
		longest = pause > longest ? pause : longest;
		before = pause;
		now = peer.retry_ns;
	}
	assert_true(longest > PEER_BACKOFF_MAX_NS / 2);
}

static void a_node_out_of_reach_fails_what_waits_and_is_tried_on(void **state)
{
	struct wire_control m = member(7), h = hello(7, 1);
	uint64_t now = T0;

	(void)state;
	hands.bad_address = true;
	peer_member_up(&peer, &m, T0);
	assert_true(peer.reachable); /* sends may wait for the link */
	while (peer.reachable) {
		now = peer_tick(&peer, now);
		assert_true(now < T0 + 2 * DEAD);
	}
	assert_true(now >= T0 + DEAD);
	assert_int_equal(hands.give_ups, 1);
	assert_int_equal(hands.loss, PEER_LINK_LOST);
	(void)peer_tick(&peer, peer.retry_ns);
	assert_int_equal(hands.give_ups, 1);
	assert_true(peer_hello(&peer, 50, &h, now + 60 * NS_PER_SEC)); /* it reaches us */
	assert_true(peer.reachable);
}

static void calls_wait_for_a_broken_link_for_so_long_and_no_longer(void **state)
{
	uint64_t now = T0 + 60 * NS_PER_SEC;

	(void)state;
	bring_up(T0);
	peer_lost(&peer, 1, "reset", now);
	hands.bad_address = true;
	assert_true(peer.patient && peer.reachable);
	while (peer.patient) {
		now = peer_tick(&peer, now);
		assert_true(now < T0 + 70 * NS_PER_SEC);
	}
	assert_true(now >= T0 + 60 * NS_PER_SEC + LINK_WAIT);
	assert_true(now <= T0 + 60 * NS_PER_SEC + LINK_WAIT + NS_PER_SEC / 10);
	assert_int_equal(hands.tired, 1);
	assert_true(peer.reachable);
	assert_int_equal(hands.give_ups, 0);
	while (peer.reachable)
		now = peer_tick(&peer, now);
	assert_int_equal(hands.give_ups, 1);
	assert_int_equal(hands.tired, 1);
}

static void a_lost_link_is_tried_again_at_once_but_not_in_a_circle(void **state)
{
	struct wire_control h = hello(7, 5);

	(void)state;
	bring_up(T0);
	peer_lost(&peer, 1, "reset", T0 + NS_PER_SEC);
	(void)peer_tick(&peer, T0 + NS_PER_SEC);
	assert_int_equal(hands.connects, 2);
	peer_lost(&peer, hands.next_conn, "reset", T0 + NS_PER_SEC);
	assert_true(peer_hello(&peer, 50, &h, T0 + NS_PER_SEC));
	peer_lost(&peer, 50, "reset", T0 + NS_PER_SEC + 1);
	(void)peer_tick(&peer, T0 + NS_PER_SEC + 1);
	assert_int_equal(hands.connects, 2);
}

static void a_port_that_refuses_tells_that_the_process_is_gone(void **state)
{
	struct wire_control h = hello(7, 5);

	(void)state;
	bring_up(T0);
	peer_lost(&peer, 1, "reset", T0 + NS_PER_SEC);
	(void)peer_tick(&peer, T0 + NS_PER_SEC);
	peer_refused(&peer, 77, "an old attempt", T0 + NS_PER_SEC);
	assert_int_equal(hands.give_ups, 0);
	peer_refused(&peer, hands.next_conn, "refused", T0 + NS_PER_SEC);
	assert_int_equal(hands.give_ups, 1);
	assert_int_equal(hands.loss, PEER_REFUSED);
	assert_false(peer.reachable || peer.patient);
	(void)peer_tick(&peer, peer.retry_ns); /* it is tried on, and said once */
	peer_refused(&peer, hands.next_conn, "refused", peer.retry_ns);
	assert_int_equal(hands.give_ups, 1);
	assert_true(peer_hello(&peer, 50, &h, T0 + 2 * NS_PER_SEC));
	assert_true(peer.reachable && peer.patient);
}

static struct wire_control testimony(enum wire_up up)
{
	return (struct wire_control){ .kind = WIRE_SAY,
				      .id = peer.id,
				      .epoch = peer.epoch,
				      .request = peer.question,
				      .up = up };
}

/* The link breaks, and the attempt after it is refused. */
static void refuse(unsigned witnesses)
{
	bring_up(T0);
	hands.witnesses = witnesses;
	peer_lost(&peer, 1, "reset", T0 + NS_PER_SEC);
	(void)peer_tick(&peer, T0 + NS_PER_SEC);
	peer_refused(&peer, hands.next_conn, "refused", T0 + NS_PER_SEC);
	assert_int_equal(hands.doubts, 1);
}

static void a_port_that_refuses_is_gone_when_no_witness_has_a_link(void **state)
{
	struct wire_control no;

	(void)state;
	refuse(2);
	no = testimony(WIRE_DOWN);
	peer_testified(&peer, &no);
	assert_int_equal(hands.give_ups, 0);
	peer_testified(&peer, &no);
	assert_int_equal(hands.give_ups, 1);
	assert_int_equal(hands.loss, PEER_REFUSED);
	peer_testified(&peer, &no);
	assert_int_equal(hands.give_ups, 1);
}

static void a_port_that_refuses_only_us_is_waited_for(void **state)
{
	struct wire_control yes, no;

	(void)state;
	refuse(3);
	yes = testimony(WIRE_UP);
	no = testimony(WIRE_DOWN);
	peer_testified(&peer, &no);
	peer_testified(&peer, &yes);
	peer_testified(&peer, &no);
	peer_testified(&peer, &no);
	assert_int_equal(hands.give_ups, 0);
	assert_true(peer.reachable);
	(void)peer_tick(&peer, T0 + NS_PER_SEC + DEAD - 1);
	assert_int_equal(hands.give_ups, 0);
	(void)peer_tick(&peer, T0 + NS_PER_SEC + DEAD);
	assert_int_equal(hands.give_ups, 1);
	assert_int_equal(hands.loss, PEER_LINK_LOST);
}

static void a_witness_of_another_question_is_not_heard(void **state)
{
	struct wire_control no, late;

	(void)state;
	refuse(1);
	late = no = testimony(WIRE_DOWN);
	(void)peer_tick(&peer, peer.retry_ns);
	peer_refused(&peer, hands.next_conn, "refused", peer.retry_ns);
	assert_int_equal(hands.doubts, 2);
	peer_testified(&peer, &late);
	no = testimony(WIRE_DOWN);
	no.epoch++;
	peer_testified(&peer, &no);
	assert_int_equal(hands.give_ups, 0);
	/* the port takes the next attempt: it is not gone, whatever others say */
	no.epoch--;
	(void)peer_tick(&peer, peer.retry_ns);
	peer_connected(&peer, hands.next_conn, peer.retry_ns);
	peer_testified(&peer, &no);
	assert_int_equal(hands.give_ups, 0);
}

static void a_handshake_that_hangs_is_ended(void **state)
{
	struct wire_control m = member(7);

	(void)state;
	peer_member_up(&peer, &m, T0);
	assert_true(peer_tick(&peer, T0) <= T0 + PEER_HANDSHAKE_NS);
	peer_connected(&peer, 1, T0);
	(void)peer_tick(&peer, T0 + PEER_HANDSHAKE_NS);
	assert_int_equal(hands.closed, 1);
	assert_int_equal(peer.state, PEER_WAITING);
}

static void goodbye_ends_the_incarnation_without_a_retry(void **state)
{
	struct wire_control bye = { .kind = WIRE_GOODBYE };

	(void)state;
	bring_up(T0);
	peer_input(&peer, 1, &bye, T0);
	assert_int_equal(peer.state, PEER_UNKNOWN);
	assert_int_equal(hands.down_loss, PEER_NODE_LEFT);
	assert_int_equal(hands.loss, PEER_NODE_DOWN); /* what waits for it hears no other word */
	assert_true(peer.left);
	assert_true(peer_tick(&peer, T0 + 3600 * NS_PER_SEC) == UINT64_MAX);
	assert_int_equal(hands.connects, 1);
	peer_member_down(&peer, T0); /* the master's word comes by another way, and later */
	assert_true(peer.left);
}

static void goodbye_counts_also_behind_the_master_s_word(void **state)
{
	struct wire_control bye = { .kind = WIRE_GOODBYE }, m = member(8);

	(void)state;
	bring_up(T0);
	peer_member_down(&peer, T0);
	assert_false(peer.left);
	peer_input(&peer, 1, &bye, T0);
	assert_true(peer.left);
	peer_member_up(&peer, &m, T0); /* it starts again */
	assert_false(peer.left);
	peer_member_down(&peer, T0);
	assert_int_equal(peer.state, PEER_UNKNOWN);
	assert_false(peer.left); /* and this time it only died */
}

static void a_dead_node_may_come_back_as_the_same_incarnation(void **state)
{
	struct wire_control h = hello(7, 5), m = member(7);

	(void)state;
	bring_up(T0);
	peer_lost(&peer, 1, "reset", T0);
	peer_member_down(&peer, T0); /* it was only frozen */
	assert_int_equal(hands.give_ups, 1);
	assert_false(peer_hello(&peer, 50, &h, T0 + DEAD)); /* the master has not said so yet */
	peer_member_up(&peer, &m, T0 + DEAD);
	assert_true(peer_hello(&peer, 50, &h, T0 + DEAD));
	assert_int_equal(peer.state, PEER_UP);
}

#define MANY 20u
static struct peer many[MANY];

static void tick_many(uint64_t now)
{
	for (unsigned i = 0; i < MANY; i++)
		(void)peer_tick(&many[i], now);
}

/* They all are named at once. */
static void meet_many(void)
{
	for (unsigned i = 0; i < MANY; i++) {
		struct wire_control m = member(7);

		peer_init(&many[i], &ops, &self, 2 + i);
		m.id = 2 + i;
		peer_member_up(&many[i], &m, T0);
	}
	tick_many(T0);
	tick_many(T0 + 1);
}

static void few_attempts_are_under_way_at_a_time(void **state)
{
	struct wire_control w = {
		.kind = WIRE_WELCOME, .id = 2, .epoch = 7, .version = wire_version
	};

	(void)state;
	meet_many();
	assert_int_equal(hands.connects, ATTEMPTS);
	peer_connected(&many[0], 1, T0 + 2);
	tick_many(T0 + 2);
	assert_int_equal(hands.connects, ATTEMPTS);
	peer_input(&many[0], 1, &w, T0 + 3);
	assert_int_equal(many[0].state, PEER_UP);
	peer_lost(&many[1], 2, "reset", T0 + 3);
	tick_many(T0 + 3);
	assert_int_equal(hands.connects, ATTEMPTS + 2);
	for (unsigned i = 0; i < MANY; i++)
		peer_stop(&many[i]);
	assert_int_equal(self.pace.young, 0);
}

static void slow_handshakes_make_it_slower(void **state)
{
	uint64_t slow = T0 + PACE_SLOW_NS;
	struct wire_control w = { .kind = WIRE_WELCOME, .epoch = 7, .version = wire_version };

	(void)state;
	meet_many();
	assert_int_equal(self.pace.allowed, ATTEMPTS);
	for (unsigned i = 0; i < ATTEMPTS; i++)
		peer_connected(&many[i], 1 + (int)i, T0 + 2);
	for (unsigned i = 0; i < ATTEMPTS; i++) {
		w.id = many[i].id;
		peer_input(&many[i], 1 + (int)i, &w, slow + i);
		assert_int_equal(many[i].state, PEER_UP);
	}
	assert_int_equal(self.pace.allowed, ATTEMPTS / 2); /* once for all of them */
	tick_many(slow + 10);
	assert_int_equal(self.pace.young, ATTEMPTS / 2);
	/* one that is quick, one that is refused quickly, and one that never answered */
	w.id = many[ATTEMPTS].id;
	peer_connected(&many[ATTEMPTS], hands.next_conn - 3, slow + 20);
	peer_input(&many[ATTEMPTS], hands.next_conn - 3, &w, slow + 30);
	assert_int_equal(self.pace.allowed, ATTEMPTS / 2 + 1);
	peer_connected(&many[ATTEMPTS + 1], hands.next_conn - 2, slow + 20);
	peer_lost(&many[ATTEMPTS + 1], hands.next_conn - 2, "reset", slow + 40);
	assert_int_equal(self.pace.allowed, ATTEMPTS / 2 + 2);
	peer_lost(&many[ATTEMPTS + 2], hands.next_conn - 1, "timeout", slow + PEER_HANDSHAKE_NS);
	assert_int_equal(self.pace.allowed, ATTEMPTS / 2 + 2);
}

static void machines_that_do_not_answer_hold_up_nobody(void **state)
{
	uint64_t old = T0 + PEER_YOUNG_NS;

	(void)state;
	meet_many();
	peer_reached(&many[0], 1, T0 + 2);		 /* this one does answer, if slowly */
	assert_int_equal(peer_tick(&many[1], old), old); /* the others are to be looked at */
	tick_many(old);
	tick_many(old);
	assert_int_equal(hands.connects, 2 * ATTEMPTS - 1);
	assert_int_equal(many[1].state, PEER_CONNECTING);
}

/* It waits for its turn: nothing is known against it. */
static void a_node_has_its_time_from_the_first_attempt(void **state)
{
	uint64_t late = T0 + 3 * DEAD / 2;
	struct peer *last = &many[MANY - 1];

	(void)state;
	meet_many();
	assert_int_equal(last->state, PEER_WAITING);
	(void)peer_tick(last, late);
	assert_int_equal(hands.tired, 0);
	assert_int_equal(hands.give_ups, 0);
	for (unsigned i = 0; i < ATTEMPTS; i++)
		peer_stop(&many[i]);
	(void)peer_tick(last, late);
	assert_int_equal(last->state, PEER_CONNECTING);
	(void)peer_tick(last, late + LINK_WAIT - 1);
	assert_int_equal(hands.tired, 0);
	(void)peer_tick(last, late + LINK_WAIT); /* its attempt holds up the others no more */
	(void)peer_tick(last, late + LINK_WAIT);
	assert_int_equal(hands.tired, 1);
}

static void who_never_has_a_turn_is_given_up_with_a_reason(void **state)
{
	struct peer *last = &many[MANY - 1];

	(void)state;
	meet_many();
	(void)peer_tick(last, T0 + PEER_MEETING_NS + LINK_WAIT - 1);
	assert_int_equal(hands.tired, 0);
	(void)peer_tick(last, T0 + PEER_MEETING_NS + LINK_WAIT);
	assert_int_equal(hands.tired, 1);
	assert_string_equal(last->why, PEER_NOT_TRIED);
	(void)peer_tick(last, T0 + PEER_MEETING_NS + DEAD);
	assert_int_equal(hands.give_ups, 1);
}

/* Returns the time of the tick after which it tries again. */
static uint64_t refuse_once(enum wire_code code, uint64_t now)
{
	struct wire_control r = { .kind = WIRE_REFUSE, .code = code, .text = "not now" };

	while (peer.state != PEER_CONNECTING)
		now = peer_tick(&peer, now);
	peer_connected(&peer, hands.next_conn, now);
	peer_input(&peer, hands.next_conn, &r, now);
	assert_int_equal(peer.state, PEER_WAITING);
	return now;
}

static void who_has_not_heard_of_us_is_not_blamed(void **state)
{
	struct wire_control m = member(7);
	uint64_t now = T0;

	(void)state;
	peer_member_up(&peer, &m, T0);
	while (now < T0 + PEER_MEETING_NS)
		now = refuse_once(WIRE_NOT_HERE, now);
	assert_int_equal(hands.tired, 0);
	/* but not for ever */
	while (hands.tired == 0)
		now = refuse_once(WIRE_NOT_HERE, now);
	assert_in_range(now, T0 + PEER_MEETING_NS, T0 + PEER_MEETING_NS + 3 * LINK_WAIT);
	assert_string_equal(peer.why, "not now");
}

static void a_slow_handshake_is_not_blamed_before_it_fails(void **state)
{
	struct wire_control m = member(7);
	uint64_t later = T0 + 2 * LINK_WAIT;

	(void)state;
	peer_member_up(&peer, &m, T0);
	(void)peer_tick(&peer, T0);
	peer_reached(&peer, hands.next_conn, T0 + 1);
	(void)peer_tick(&peer, later);
	assert_int_equal(hands.tired, 0);
	peer_lost(&peer, hands.next_conn, "reset", later);
	(void)peer_tick(&peer, later);
	assert_int_equal(hands.tired, 1);
	assert_string_equal(peer.why, "reset");
}

static void another_refusal_counts_from_its_attempt(void **state)
{
	struct wire_control m = member(7);
	uint64_t now = T0;

	(void)state;
	peer_member_up(&peer, &m, T0);
	while (hands.tired == 0)
		now = refuse_once(WIRE_OTHER_VERSION, now);
	assert_in_range(now, T0 + LINK_WAIT, T0 + 3 * LINK_WAIT);
}

/* Its HELLO speaks of the session that is then, so it need not begin anew. */
static void an_attempt_without_a_hello_outlives_the_waiting(void **state)
{
	struct wire_control m = member(7);

	(void)state;
	peer_member_up(&peer, &m, T0);
	(void)peer_tick(&peer, T0);
	peer_lost(&peer, 1, "reset", T0); /* its time begins */
	(void)peer_tick(&peer, T0 + 2 * NS_PER_SEC);
	peer_reached(&peer, 2, T0 + 2 * NS_PER_SEC);
	(void)peer_tick(&peer, T0 + DEAD);
	assert_int_equal(hands.give_ups, 1);
	assert_int_equal(hands.closes, 0);
	peer_connected(&peer, 2, T0 + DEAD + 1);
	assert_int_equal(hands.last.kind, WIRE_HELLO);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		T(a_link_comes_up_by_hello_and_welcome),
		T(the_larger_id_leaves_the_first_try_to_the_other),
		T(a_link_speaks_what_both_speak),
		T(a_welcome_in_another_version_is_no_link),
		T(of_two_crossed_connections_the_smaller_ids_stays),
		T(a_hello_that_was_given_up_is_refused_when_it_comes_late),
		T(a_new_incarnation_ends_the_old_one_when_the_master_names_it),
		T(a_stranger_is_refused_and_never_dialled),
		T(a_link_that_is_up_outlives_the_word_that_the_node_is_dead),
		T(a_link_that_breaks_after_that_word_is_the_end),
		T(who_wants_our_predecessor_is_turned_away),
		T(another_node_at_the_address_is_not_the_link),
		T(whoever_waits_asks_and_silence_ends_the_link_within_dead_after),
		T(data_counts_as_a_sign_of_life),
		T(a_question_is_no_answer),
		T(who_is_asked_and_does_not_wait_need_not_ask),
		T(where_nothing_waits_a_link_is_asked_now_and_then),
		T(a_question_that_is_answered_costs_nothing),
		T(a_probe_is_answered_when_the_link_speaks),
		T(a_link_that_was_found_silent_does_not_outlive_the_masters_word),
		T(all_links_of_a_node_have_one_beat),
		T(the_round_trip_is_measured),
		T(tries_come_with_growing_pauses_up_to_a_bound),
		T(a_node_out_of_reach_fails_what_waits_and_is_tried_on),
		T(calls_wait_for_a_broken_link_for_so_long_and_no_longer),
		T(a_lost_link_is_tried_again_at_once_but_not_in_a_circle),
		T(a_port_that_refuses_tells_that_the_process_is_gone),
		T(a_port_that_refuses_is_gone_when_no_witness_has_a_link),
		T(a_port_that_refuses_only_us_is_waited_for),
		T(a_witness_of_another_question_is_not_heard),
		T(a_handshake_that_hangs_is_ended),
		T(goodbye_ends_the_incarnation_without_a_retry),
		T(goodbye_counts_also_behind_the_master_s_word),
		T(a_dead_node_may_come_back_as_the_same_incarnation),
		T(few_attempts_are_under_way_at_a_time),
		T(slow_handshakes_make_it_slower),
		T(machines_that_do_not_answer_hold_up_nobody),
		T(a_node_has_its_time_from_the_first_attempt),
		T(who_never_has_a_turn_is_given_up_with_a_reason),
		T(who_has_not_heard_of_us_is_not_blamed),
		T(a_slow_handshake_is_not_blamed_before_it_fails),
		T(another_refusal_counts_from_its_attempt),
		T(an_attempt_without_a_hello_outlives_the_waiting),
	};

	return cmocka_run_group_tests_name("harbor/peer", tests, NULL, NULL);
}

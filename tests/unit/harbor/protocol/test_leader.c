/* SPDX-License-Identifier: MIT */
/* One candidate with answers by hand; then three of them with clocks of their own and a registry
 * that is late, loses questions and answers, while candidates freeze and wake: never do two speak
 * at the same time, and in the end one does. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/base.h"
#include "core/base/random.h"
#include "core/base/units.h"
#include "harbor/protocol/leader.h"

#define T0 (100 * NS_PER_SEC)
#define LEASE (3 * NS_PER_SEC)
#define MARGIN (LEASE / 10)

/* ---- one by hand ---- */

static struct {
	struct leader l;
	unsigned questions, leads, steps_down, changes, moves;
	enum registry_ask what;
	char to[64], why[200];
	bool move_failed;
} one;

static void hand_ask(void *ud, enum registry_ask what, const char *to)
{
	(void)ud;
	one.questions++;
	one.what = what;
	snprintf(one.to, sizeof(one.to), "%s", to);
}

static void hand_lead(void *ud, const struct registry_content *content)
{
	(void)ud;
	assert_non_null(content);
	one.leads++;
}

static void hand_step_down(void *ud, const char *why)
{
	(void)ud;
	snprintf(one.why, sizeof(one.why), "%s", why);
	one.steps_down++;
}

static void hand_changed(void *ud)
{
	(void)ud;
	one.changes++;
}

static void hand_moved(void *ud, const char *why_not)
{
	(void)ud;
	one.moves++;
	one.move_failed = why_not != NULL;
}

static const struct leader_ops hands = { hand_ask, hand_lead, hand_step_down, hand_changed,
					 hand_moved };

static void answer(enum registry_ask what, int result, bool elected, uint64_t lease_at,
		   uint64_t now)
{
	struct registry_answer a = { .what = what,
				     .result = result,
				     .elected = elected,
				     .lease_at = lease_at,
				     .lease_ns = LEASE };

	assert_true(one.l.asked);
	assert_int_equal(one.what, what);
	snprintf(a.why, sizeof(a.why), "etcd says so");
	leader_answered(&one.l, &a, now);
}

static int setup(void **state)
{
	(void)state;
	memset(&one, 0, sizeof(one));
	leader_init(&one.l, &hands, NULL, "me");
	leader_start(&one.l, T0);
	(void)leader_tick(&one.l, T0);
	return 0;
}

static void elect(void)
{
	answer(REGISTRY_LOOK, 0, true, T0, T0 + 1);
	(void)leader_tick(&one.l, T0 + 1);
	assert_false(leader_speaks(&one.l, T0 + 1)); /* not before the content is here */
	answer(REGISTRY_LOAD, 0, false, T0, T0 + 2);
	assert_true(leader_speaks(&one.l, T0 + 2));
	assert_int_equal(one.leads, 1);
	(void)leader_tick(&one.l, T0 + 2);
	assert_int_equal(one.what, REGISTRY_RENEW);
}

static void a_lease_is_counted_from_its_question_and_ends_a_margin_early(void **state)
{
	(void)state;
	elect();
	assert_true(leader_speaks(&one.l, T0 + LEASE - MARGIN - 1));
	assert_true(leader_tick(&one.l, T0 + NS_PER_SEC) <= T0 + LEASE - MARGIN);
	(void)leader_tick(&one.l, T0 + LEASE - MARGIN);
	assert_false(leader_speaks(&one.l, T0 + LEASE - MARGIN));
	assert_int_equal(one.steps_down, 1);
	/* the answer that would have saved it comes too late */
	answer(REGISTRY_RENEW, 0, false, T0 + LEASE / 3, T0 + LEASE);
	assert_false(leader_speaks(&one.l, T0 + LEASE));
	(void)leader_tick(&one.l, T0 + LEASE);
	assert_int_equal(one.what, REGISTRY_LOOK);
	assert_int_equal(one.leads, 1);
}

static void renewals_go_on_through_failures(void **state)
{
	uint64_t now = T0 + 2;

	(void)state;
	elect();
	for (unsigned i = 0; i < 20; i++) {
		uint64_t next;

		if (i % 3) {
			answer(REGISTRY_RENEW, -EIO, false, 0, now);
			assert_string_equal(one.l.why, "etcd says so");
			assert_false(one.l.reached);
		} else {
			answer(REGISTRY_RENEW, 0, false, now, now);
			assert_true(one.l.reached);
		}
		next = leader_tick(&one.l, now);
		while (!one.l.asked) {
			assert_true(next > now);
			now = next;
			next = leader_tick(&one.l, now);
		}
		assert_true(leader_speaks(&one.l, now));
	}
	assert_int_equal(one.steps_down, 0);
}

static void who_finds_the_key_anothers_steps_down_at_once(void **state)
{
	(void)state;
	elect();
	answer(REGISTRY_RENEW, -ESTALE, false, T0, T0 + 3);
	assert_false(leader_speaks(&one.l, T0 + 3));
	assert_int_equal(one.steps_down, 1);
	setup(NULL);
	elect();
	leader_refused(&one.l, T0 + 3); /* a save was */
	assert_false(leader_speaks(&one.l, T0 + 3));
	assert_int_equal(one.steps_down, 1);
	leader_refused(&one.l, T0 + 3);
	assert_int_equal(one.steps_down, 1);
}

static void who_loads_for_too_long_does_not_lead(void **state)
{
	(void)state;
	answer(REGISTRY_LOOK, 0, true, T0, T0 + 1);
	(void)leader_tick(&one.l, T0 + 1);
	answer(REGISTRY_LOAD, 0, false, T0, T0 + LEASE - MARGIN);
	assert_int_equal(one.leads, 0);
	assert_int_equal(one.steps_down, 0); /* nobody had been told */
	(void)leader_tick(&one.l, T0 + LEASE);
	answer(REGISTRY_LOOK, 0, true, T0 + LEASE, T0 + LEASE);
	(void)leader_tick(&one.l, T0 + LEASE);
	answer(REGISTRY_LOAD, -EIO, false, 0, T0 + LEASE);
	(void)leader_tick(&one.l, T0 + LEASE + LEADER_LOOK_NS);
	assert_int_equal(one.what, REGISTRY_LOAD);
	answer(REGISTRY_LOAD, 0, false, T0 + LEASE, T0 + LEASE + LEADER_LOOK_NS);
	assert_int_equal(one.leads, 1);
}

static void a_candidate_looks_and_tells_who_leads_once(void **state)
{
	struct registry_answer a = { .what = REGISTRY_LOOK, .lease_ns = LEASE };

	(void)state;
	snprintf(a.view.leader.name, sizeof(a.view.leader.name), "b");
	for (unsigned i = 1; i <= 5; i++) {
		leader_answered(&one.l, &a, T0 + i * LEADER_LOOK_NS);
		(void)leader_tick(&one.l, T0 + (i + 1) * LEADER_LOOK_NS);
	}
	assert_int_equal(one.questions, 6);
	assert_int_equal(one.changes, 1);
	assert_false(leader_speaks(&one.l, T0));
	a.view.leader.name[0] = 0;
	leader_answered(&one.l, &a, T0 + 60 * NS_PER_SEC);
	assert_int_equal(one.changes, 2);
}

static void see_candidate(const char *name)
{
	struct registry_view *v = &one.l.view;

	snprintf(v->candidates[v->count++].name, sizeof(v->candidates[0].name), "%s", name);
}

static void who_gives_the_lead_away_is_silent_before_the_registry_hears_of_it(void **state)
{
	char why[200];

	(void)state;
	elect();
	answer(REGISTRY_RENEW, 0, false, T0, T0 + 3);
	assert_false(leader_move(&one.l, "", why, sizeof(why)));
	assert_string_equal(why, "there is no other candidate");
	see_candidate("me");
	see_candidate("b");
	see_candidate("c");
	assert_false(leader_move(&one.l, "me", why, sizeof(why)));
	assert_false(leader_move(&one.l, "nobody", why, sizeof(why)));
	assert_non_null(strstr(why, "nobody is no candidate"));
	assert_true(leader_speaks(&one.l, T0 + 3));
	assert_true(leader_move(&one.l, "c", why, sizeof(why)));
	assert_false(leader_speaks(&one.l, T0 + 3));
	assert_int_equal(one.steps_down, 1);
	assert_string_equal(one.l.view.leader.name, "c"); /* members are sent there */
	(void)leader_tick(&one.l, T0 + 3);
	assert_string_equal(one.to, "c");
	answer(REGISTRY_RESIGN, 0, false, T0, T0 + 4);
	assert_int_equal(one.moves, 1);
	assert_false(one.move_failed);
	assert_false(leader_move(&one.l, "b", why, sizeof(why)));
	assert_non_null(strstr(why, "does not lead"));
}

static void a_move_that_fails_is_told_once_and_the_next_look_finds_who_leads(void **state)
{
	char why[200];

	(void)state;
	elect();
	see_candidate("b");
	assert_true(leader_move(&one.l, "", why, sizeof(why))); /* a renewal is under way */
	answer(REGISTRY_RENEW, 0, false, T0, T0 + 3);
	assert_int_equal(one.moves, 0);
	(void)leader_tick(&one.l, T0 + NS_PER_SEC);
	assert_string_equal(one.to, "b");
	answer(REGISTRY_RESIGN, -EIO, false, T0, T0 + NS_PER_SEC);
	assert_int_equal(one.moves, 1);
	assert_true(one.move_failed);
	(void)leader_tick(&one.l, T0 + 2 * NS_PER_SEC);
	answer(REGISTRY_LOOK, 0, true, T0 + NS_PER_SEC, T0 + 2 * NS_PER_SEC);
	(void)leader_tick(&one.l, T0 + 2 * NS_PER_SEC);
	answer(REGISTRY_LOAD, 0, false, T0 + 2 * NS_PER_SEC, T0 + 2 * NS_PER_SEC);
	assert_int_equal(one.leads, 2);
	assert_int_equal(one.moves, 1);
}

static void a_stop_gives_the_key_back(void **state)
{
	(void)state;
	elect();
	answer(REGISTRY_RENEW, 0, false, T0, T0 + 3);
	leader_stop(&one.l);
	assert_false(leader_speaks(&one.l, T0 + 4));
	assert_false(leader_has_stopped(&one.l));
	(void)leader_tick(&one.l, T0 + 4);
	assert_string_equal(one.to, REGISTRY_ANYBODY);
	answer(REGISTRY_RESIGN, 0, false, T0, T0 + 5);
	assert_true(leader_has_stopped(&one.l));
	assert_int_equal(leader_tick(&one.l, T0 + 60 * NS_PER_SEC), UINT64_MAX);
	assert_false(one.l.asked); /* nor does it look again */
}

/* ---- three of them ---- */

#define CANDIDATES 3
#define STEP (10 * NS_PER_MS)

struct candidate {
	struct leader l;
	uint64_t rate;	       /* of its clock, in 1/1000 */
	uint64_t frozen_until; /* of the true time */
	/* the question under way */
	bool asked, done, lost;
	enum registry_ask what;
	uint64_t done_at, answered_at; /* true time */
	struct registry_answer answer;
	uint64_t lease_at;
	unsigned leads;
};

static struct {
	uint64_t now, random;
	struct candidate c[CANDIDATES];
	int holder; /* -1: nobody has the key */
	uint64_t lease_until[CANDIDATES];
	bool down;
	unsigned seed;
} all;

static uint64_t dice(uint64_t n)
{
	return (random_next(&all.random) >> 11) % n;
}

static uint64_t clock_of(const struct candidate *c)
{
	return T0 + all.now / 1000 * c->rate;
}

static void many_ask(void *ud, enum registry_ask what, const char *to)
{
	struct candidate *c = ud;

	(void)to;
	assert_false(c->asked);
	c->asked = true;
	c->done = false;
	c->lost = dice(8) == 0;
	c->what = what;
	c->done_at = all.now + dice(dice(4) ? 30 : 1500) * NS_PER_MS;
	c->answered_at = c->done_at + dice(dice(4) ? 30 : 1500) * NS_PER_MS;
	c->answer = (struct registry_answer){ .what = what, .lease_ns = LEASE };
	if (what != REGISTRY_LOAD)
		c->lease_at = clock_of(c);
	c->answer.lease_at = c->lease_at;
	c->answer.view.count = 1;
	snprintf(c->answer.view.candidates[0].name, sizeof(c->answer.view.candidates[0].name),
		 "other");
}

static void many_lead(void *ud, const struct registry_content *content)
{
	struct candidate *c = ud;

	(void)content;
	c->leads++;
}

static void many_step_down(void *ud, const char *why)
{
	(void)ud;
	(void)why;
}

static void many_changed(void *ud)
{
	(void)ud;
}

static void many_moved(void *ud, const char *why_not)
{
	(void)ud;
	(void)why_not;
}

static const struct leader_ops many_hands = { many_ask, many_lead, many_step_down, many_changed,
					      many_moved };

static bool lease_lives(unsigned i)
{
	return all.now < all.lease_until[i];
}

/* What the registry does with a question. */
static void execute(unsigned i)
{
	struct candidate *c = &all.c[i];
	bool ours = all.holder == (int)i && lease_lives(i);

	c->done = true;
	if (all.down) {
		c->lost = true;
		return;
	}
	if (all.holder >= 0 && !lease_lives((unsigned)all.holder))
		all.holder = -1;
	if (c->what == REGISTRY_LOOK) {
		if (all.holder < 0)
			all.holder = (int)i;
		all.lease_until[i] = all.now + LEASE;
		c->answer.elected = all.holder == (int)i;
	} else if (c->what != REGISTRY_LOAD && !ours) {
		c->answer.result = -ESTALE;
	} else if (c->what == REGISTRY_RENEW) {
		all.lease_until[i] = all.now + LEASE;
	} else if (c->what == REGISTRY_RESIGN) {
		all.holder = -1;
	}
}

static void step_candidate(unsigned i)
{
	struct candidate *c = &all.c[i];

	if (c->asked && !c->done && all.now >= c->done_at)
		execute(i);
	if (all.now < c->frozen_until)
		return;
	if (c->asked && c->done && all.now >= c->answered_at) {
		struct registry_answer a = c->answer;

		c->asked = false;
		if (c->lost)
			a = (struct registry_answer){ .what = c->what, .result = -EIO };
		leader_answered(&c->l, &a, clock_of(c));
	}
	(void)leader_tick(&c->l, clock_of(c));
}

static unsigned speakers(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < CANDIDATES; i++)
		if (all.now >= all.c[i].frozen_until)
			n += leader_speaks(&all.c[i].l, clock_of(&all.c[i]));
	return n;
}

static void run_for(uint64_t ns)
{
	for (uint64_t end = all.now + ns; all.now < end; all.now += STEP) {
		for (unsigned i = 0; i < CANDIDATES; i++)
			step_candidate(i);
		if (speakers() > 1)
			fail_msg("seed %u: two speak at the same time", all.seed);
	}
}

static void disturb(void)
{
	struct candidate *c = &all.c[dice(CANDIDATES)];
	char why[200];

	switch (dice(5)) {
	case 0:
		c->frozen_until = all.now + dice(8000) * NS_PER_MS;
		break;
	case 1:
		all.down = dice(2);
		break;
	case 2:
		if (all.now >= c->frozen_until && leader_speaks(&c->l, clock_of(c)))
			(void)leader_move(&c->l, "other", why, sizeof(why));
		break;
	default:
		break;
	}
}

static void two_never_speak_at_the_same_time(void **state)
{
	const char *many = getenv("SIM_SEEDS"); /* 300 of them, if it is not set */
	unsigned leads = 0;

	(void)state;
	for (unsigned seed = 1; seed <= (many ? (unsigned)atoi(many) : 300); seed++) {
		memset(&all, 0, sizeof(all));
		all.seed = seed;
		all.random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
		all.holder = -1;
		for (unsigned i = 0; i < CANDIDATES; i++) {
			all.c[i].rate = 980 + dice(41);
			leader_init(&all.c[i].l, &many_hands, &all.c[i], "me");
			leader_start(&all.c[i].l, clock_of(&all.c[i]));
		}
		for (unsigned n = 0; n < 40; n++) {
			disturb();
			run_for(dice(2000) * NS_PER_MS);
		}
		all.down = false;
		for (unsigned i = 0; i < CANDIDATES; i++)
			all.c[i].frozen_until = 0;
		for (unsigned n = 0; n < 60 && !speakers(); n++)
			run_for(NS_PER_SEC / 2);
		assert_int_equal(speakers(), 1);
		for (unsigned i = 0; i < CANDIDATES; i++)
			leads += all.c[i].leads;
	}
	assert_true(leads > 600); /* else little has happened */
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		T(a_lease_is_counted_from_its_question_and_ends_a_margin_early),
		T(renewals_go_on_through_failures),
		T(who_finds_the_key_anothers_steps_down_at_once),
		T(who_loads_for_too_long_does_not_lead),
		T(a_candidate_looks_and_tells_who_leads_once),
		T(who_gives_the_lead_away_is_silent_before_the_registry_hears_of_it),
		T(a_move_that_fails_is_told_once_and_the_next_look_finds_who_leads),
		T(a_stop_gives_the_key_back),
		cmocka_unit_test(two_never_speak_at_the_same_time),
	};

	return cmocka_run_group_tests_name("harbor/leader", tests, NULL, NULL);
}

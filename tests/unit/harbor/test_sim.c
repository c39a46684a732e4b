/* SPDX-License-Identifier: MIT */
/* The cluster as a whole, simulated: named behaviours first, then a thousand random histories of
 * cuts, resets, firewalls, restarts, freezes, a master that dies, a disk that is full or slow, a
 * registry that is lost or comes from a backup. Each history ends healed, and then names are unique
 * and the same on all nodes, every pair has one link, each request has its one answer, and what the
 * nodes have sent each other has come once and in order, or is known to be lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/unit/harbor/sim.h"

#define SECONDS(n) ((n)*NS_PER_SEC)

static int setup(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	sim_begin(1);
	sim_run_for(SECONDS(2));
	assert_true(sim_all_joined());
	assert_true(sim_all_linked());
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sim_end_all();
	return 0;
}

static void a_name_reaches_every_node_after_a_cut_heals(void **state)
{
	(void)state;
	sim_cut(1, SIM_MASTER, true);
	sim_register(0, 0);
	sim_run_for(SECONDS(5));
	assert_int_equal(sim_find(2, 0), sim_handle(0, 0));
	assert_int_equal(sim_find(1, 0), 0);
	sim_cut(1, SIM_MASTER, false);
	sim_run_for(SECONDS(8));
	assert_int_equal(sim_find(1, 0), sim_handle(0, 0));
}

static void two_registrations_at_the_same_instant_have_one_winner(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SIM_NODES; i++)
		sim_register(i, 3);
	sim_run_for(SECONDS(1));
	unsigned winners = 0, losers = 0;

	for (unsigned i = 0; i < SIM_NODES; i++) {
		winners += sim->node[i].mine[3] != 0;
		losers += sim->node[i].conflicts;
	}
	assert_int_equal(winners, 1);
	assert_int_equal(losers, SIM_NODES - 1);
}

static void a_killed_node_is_back_with_its_id_in_two_seconds(void **state)
{
	unsigned id = sim->node[2].self.id;

	(void)state;
	sim_register(2, 1);
	sim_run_for(SECONDS(1));
	assert_int_equal(sim_find(0, 1), sim_handle(2, 1));
	sim_kill_node(2);
	sim_start_node(2, 0);
	sim_run_for(SECONDS(2));
	assert_int_equal(sim->node[2].member.state, MEMBER_JOINED);
	assert_int_equal(sim->node[2].self.id, id);
	assert_true(sim_all_linked());
	assert_int_equal(sim_find(0, 1), 0);
}

static void links_live_on_without_a_master_and_names_still_resolve(void **state)
{
	unsigned downs = 0;

	(void)state;
	sim_register(0, 0);
	sim_run_for(SECONDS(1));
	sim_kill_master();
	sim_run_for(SECONDS(30));
	for (unsigned i = 0; i < SIM_NODES; i++) {
		for (unsigned k = 0; k < 256; k++)
			downs += sim->node[i].downs[k];
		assert_int_equal(sim_find(i, 0), sim_handle(0, 0));
	}
	assert_int_equal(downs, 0);
	sim_register(1, 1); /* under way until the master is back */
	sim_start_master();
	sim_run_for(SECONDS(8));
	assert_true(sim_all_joined());
	for (unsigned i = 0; i < SIM_NODES; i++) {
		for (unsigned k = 0; k < 256; k++)
			downs += sim->node[i].downs[k];
		assert_int_equal(sim_find(i, 0), sim_handle(0, 0));
		assert_int_equal(sim_find(i, 1), sim_handle(1, 1));
	}
	assert_int_equal(downs, 0);
}

static void who_does_not_come_back_to_a_new_master_is_declared_dead(void **state)
{
	(void)state;
	sim_register(4, 2);
	sim_run_for(SECONDS(1));
	sim_kill_master();
	sim_kill_node(4);
	sim_start_master();
	sim_run_for(SECONDS(2));
	assert_int_not_equal(sim_find(0, 2), 0); /* it may come back */
	sim_run_for(SECONDS(8));
	assert_int_equal(sim_find(0, 2), 0);
}

static void a_frozen_node_loses_its_links_and_returns_as_itself(void **state)
{
	uint32_t handle;

	(void)state;
	sim_register(3, 0);
	handle = sim_handle(3, 0);
	sim_run_for(SECONDS(1));
	sim->node[3].frozen = true;
	sim_run_for(SECONDS(3));
	assert_int_not_equal(sim->node[0].peers[handle >> 24].state, PEER_UP);
	assert_int_equal(sim_find(0, 0), 0);
	sim->node[3].frozen = false;
	sim_run_for(SECONDS(10));
	assert_true(sim_all_linked());
	assert_int_equal(sim_find(0, 0), handle); /* it registers again what it holds */
}

static void a_live_node_is_not_pushed_out_by_a_second_one_of_its_name(void **state)
{
	struct sim_node *a = &sim->node[0], *b = &sim->node[1];

	(void)state;
	sim_kill_node(1);
	sim_start_node(1, 0);
	snprintf(b->self.name, sizeof(b->self.name), "node0");
	sim_run_for(SECONDS(5));
	assert_int_equal(a->member.state, MEMBER_JOINED);
	assert_int_not_equal(b->member.state, MEMBER_JOINED);
	assert_false(b->refused); /* it tries on, and takes over once the first is gone */
	sim_kill_node(0);
	sim_run_for(SECONDS(5));
	assert_int_equal(b->member.state, MEMBER_JOINED);
}

static void a_node_that_only_the_master_has_lost_keeps_id_links_and_names(void **state)
{
	unsigned downs = 0;
	uint32_t handle;

	(void)state;
	sim_register(2, 0);
	handle = sim_handle(2, 0);
	sim_run_for(SECONDS(1));
	sim_cut(2, SIM_MASTER, true);
	sim_run_for(SECONDS(20));
	assert_int_not_equal(sim->node[2].member.state, MEMBER_JOINED);
	sim_register(0, 0); /* it has an owner, who is alive */
	sim_run_for(SECONDS(1));
	sim_cut(2, SIM_MASTER, false);
	sim_run_for(SECONDS(6));
	assert_true(sim_all_joined());
	for (unsigned i = 0; i < SIM_NODES; i++) {
		for (unsigned k = 0; k < 256; k++)
			downs += sim->node[i].downs[k];
		assert_int_equal(sim_find(i, 0), handle);
	}
	assert_int_equal(downs, 0);
	assert_int_equal(sim->node[0].conflicts, 1);
	assert_int_equal(sim->node[2].lost, 0);
}

static void who_loses_a_name_is_told_the_winner(void **state)
{
	struct sim_node *loser = &sim->node[2];

	(void)state;
	sim_register(2, 0);
	sim_run_for(SECONDS(1));
	for (unsigned i = 0; i <= SIM_MASTER; i++)
		sim_cut(2, i, true);
	sim_run_for(SECONDS(4));
	assert_int_equal(sim_find(0, 0), 0);
	sim_register(0, 0);
	sim_run_for(SECONDS(1));
	assert_int_equal(loser->lost, 0);
	for (unsigned i = 0; i <= SIM_MASTER; i++)
		sim_cut(2, i, false);
	sim_run_for(SECONDS(10));
	assert_int_equal(loser->lost, 1);
	assert_int_equal(loser->winner, sim_handle(0, 0));
	assert_int_equal(sim_find(2, 0), sim_handle(0, 0));
}

/* Two that each believe to own a name, a registry that knows nothing, a clock that went back: the
 * fence decides, whoever comes first. */
static void the_later_registration_wins_after_a_lost_registry(void **state)
{
	unsigned first, second;

	for (first = 0; first < 3; first += 2) {
		second = 2 - first;
		teardown(state);
		setup(state);
		sim_register(2, 0);
		sim_run_for(SECONDS(1));
		for (unsigned i = 0; i <= SIM_MASTER; i++)
			sim_cut(2, i, true);
		sim_run_for(SECONDS(4));
		sim_register(0, 0);
		sim_run_for(SECONDS(1));
		sim_wipe_registry();
		sim_cut(0, SIM_MASTER, true);
		sim_cut(first, SIM_MASTER, false);
		sim_start_master();
		sim_run_for(SECONDS(3));
		assert_int_equal(sim->node[first].member.state, MEMBER_JOINED);
		sim_cut(second, SIM_MASTER, false);
		for (unsigned i = 0; i <= SIM_MASTER; i++)
			sim_cut(2, i, false);
		sim_run_for(SECONDS(12));
		assert_true(sim_all_joined());
		for (unsigned i = 0; i < SIM_NODES; i++)
			assert_int_equal(sim_find(i, 0), sim_handle(0, 0));
		assert_int_equal(sim->node[2].lost, 1);
		assert_int_equal(sim->node[0].lost, 0);
	}
}

static void a_living_node_keeps_its_id_when_the_registry_is_lost(void **state)
{
	unsigned id[SIM_NODES];

	(void)state;
	for (unsigned i = 0; i < SIM_NODES; i++)
		id[i] = sim->node[i].self.id;
	sim_register(1, 1);
	sim_run_for(SECONDS(1));
	sim->node[1].frozen = true;
	sim_kill_node(2);
	sim_wipe_registry();
	sim_start_master();
	sim_start_node(2, 0); /* the first who comes */
	sim_run_for(SECONDS(2));
	sim->node[1].frozen = false;
	sim_run_for(SECONDS(10));
	assert_true(sim_all_joined());
	assert_true(sim_all_linked());
	for (unsigned i = 0; i < SIM_NODES; i++)
		assert_int_equal(sim->node[i].self.id, id[i]);
	for (unsigned i = 0; i < SIM_NODES; i++)
		assert_int_equal(sim_find(i, 1), sim_handle(1, 1));
}

static void an_id_of_the_configuration_passes_on_when_its_owner_is_gone(void **state)
{
	(void)state;
	sim_kill_node(0);
	sim_kill_node(1);
	sim_start_node(0, 7);
	sim_run_for(SECONDS(1));
	sim_start_node(1, 7); /* another host, the same number */
	sim_run_for(SECONDS(5));
	assert_int_equal(sim->node[0].member.state, MEMBER_JOINED);
	assert_int_not_equal(sim->node[1].member.state, MEMBER_JOINED);
	assert_non_null(strstr(sim->node[1].member.why, "node node0 at n0:1 is alive"));
	assert_false(sim->node[1].refused);
	sim_kill_node(0);
	sim_run_for(SECONDS(5));
	assert_int_equal(sim->node[1].member.state, MEMBER_JOINED);
	assert_int_equal(sim->node[1].self.id, 7);
}

/* The old process was frozen, and its id went to another: it must not go on beside it. */
static void a_process_that_comes_back_to_find_its_id_in_use_is_refused_for_good(void **state)
{
	struct sim_node *old = &sim->node[0];

	(void)state;
	sim_kill_node(0);
	sim_kill_node(1);
	sim_start_node(0, 7);
	sim_run_for(SECONDS(1));
	old->frozen = true;
	sim_run_for(SECONDS(3));
	sim_start_node(1, 7);
	sim_run_for(SECONDS(1));
	assert_int_equal(sim->node[1].member.state, MEMBER_JOINED);
	old->frozen = false;
	sim_run_for(SECONDS(6));
	assert_true(old->refused);
	assert_non_null(strstr(old->member.why, "belongs to another process, node node1"));
	assert_int_equal(sim->node[1].member.state, MEMBER_JOINED);
}

static void nothing_is_told_before_it_is_durable(void **state)
{
	(void)state;
	disk.full = true;
	sim_register(0, 5);
	sim_run_for(SECONDS(3));
	assert_int_equal(sim_find(1, 5), 0);
	assert_int_equal(sim->node[0].answers, 0);
	disk.full = false;
	sim_run_for(SECONDS(3));
	assert_int_equal(sim_find(1, 5), sim_handle(0, 5));
	assert_int_equal(sim->node[0].answers, 1);
}

static struct peer *link_between(unsigned a, unsigned b)
{
	return &sim->node[a].peers[sim->node[b].self.id];
}

/* Something in a waits for an answer of b, or not any more. */
static void call(unsigned a, unsigned b, bool waits)
{
	sim->node[a].calls[sim->node[b].self.id] = waits;
}

static bool linked(unsigned a, unsigned b)
{
	return link_between(a, b)->state == PEER_UP;
}

static unsigned all_downs(void)
{
	unsigned downs = 0;

	for (unsigned i = 0; i < SIM_NODES; i++)
		for (unsigned k = 0; k < 256; k++)
			downs += sim->node[i].downs[k];
	return downs;
}

static void a_cut_between_two_nodes_makes_them_unreachable_and_then_heals(void **state)
{
	struct peer *p = link_between(0, 1);

	(void)state;
	sim_cut(0, 1, true);
	call(0, 1, true);
	sim_run_for(SECONDS(4));
	assert_int_not_equal(p->state, PEER_UP);
	assert_false(p->reachable);
	sim_cut(0, 1, false);
	sim_run_for(SECONDS(16));
	assert_int_equal(p->state, PEER_UP);
	assert_true(p->reachable);
	assert_true(sim_all_linked());
}

static void a_name_that_is_handed_over_always_has_an_owner(void **state)
{
	uint32_t heir;

	(void)state;
	sim_register(0, 0);
	sim_run_for(SECONDS(1));
	heir = sim_transfer(0, 0, 3);
	for (unsigned step = 0; step < 250; step++) {
		sim_run_for(4 * NS_PER_MS);
		for (unsigned i = 0; i < SIM_NODES; i++)
			assert_int_not_equal(sim_find(i, 0), 0);
	}
	for (unsigned i = 0; i < SIM_NODES; i++) {
		assert_int_equal(sim_find(i, 0), heir);
		assert_int_equal(sim->node[i].lost, 0); /* it knows */
	}
	assert_int_equal(sim_handle(0, 0), 0);
	assert_int_equal(sim_handle(3, 0), heir);
	sim_kill_node(3);
	sim_run_for(SECONDS(4));
	assert_int_equal(sim_find(0, 0), 0); /* it goes with its new owner */
}

static void a_name_that_was_handed_over_stays_where_it_is_when_the_registry_is_lost(void **state)
{
	uint32_t heir;

	(void)state;
	sim_register(0, 0);
	sim_run_for(SECONDS(1));
	heir = sim_transfer(0, 0, 3);
	sim_run_for(SECONDS(1));
	sim_wipe_registry();
	sim_start_master();
	sim_run_for(SECONDS(12));
	for (unsigned i = 0; i < SIM_NODES; i++)
		assert_int_equal(sim_find(i, 0), heir);
}

static void a_name_that_is_handed_to_nobody_is_free(void **state)
{
	(void)state;
	sim_register(0, 0);
	sim_run_for(SECONDS(1));
	member_transfer(&sim->node[0].member, sim_handle(0, 0),
			sim_ask(&sim->node[0], sim_handle(0, 0)), "N0", sim_handle(0, 0),
			sim->node[3].self.id << 24 | 0x7fffff);
	sim->node[0].mine[0] = 0;
	sim_run_for(SECONDS(2));
	for (unsigned i = 0; i < SIM_NODES; i++)
		assert_int_equal(sim_find(i, 0), 0);
}

/* ---- liveness ---- */

#define STEPS (2 * SIM_STEP)
/* Until an idle link is asked, at the latest; then it is silent for dead_ns. */
#define IDLE ((LIVENESS_IDLE_BEATS + 2 * LIVENESS_IDLE_SPREAD + 1) * SIM_HEARTBEAT)

static void forming_takes_one_connection_a_link(void **state)
{
	(void)state;
	assert_int_equal(sim->conns - 1, SIM_NODES + SIM_NODES * (SIM_NODES - 1) / 2);
}

static void nothing_is_asked_on_links_where_nothing_waits_but_now_and_then(void **state)
{
	unsigned links = SIM_NODES * (SIM_NODES - 1) / 2, pings = sim->pings;
	unsigned beats = 4 * LIVENESS_IDLE_BEATS;

	(void)state;
	sim_run_for(beats * SIM_HEARTBEAT);
	assert_true(sim->pings - pings <= links * 4);
	assert_true(sim->pings - pings >= links);
	assert_int_equal(all_downs(), 0);
}

static void a_call_to_a_frozen_node_fails_within_dead_after(void **state)
{
	(void)state;
	sim_kill_master(); /* nobody else has anything to say */
	for (unsigned when = 0; when < 5; when++) {
		sim_run_for(when * SIM_HEARTBEAT / 5);
		sim->node[3].frozen = true;
		assert_true(linked(0, 3));
		call(0, 3, true);
		sim_run_for(SIM_DEAD - 2 * SIM_HEARTBEAT);
		assert_true(when > 0 || linked(0, 3)); /* later it may have been asked before */
		sim_run_for(2 * SIM_HEARTBEAT + STEPS);
		assert_false(linked(0, 3));
		call(0, 3, false);
		sim->node[3].frozen = false;
		sim_run_for(SECONDS(8));
		assert_true(linked(0, 3));
	}
}

static void all_know_within_dead_after_that_an_idle_node_is_frozen(void **state)
{
	(void)state;
	sim_run_for(SECONDS(1));
	sim->node[3].frozen = true;
	sim_run_for(SIM_DEAD - 2 * SIM_HEARTBEAT);
	assert_int_equal(all_downs(), 0);
	sim_run_for(3 * SIM_HEARTBEAT);
	for (unsigned i = 0; i < SIM_NODES; i++)
		if (i != 3)
			assert_int_equal(link_between(i, 3)->state, PEER_UNKNOWN);
}

static void a_stop_shorter_than_dead_after_costs_no_link(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SIM_NODES; i++)
		for (unsigned k = 0; k < SIM_NODES; k++)
			call(i, k, i != k);
	for (unsigned n = 0; n < 10; n++) {
		sim->node[n % SIM_NODES].frozen = true;
		sim_run_for(SIM_DEAD - 2 * SIM_HEARTBEAT);
		sim->node[n % SIM_NODES].frozen = false;
		sim_run_for(SIM_HEARTBEAT);
	}
	assert_int_equal(all_downs(), 0);
	assert_true(sim_all_joined());
}

/* All of them stop for long: on one machine that has no processor time for them. */
static void a_stop_of_all_costs_no_link(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SIM_NODES; i++)
		for (unsigned k = 0; k < SIM_NODES; k++)
			call(i, k, i != k);
	sim_run_for(SIM_HEARTBEAT);
	sim->now += 10 * SIM_DEAD;
	sim_run_for(SIM_DEAD);
	assert_int_equal(all_downs(), 0);
	assert_true(sim_all_joined());
}

static void an_idle_link_that_is_cut_is_found_out(void **state)
{
	(void)state;
	sim_cut(0, 1, true);
	sim_run_for(IDLE + 2 * SIM_DEAD);
	assert_false(linked(0, 1));
	assert_false(linked(1, 0));
	assert_int_equal(all_downs(), 2);
}

/* Two nodes, of which one does not reach the other: whoever finds out, soon the link is down for
 * both; both are alive for everybody, and keep their names. */
static void a_cut_of_one_way_is_one_view_for_all(void **state)
{
	for (unsigned n = 0; n < 4; n++) {
		unsigned from = n & 1, to = !from, caller = n >> 1;

		teardown(state);
		setup(state);
		sim_register(0, 0);
		sim_register(1, 1);
		sim_run_for(SECONDS(1));
		sim_cut_one_way(from, to, true);
		call(caller, !caller, true);
		sim_run_for(SIM_DEAD + 3 * SIM_HEARTBEAT);
		assert_false(linked(caller, !caller)); /* who asks is no sign of life */
		sim_run_for(SIM_DEAD);
		assert_false(linked(0, 1));
		assert_false(linked(1, 0));
		sim_run_for(SECONDS(20));
		assert_int_equal(all_downs(), 2);
		assert_false(linked(0, 1));
		assert_false(linked(1, 0));
		assert_true(sim_all_joined());
		for (unsigned i = 0; i < SIM_NODES; i++) {
			assert_int_equal(sim_find(i, 0), sim_handle(0, 0));
			assert_int_equal(sim_find(i, 1), sim_handle(1, 1));
		}
		sim_cut_one_way(from, to, false);
		sim_run_for(SECONDS(8));
		assert_true(sim_all_linked());
	}
}

/* The master does not hear a node, or is not heard by it: others have heard it, and nobody loses
 * it. */
static void a_cut_of_one_way_to_the_master_costs_nothing(void **state)
{
	for (unsigned n = 0; n < 2; n++) {
		teardown(state);
		setup(state);
		sim_register(2, 0);
		sim_run_for(SECONDS(1));
		sim_cut_one_way(n ? SIM_MASTER : 2, n ? 2 : SIM_MASTER, true);
		sim_run_for(SECONDS(30));
		assert_int_not_equal(sim->node[2].member.state, MEMBER_JOINED);
		for (unsigned i = 0; i < SIM_NODES; i++)
			assert_int_equal(sim_find(i, 0), sim_handle(2, 0));
		assert_int_equal(all_downs(), 0);
		sim_cut_one_way(n ? SIM_MASTER : 2, n ? 2 : SIM_MASTER, false);
		sim_run_for(SECONDS(8));
		assert_true(sim_all_joined());
		assert_int_equal(all_downs(), 0);
	}
}

/* Cut off from the master and from some, but not from all. */
static void one_witness_is_enough(void **state)
{
	(void)state;
	sim_register(2, 0);
	sim_run_for(SECONDS(1));
	sim_cut(2, SIM_MASTER, true);
	for (unsigned i = 0; i < 4; i++)
		sim_cut(2, i, true);
	sim_run_for(SECONDS(20));
	assert_int_equal(sim_find(0, 0), sim_handle(2, 0));
	assert_true(linked(4, 2));
	sim_cut(2, 4, true);
	sim_run_for(2 * SIM_DEAD + 2 * SIM_HEARTBEAT);
	assert_int_equal(sim_find(0, 0), 0);
}

/* Nobody tells, the master is dead, too: the kernel of its machine refuses, and no witness has a
 * link. */
static void a_process_that_ended_is_given_up_at_once(void **state)
{
	(void)state;
	sim_run_for(SECONDS(1));
	sim_kill_master();
	sim_kill_node(3);
	sim_run_for(SIM_DEAD / 2);
	for (unsigned i = 0; i < SIM_NODES; i++)
		assert_true(i == 3 || !link_between(i, 3)->reachable);
}

/* The others have links to both, so each of the two waits for the other as long as over any broken
 * link. */
static void who_is_behind_a_firewall_is_not_dead(void **state)
{
	(void)state;
	sim_run_for(SECONDS(1));
	sim_bar(0, 1, true);
	sim_run_for(SIM_DEAD - 2 * SIM_HEARTBEAT);
	assert_true(link_between(0, 1)->reachable && link_between(1, 0)->reachable);
	sim_run_for(3 * SIM_HEARTBEAT);
	assert_false(link_between(0, 1)->reachable || link_between(1, 0)->reachable);
	assert_int_equal(all_downs(), 2);
	sim_bar(0, 1, false);
	sim_run_for(SECONDS(8));
	assert_true(sim_all_linked());
}

/* One that has no other link has nobody to ask. */
static void who_is_refused_and_knows_nobody_waits_for_nothing(void **state)
{
	(void)state;
	sim_run_for(SECONDS(1));
	for (unsigned i = 2; i < SIM_NODES; i++)
		sim_bar(0, i, true);
	sim_run_for(SIM_DEAD / 4);
	sim_bar(0, 1, true);
	sim_run_for(SIM_DEAD / 2);
	assert_false(link_between(0, 1)->reachable);
	assert_true(link_between(1, 0)->state != PEER_UP);
}

static void the_members_of_a_group_go_with_their_nodes_and_come_back_with_them(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SIM_NODES; i++)
		for (unsigned place = 0; place < 3; place++)
			sim_join(i, place);
	sim_run_for(SECONDS(1));
	for (unsigned i = 0; i < SIM_NODES; i++)
		assert_true(sim_knows_members(i));
	sim_kill_node(3);
	sim_leave(1, 0, false);
	sim_leave(1, 1, true);
	sim_run_for(SECONDS(3));
	assert_true(sim_knows_members(0));
	assert_true(sim_knows_members(1));
	sim_kill_master();
	sim_run_for(SECONDS(5));
	assert_true(sim_knows_members(0));
	sim_start_master();
	sim_run_for(SECONDS(8));
	for (unsigned i = 0; i < SIM_NODES; i++)
		assert_true(!sim->node[i].alive || sim_knows_members(i));
	/* one that nobody reaches is no member; healed, it is */
	for (unsigned i = 0; i <= SIM_MASTER; i++)
		sim_cut(2, i, true);
	sim_run_for(SECONDS(4));
	assert_false(sim_knows_members(0));
	for (unsigned i = 0; i <= SIM_MASTER; i++)
		sim_cut(2, i, false);
	sim_run_for(SECONDS(12));
	for (unsigned i = 0; i < SIM_NODES; i++)
		assert_true(!sim->node[i].alive || sim_knows_members(i));
	/* the master has forgotten everything; the members tell him */
	sim_wipe_registry();
	sim_start_master();
	sim_run_for(SECONDS(12));
	for (unsigned i = 0; i < SIM_NODES; i++)
		assert_true(!sim->node[i].alive || sim_knows_members(i));
}

/* ---- a thousand histories ---- */

/* SIM_SEED: the first one, 1 if it is not set. SIM_SEEDS: how many, else one that is named, or a
 * thousand. One alone is run with all that is logged. */
static unsigned seeds(unsigned *ret_from)
{
	const char *first = getenv("SIM_SEED"), *many = getenv("SIM_SEEDS");
	unsigned count = many ? (unsigned)atoi(many) : first ? 1 : 1000;

	log_set_level(count == 1 ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
	*ret_from = first ? (unsigned)atoi(first) : 1;
	return *ret_from + count - 1;
}

static void some_traffic(void)
{
	for (uint64_t n = sim_random(4); n > 0; n--)
		sim_send((unsigned)sim_random(SIM_NODES), (unsigned)sim_random(SIM_NODES));
}

static void lose_registry(void)
{
	switch (sim_random(6)) {
	case 0:
		sim_wipe_registry();
		break;
	case 1:
		sim_restore_registry();
		break;
	case 2:
	case 3:
		sim_backup = disk;
		break;
	default:
		break;
	}
}

static void disturb(void)
{
	unsigned i = (unsigned)sim_random(SIM_NODES), k = (unsigned)sim_random(SIM_NODES + 1);
	unsigned name = (unsigned)sim_random(SIM_NAMES);

	switch (sim_random(26)) {
	case 0:
		sim_cut(i, k, true);
		break;
	case 1:
	case 2:
		sim_cut(i, k, false);
		break;
	case 3:
		sim_reset(i, k);
		break;
	case 4:
		sim_kill_node(i);
		break;
	case 5: /* restart at once */
		sim_kill_node(i);
		sim_start_node(i, 0);
		break;
	case 6:
		if (!sim->node[i].alive)
			sim_start_node(i, 0);
		break;
	case 7:
		sim_kill_master();
		break;
	case 8:
		if (!sim->master)
			sim_start_master();
		break;
	case 9:
		sim->node[i].frozen = sim->node[i].alive;
		break;
	case 10:
		sim->node[i].frozen = false;
		break;
	case 13:
		sim_cut_one_way(i, k, true);
		break;
	case 14:
		lose_registry();
		break;
	case 11:
		disk.full = sim_random(4) == 0;
		break;
	case 12:
		sim_release(i, name);
		break;
	case 20:
	case 21:
		sim_join(i, name % SIM_JOINED);
		break;
	case 22:
	case 23:
		sim_leave(i, name % SIM_JOINED, k & 1);
		break;
	case 24:
	case 25:
		if (k < SIM_NODES && i != k)
			sim_bar(i, k, sim_random(3) != 0);
		break;
	case 18:
	case 19:
		(void)sim_transfer(i, name, k % SIM_NODES);
		break;
	case 15:
	case 16:
		if (k < SIM_NODES)
			call(i, k, sim_random(2));
		break;
	default:
		sim_register(i, name);
		break;
	}
}

static void heal(void)
{
	memset(sim->cut, 0, sizeof(sim->cut));
	memset(sim->barred, 0, sizeof(sim->barred));
	disk.full = false;
	if (!sim->master)
		sim_start_master();
	for (unsigned i = 0; i < SIM_NODES; i++)
		sim->node[i].frozen = false;
	/* backoff, handshakes that hang, and the master's grace time */
	for (unsigned n = 0; n < 30; n++) {
		sim_run_for(SECONDS(1));
		if (n > 6 && sim_all_joined() && sim_all_linked())
			break;
	}
	/* who lost a name while it was away was told */
	for (unsigned i = 0; i < SIM_NODES; i++)
		for (unsigned k = 0; k < SIM_NAMES; k++) {
			struct sim_node *n = &sim->node[i];
			bool held = n->alive && n->mine[k];

			if (held && sim_find(i, k) != n->mine[k])
				fail_msg("seed %u: node%u believes to hold N%u and was not told "
					 "that it is lost",
					 sim->seed, i, k);
		}
	sim_run_for(SECONDS(2));
}

static void check(void)
{
	if (!sim_all_joined()) {
		sim_print();
		fail_msg("seed %u: not every node has joined", sim->seed);
	}
	if (!sim_all_linked()) {
		sim_print();
		fail_msg("seed %u: not every pair has one link", sim->seed);
	}
	sim_check_flows();
	if (!sim_all_answered())
		fail_msg("seed %u: somebody waits for an answer for ever", sim->seed);
	if (!sim_none_linked_to_the_dead())
		fail_msg("seed %u: a link to a dead node is up", sim->seed);
	for (unsigned i = 0; i < SIM_NODES; i++)
		if (sim->node[i].alive && !sim_knows_members(i))
			fail_msg("seed %u: node%u knows other members of the group", sim->seed, i);
	for (unsigned k = 0; k < SIM_NAMES; k++) {
		uint32_t owner = 0;
		bool first = true, held = false;

		for (unsigned i = 0; i < SIM_NODES; i++) {
			struct sim_node *n = &sim->node[i];

			if (!n->alive)
				continue;
			if (!first && sim_find(i, k) != owner)
				fail_msg("seed %u: node%u says :%08x owns N%u, another :%08x",
					 sim->seed, i, sim_find(i, k), k, owner);
			owner = sim_find(i, k);
			first = false;
			held |= n->mine[k] != 0;
		}
		for (unsigned i = 0; i < SIM_NODES && owner; i++)
			if (sim->node[i].alive && sim->node[i].self.id == owner >> 24 &&
			    sim->node[i].mine[k] != owner)
				fail_msg("seed %u: N%u belongs to node%u, who does not hold it",
					 sim->seed, k, i);
		if (held && !owner)
			fail_msg("seed %u: somebody holds N%u and nobody owns it", sim->seed, k);
		if (owner) {
			bool lives = false;

			for (unsigned i = 0; i < SIM_NODES; i++)
				lives |= sim->node[i].alive && sim->node[i].self.id == owner >> 24;
			if (!lives)
				fail_msg("seed %u: N%u belongs to :%08x, whose node is dead",
					 sim->seed, k, owner);
		}
	}
}

static void names_are_unique_and_equal_after_a_thousand_histories(void **state)
{
	unsigned from, to = seeds(&from);

	(void)state;
	for (unsigned seed = from; seed <= to; seed++) {
		sim_begin(seed);
		sim_run_for(sim_random(2000) * NS_PER_MS);
		for (unsigned n = 0; n < 60; n++) {
			disturb();
			some_traffic();
			if (sim_random(3))
				sim_run_for(sim_random(400) * NS_PER_MS);
		}
		heal();
		check();
		sim_end_all();
	}
}

/* Connections break, for so short that hardly anybody gives another node up: only who has to wait
 * for a handshake that was cut. */
static void nothing_is_lost_while_both_nodes_live(void **state)
{
	unsigned from, to = seeds(&from);

	(void)state;
	for (unsigned seed = from; seed <= to; seed += 4) {
		sim_begin(seed);
		sim_run_for(SECONDS(2));
		for (unsigned n = 0; n < 40; n++) {
			unsigned i = (unsigned)sim_random(SIM_NODES),
				 k = (unsigned)sim_random(SIM_NODES);

			some_traffic();
			if (sim_random(3) == 0)
				sim_cut_one_way(i, k, true);
			sim_run_for(sim_random(100) * NS_PER_MS);
			if (sim_random(2))
				sim_reset(i, k);
			sim_cut(i, k, false);
		}
		sim_run_for(SECONDS(3));
		check();
		sim_end_all();
	}
}

static void the_histories_were_rich(void **state)
{
	(void)state;
	print_message("messages: %llu sent, %llu arrived, %llu lost, %llu bounced, %llu frames "
		      "sent again, %llu sessions resumed; calls: %llu, %llu answered, %llu failed, "
		      "%llu strays; %llu nodes found dead, %llu alive\n",
		      (unsigned long long)sim_total.sent, (unsigned long long)sim_total.arrived,
		      (unsigned long long)sim_total.lost, (unsigned long long)sim_total.bounced,
		      (unsigned long long)sim_total.resent, (unsigned long long)sim_total.resumes,
		      (unsigned long long)sim_total.calls, (unsigned long long)sim_total.answered,
		      (unsigned long long)sim_total.failed, (unsigned long long)sim_total.strays,
		      (unsigned long long)sim_total.gone,
		      (unsigned long long)sim_total.testimonies);
	if (getenv("SIM_SEED"))
		return;
	assert_true(sim_total.lost && sim_total.bounced && sim_total.failed && sim_total.strays);
	assert_true(sim_total.gone > 100 && sim_total.testimonies > 100);
	assert_true(sim_total.resent > 1000 && sim_total.resumes > 1000);
	assert_true(sim_total.arrived > sim_total.sent / 2);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_name_reaches_every_node_after_a_cut_heals),
		T(two_registrations_at_the_same_instant_have_one_winner),
		T(a_killed_node_is_back_with_its_id_in_two_seconds),
		T(links_live_on_without_a_master_and_names_still_resolve),
		T(who_does_not_come_back_to_a_new_master_is_declared_dead),
		T(a_frozen_node_loses_its_links_and_returns_as_itself),
		T(a_live_node_is_not_pushed_out_by_a_second_one_of_its_name),
		T(a_node_that_only_the_master_has_lost_keeps_id_links_and_names),
		T(who_loses_a_name_is_told_the_winner),
		T(the_later_registration_wins_after_a_lost_registry),
		T(a_living_node_keeps_its_id_when_the_registry_is_lost),
		T(an_id_of_the_configuration_passes_on_when_its_owner_is_gone),
		T(a_process_that_comes_back_to_find_its_id_in_use_is_refused_for_good),
		T(nothing_is_told_before_it_is_durable),
		T(a_cut_between_two_nodes_makes_them_unreachable_and_then_heals),
		T(a_name_that_is_handed_over_always_has_an_owner),
		T(a_name_that_was_handed_over_stays_where_it_is_when_the_registry_is_lost),
		T(a_name_that_is_handed_to_nobody_is_free),
		T(forming_takes_one_connection_a_link),
		T(nothing_is_asked_on_links_where_nothing_waits_but_now_and_then),
		T(a_call_to_a_frozen_node_fails_within_dead_after),
		T(all_know_within_dead_after_that_an_idle_node_is_frozen),
		T(a_stop_shorter_than_dead_after_costs_no_link),
		T(a_stop_of_all_costs_no_link),
		T(an_idle_link_that_is_cut_is_found_out),
		T(a_cut_of_one_way_is_one_view_for_all),
		T(a_cut_of_one_way_to_the_master_costs_nothing),
		T(one_witness_is_enough),
		T(a_process_that_ended_is_given_up_at_once),
		T(who_is_behind_a_firewall_is_not_dead),
		T(who_is_refused_and_knows_nobody_waits_for_nothing),
		T(the_members_of_a_group_go_with_their_nodes_and_come_back_with_them),
		cmocka_unit_test(names_are_unique_and_equal_after_a_thousand_histories),
		cmocka_unit_test(nothing_is_lost_while_both_nodes_live),
		cmocka_unit_test(the_histories_were_rich),
	};

	return cmocka_run_group_tests_name("harbor/sim", tests, NULL, NULL);
}

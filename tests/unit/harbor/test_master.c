/* SPDX-License-Identifier: MIT */
/* The master against model members: named behaviours, then a thousand random histories. A model member does what
 * harbor.c does: says hello, keeps what it is told, re-registers what it owns after each hello. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/base.h"
#include "core/log.h"
#include "harbor/master.h"

#define NODES 5
#define NAMES 6
#define DEAD 1000

/* ---- registry in memory ---- */

static struct {
	char node[256][64];
	uint64_t epoch[256];
	char name[64][16];
	uint32_t handle[64];
} disk;

static void disk_load(void (*node)(const char *, unsigned, uint64_t, void *),
		      void (*name)(const char *, uint32_t, void *), void *ud)
{
	for (unsigned i = 1; i < 256; i++)
		if (disk.node[i][0])
			node(disk.node[i], i, disk.epoch[i], ud);
	for (unsigned i = 0; i < 64; i++)
		if (disk.handle[i])
			name(disk.name[i], disk.handle[i], ud);
}

static void disk_save_node(const char *name, unsigned id, uint64_t epoch)
{
	for (unsigned i = 1; i < 256; i++)
		if (strcmp(disk.node[i], name) == 0)
			disk.node[i][0] = 0;
	snprintf(disk.node[id], sizeof(disk.node[id]), "%s", name);
	disk.epoch[id] = epoch;
}

static void disk_save_name(const char *name, uint32_t handle)
{
	unsigned at = 64;

	for (unsigned i = 0; i < 64; i++)
		if (disk.handle[i] && strcmp(disk.name[i], name) == 0)
			at = i;
	for (unsigned i = 0; i < 64 && at == 64; i++)
		if (!disk.handle[i])
			at = i;
	snprintf(disk.name[at], sizeof(disk.name[at]), "%s", name);
	disk.handle[at] = handle;
}

static const struct registry_ops registry = { .load = disk_load,
					       .save_node = disk_save_node,
					       .save_name = disk_save_name };

/* ---- model members ---- */

static struct member {
	char name[16];
	uint64_t epoch;
	int conn;               /* 0 = not connected */
	bool alive, refused;
	unsigned id;
	uint32_t known[NAMES];  /* what it believes */
	uint32_t mine[NAMES];   /* what it registered */
	char answer[256];
} members[NODES];

static uint64_t now;
static int next_conn;

static unsigned name_index(const char *text)
{
	return (unsigned)(text[1] - '0');
}

static struct member *by_conn(int conn)
{
	for (unsigned i = 0; i < NODES; i++)
		if (members[i].conn == conn)
			return &members[i];
	return NULL;
}

static void to_member(int conn, const struct wire_control *c)
{
	struct member *m = by_conn(conn);

	if (!m)
		return;
	switch (c->kind) {
	case WIRE_JOINED:
		m->id = c->id;
		memset(m->known, 0, sizeof(m->known));
		break;
	case WIRE_NAME:
		m->known[name_index(c->text)] = c->handle;
		break;
	case WIRE_ANSWER:
		snprintf(m->answer, sizeof(m->answer), "%s", c->text);
		break;
	case WIRE_REFUSE:
		m->refused = true;
		break;
	default:
		break;
	}
}

static void close_member(int conn)
{
	struct member *m = by_conn(conn);

	if (m)
		m->conn = 0;
}

static const struct master_ops ops = { to_member, close_member };

static void disconnect(struct member *m)
{
	int conn = m->conn;

	m->conn = 0;
	if (conn)
		master_lost(conn, now);
}

static void ask(struct member *m, enum wire_kind kind, unsigned name, uint32_t request)
{
	struct wire_control c = { .kind = kind, .request = request, .handle = m->mine[name] };

	snprintf(c.text, sizeof(c.text), "N%u", name);
	master_input(m->conn, &c, now);
}

static void connect_member(struct member *m, unsigned wanted)
{
	struct wire_control c = { .kind = WIRE_HELLO, .id = wanted ? wanted : m->id, .epoch = m->epoch };

	m->refused = false;
	m->conn = ++next_conn;
	snprintf(c.name, sizeof(c.name), "%s", m->name);
	snprintf(c.address, sizeof(c.address), "127.0.0.1:1");
	master_input(m->conn, &c, now);
	for (unsigned i = 0; i < NAMES && m->conn && !m->refused; i++)
		if (m->mine[i])
			ask(m, WIRE_REGISTER, i, 0);
}

static void new_incarnation(struct member *m)
{
	m->epoch++;
	m->alive = true;
	m->id = 0;
	memset(m->mine, 0, sizeof(m->mine));
	memset(m->known, 0, sizeof(m->known));
}

static int setup(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	memset(&disk, 0, sizeof(disk));
	memset(members, 0, sizeof(members));
	now = 1;
	for (unsigned i = 0; i < NODES; i++) {
		snprintf(members[i].name, sizeof(members[i].name), "node%u", i);
		members[i].epoch = 100 * (i + 1);
		members[i].alive = true;
	}
	master_init(&ops, &registry, DEAD, now);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	master_fini();
	return 0;
}

static uint32_t handle_of(const struct member *m, unsigned n)
{
	return m->id << 24 | n;
}

static void ids_are_sticky_by_name(void **state)
{
	struct member *m = &members[0];
	unsigned id;

	(void)state;
	connect_member(m, 0);
	id = m->id;
	assert_int_not_equal(id, 0);
	disconnect(m);
	now += 10 * DEAD;
	master_tick(now);
	new_incarnation(m);
	connect_member(m, 0);
	assert_int_equal(m->id, id);
}

static void an_id_of_another_node_is_refused(void **state)
{
	(void)state;
	connect_member(&members[0], 7);
	assert_int_equal(members[0].id, 7);
	connect_member(&members[1], 7);
	assert_true(members[1].refused);
	assert_int_equal(members[1].conn, 0);
}

static void the_first_registration_wins_and_the_loser_hears(void **state)
{
	(void)state;
	connect_member(&members[0], 0);
	connect_member(&members[1], 0);
	members[0].mine[0] = handle_of(&members[0], 5);
	ask(&members[0], WIRE_REGISTER, 0, 1);
	assert_string_equal(members[0].answer, "");
	members[1].mine[0] = handle_of(&members[1], 6);
	ask(&members[1], WIRE_REGISTER, 0, 2);
	assert_string_equal(members[1].answer, "name is taken");
	assert_int_equal(members[1].known[0], members[0].mine[0]);
}

static void names_of_the_dead_are_released(void **state)
{
	(void)state;
	connect_member(&members[0], 0);
	connect_member(&members[1], 0);
	members[0].mine[0] = handle_of(&members[0], 5);
	ask(&members[0], WIRE_REGISTER, 0, 1);
	disconnect(&members[0]);
	now += DEAD / 2;
	struct wire_control ping = { .kind = WIRE_PING };

	master_input(members[1].conn, &ping, now);
	master_tick(now);
	assert_int_not_equal(members[1].known[0], 0); /* it may come back */
	now += DEAD;
	master_input(members[1].conn, &ping, now);
	master_tick(now);
	assert_int_equal(members[1].known[0], 0);
	assert_int_equal(disk.handle[0], 0);
}

static void a_new_incarnation_loses_the_old_ones_names_at_once(void **state)
{
	(void)state;
	connect_member(&members[0], 0);
	connect_member(&members[1], 0);
	members[0].mine[0] = handle_of(&members[0], 5);
	ask(&members[0], WIRE_REGISTER, 0, 1);
	new_incarnation(&members[0]);
	members[0].conn = 0; /* nobody said goodbye */
	connect_member(&members[0], 0);
	assert_int_equal(members[1].known[0], 0);
}

static void a_silent_member_is_dead(void **state)
{
	(void)state;
	connect_member(&members[0], 0);
	now += DEAD + 1;
	master_tick(now);
	assert_int_equal(members[0].conn, 0);
}

/* ---- a thousand histories ---- */

static void everybody_alive_is_connected(void)
{
	struct wire_control ping = { .kind = WIRE_PING };

	for (unsigned i = 0; i < NODES; i++)
		if (members[i].alive && !members[i].conn)
			connect_member(&members[i], 0);
	/* the dead have had their time; the living say so */
	for (unsigned step = 0; step < 4; step++) {
		now += DEAD / 2;
		for (unsigned i = 0; i < NODES; i++)
			if (members[i].conn)
				master_input(members[i].conn, &ping, now);
		master_tick(now);
	}
}

static void check_agreement(unsigned seed)
{
	for (unsigned n = 0; n < NAMES; n++) {
		uint32_t owner = 0;
		bool first = true;

		for (unsigned i = 0; i < NODES; i++) {
			struct member *m = &members[i];

			if (!m->alive)
				continue;
			if (!first && m->known[n] != owner)
				fail_msg("seed %u: node%u believes :%08x owns N%u, another :%08x", seed, i,
					 m->known[n], n, owner);
			owner = m->known[n];
			first = false;
		}
		if (!owner)
			continue;
		bool lives = false;

		for (unsigned i = 0; i < NODES; i++)
			lives |= members[i].alive && members[i].mine[n] == owner;
		if (!lives)
			fail_msg("seed %u: N%u belongs to :%08x, who is not alive or never asked", seed, n, owner);
	}
	/* and nobody alive who wants a name sees it free */
	for (unsigned i = 0; i < NODES; i++)
		for (unsigned n = 0; n < NAMES; n++)
			if (members[i].alive && members[i].mine[n] && !members[i].known[n])
				fail_msg("seed %u: node%u asked for N%u and it is free", seed, i, n);
}

static void names_agree_after_a_thousand_histories(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 1000; seed++) {
		master_fini();
		setup(NULL);
		srand(seed);
		for (unsigned step = 0; step < 120; step++) {
			struct member *m = &members[rand() % NODES];
			unsigned n = (unsigned)rand() % NAMES;

			now += (uint64_t)rand() % (DEAD / 3);
			switch (rand() % 9) {
			case 0: /* cut */
				disconnect(m);
				break;
			case 1: /* kill -9 */
				disconnect(m);
				m->alive = false;
				break;
			case 2: /* restart, perhaps before anybody noticed */
				new_incarnation(m);
				m->conn = 0;
				connect_member(m, 0);
				break;
			case 3: /* the master restarts */
				for (unsigned i = 0; i < NODES; i++)
					members[i].conn = 0;
				master_fini();
				master_init(&ops, &registry, DEAD, now);
				break;
			case 4:
				if (m->conn && m->mine[n]) {
					ask(m, WIRE_RELEASE, n, 3);
					m->mine[n] = 0;
				}
				break;
			case 5:
				master_tick(now);
				break;
			default:
				if (m->alive && !m->conn)
					connect_member(m, 0);
				else if (m->conn && !m->mine[n]) {
					m->mine[n] = handle_of(m, 10 + n);
					ask(m, WIRE_REGISTER, n, 4);
				}
			}
		}
		everybody_alive_is_connected();
		/* who lost a name to another may ask again once it is free */
		for (unsigned i = 0; i < NODES; i++)
			for (unsigned n = 0; n < NAMES; n++)
				if (members[i].conn && members[i].mine[n])
					ask(&members[i], WIRE_REGISTER, n, 5);
		check_agreement(seed);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(ids_are_sticky_by_name),
		T(an_id_of_another_node_is_refused),
		T(the_first_registration_wins_and_the_loser_hears),
		T(names_of_the_dead_are_released),
		T(a_new_incarnation_loses_the_old_ones_names_at_once),
		T(a_silent_member_is_dead),
		T(names_agree_after_a_thousand_histories),
	};

	return cmocka_run_group_tests_name("harbor/master", tests, NULL, NULL);
}

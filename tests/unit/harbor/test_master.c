/* SPDX-License-Identifier: MIT */
/* The master alone: its frames decoded, its registry real (SQLite in a temporary folder) or refusing to save. Many
 * members and time are in test_sim.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "harbor/master.h"

#define T0 (1000 * NS_PER_SEC)
#define BEAT NS_PER_SEC
#define DEAD (5 * NS_PER_SEC)
#define CONNS 8
#define FRAMES 600

static struct master *m;
static char dir[64];
static struct registry_ops registry;
static bool disk_full;
static unsigned saves, flushes_wanted;

static struct {
	struct wire_control last[FRAMES];
	unsigned count;
	bool closed;
} at[CONNS];

static int save(const struct registry_change *c, size_t n)
{
	saves++;
	return disk_full ? -5 : registry_sqlite.save(c, n);
}

static void hand_write(void *ud, int conn, const uint8_t *p, size_t n)
{
	(void)ud;
	while (n) {
		enum wire_kind kind;
		size_t size;

		assert_int_equal(wire_peek(p, n, &kind, &size), WIRE_OK);
		assert_true(size <= n && at[conn].count < FRAMES);
		assert_int_equal(wire_decode(p, size, &at[conn].last[at[conn].count++]), WIRE_OK);
		p += size;
		n -= size;
	}
}

static void hand_close(void *ud, int conn, const char *why)
{
	(void)ud;
	(void)why;
	at[conn].closed = true;
}

static void hand_flush(void *ud)
{
	(void)ud;
	flushes_wanted++;
}

static const struct master_ops ops = { hand_write, hand_close, hand_flush };

static void start(uint64_t now)
{
	struct master_config c = { .epoch = 1, .wall_ns = 5000, .heartbeat_ns = BEAT, .dead_ns = DEAD };
	char *error = NULL;

	assert_int_equal(registry_sqlite.open(dir, &error), 0);
	m = master_create(&ops, NULL, &registry, &c, now);
	assert_non_null(m);
}

static void stop(void)
{
	m = master_destroy(m);
	registry_sqlite.close();
}

static int setup(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	snprintf(dir, sizeof(dir), "/tmp/harbord-test-master-XXXXXX");
	assert_non_null(mkdtemp(dir));
	registry = registry_sqlite;
	registry.save = save;
	disk_full = false;
	saves = flushes_wanted = 0;
	memset(at, 0, sizeof(at));
	start(T0);
	return 0;
}

static int teardown(void **state)
{
	static const char *const files[] = { "", "-wal", "-shm" };
	char path[128];

	(void)state;
	stop();
	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/registry.sqlite%s", dir, files[i]);
		(void)unlink(path);
	}
	return rmdir(dir);
}

static bool join(int conn, const char *name, unsigned id, uint64_t epoch, uint64_t generation, uint64_t now)
{
	struct wire_control c = { .kind = WIRE_JOIN, .id = id, .epoch = epoch, .generation = generation,
				  .address = "127.0.0.1:7" };
	bool ok;

	snprintf(c.name, sizeof(c.name), "%s", name);
	at[conn].count = 0;
	at[conn].closed = false;
	ok = master_join(m, conn, &c, now);
	(void)master_flush(m);
	return ok;
}

static void ask(int conn, enum wire_kind kind, const char *name, uint32_t handle, uint64_t now)
{
	struct wire_control c = { .kind = kind, .request = 77, .handle = handle };

	snprintf(c.text, sizeof(c.text), "%s", name);
	master_input(m, conn, &c, now);
}

/* The last frame of this kind that conn got, or NULL. */
static const struct wire_control *last(int conn, enum wire_kind kind)
{
	for (unsigned i = at[conn].count; i-- > 0;)
		if (at[conn].last[i].kind == kind)
			return &at[conn].last[i];
	return NULL;
}

static uint32_t code_of(int conn, enum wire_kind kind)
{
	const struct wire_control *c = last(conn, kind);

	assert_non_null(c);
	return c->code;
}

static void ids_are_given_from_the_top_asked_for_and_sticky(void **state)
{
	(void)state;
	assert_true(join(1, "a", 0, 11, 0, T0));
	assert_int_equal(last(1, WIRE_JOINED)->id, 255);
	assert_true(join(2, "b", 3, 12, 0, T0));
	assert_int_equal(last(2, WIRE_JOINED)->id, 3);
	master_lost(m, 1, T0);
	(void)master_tick(m, T0 + DEAD); /* dead */
	stop();
	start(T0 + DEAD);
	assert_true(join(3, "a", 0, 13, 0, T0 + DEAD));
	assert_int_equal(last(3, WIRE_JOINED)->id, 255);
}

static void an_id_of_another_node_is_refused(void **state)
{
	(void)state;
	assert_true(join(1, "a", 7, 11, 0, T0));
	assert_false(join(2, "b", 7, 12, 0, T0));
	assert_int_equal(code_of(2, WIRE_REFUSE), WIRE_ID_TAKEN);
	assert_non_null(strstr(last(2, WIRE_REFUSE)->text, "belongs to node a"));
	assert_false(join(2, "b", 256, 12, 0, T0));
	assert_int_equal(code_of(2, WIRE_REFUSE), WIRE_INVALID);
}

static void a_node_may_move_to_another_id(void **state)
{
	(void)state;
	assert_true(join(1, "a", 7, 11, 0, T0));
	assert_true(join(2, "b", 0, 12, 0, T0));
	master_lost(m, 1, T0);
	assert_true(join(3, "a", 8, 13, 0, T0));
	assert_int_equal(last(3, WIRE_JOINED)->id, 8);
	assert_true(join(4, "c", 7, 14, 0, T0)); /* 7 is free */
	stop();
	start(T0);
	assert_true(join(5, "a", 0, 15, 0, T0));
	assert_int_equal(last(5, WIRE_JOINED)->id, 8);
}

static void all_255_ids_can_be_taken_and_no_more(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 255; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%u", i);
		assert_true(join(1, name, 0, i + 1, 0, T0));
		at[1].count = 0;
		master_lost(m, 1, T0);
	}
	assert_false(join(2, "one-more", 0, 999, 0, T0));
	assert_int_equal(code_of(2, WIRE_REFUSE), WIRE_FULL);
}

static void the_first_registration_wins_and_the_loser_hears(void **state)
{
	(void)state;
	join(1, "a", 1, 11, 0, T0);
	join(2, "b", 2, 12, 0, T0);
	ask(1, WIRE_REGISTER, "DB", 0x01000005, T0);
	ask(2, WIRE_REGISTER, "DB", 0x02000005, T0);
	master_flush(m);
	assert_int_equal(code_of(1, WIRE_ANSWER), WIRE_OK_CODE);
	assert_int_equal(code_of(2, WIRE_ANSWER), WIRE_NAME_TAKEN);
	assert_string_equal(last(2, WIRE_ANSWER)->text, "name is taken");
	assert_int_equal(last(2, WIRE_ANSWER)->request, 77);
	assert_int_equal(last(2, WIRE_NAME)->handle, 0x01000005);
	at[1].count = 0;
	ask(1, WIRE_REGISTER, "DB", 0x01000005, T0); /* again: fine, and no news */
	master_flush(m);
	assert_int_equal(code_of(1, WIRE_ANSWER), WIRE_OK_CODE);
	assert_null(last(1, WIRE_NAME));
}

static void names_and_handles_that_cannot_be_are_refused(void **state)
{
	static const char *const bad[] = { "", ".local", ":1", "12", "sixteen-bytes-xx" };

	(void)state;
	join(1, "a", 1, 11, 0, T0);
	for (unsigned i = 0; i < 5; i++) {
		at[1].count = 0;
		ask(1, WIRE_REGISTER, bad[i], 0x01000005, T0);
		master_flush(m);
		assert_int_equal(code_of(1, WIRE_ANSWER), WIRE_INVALID);
	}
	ask(1, WIRE_REGISTER, "DB", 0x09000005, T0); /* nobody has id 9 */
	master_flush(m);
	assert_int_equal(code_of(1, WIRE_ANSWER), WIRE_INVALID);
}

static void only_its_owners_handle_releases_a_name(void **state)
{
	(void)state;
	join(1, "a", 1, 11, 0, T0);
	join(2, "b", 2, 12, 0, T0);
	ask(1, WIRE_REGISTER, "DB", 0x01000005, T0);
	ask(2, WIRE_RELEASE, "DB", 0x02000005, T0);
	master_flush(m);
	assert_int_equal(code_of(2, WIRE_ANSWER), WIRE_NO_NAME);
	ask(2, WIRE_RELEASE, "DB", 0x01000005, T0); /* handed over by hand, from anywhere */
	ask(2, WIRE_REGISTER, "DB", 0x02000005, T0);
	master_flush(m);
	assert_int_equal(code_of(2, WIRE_ANSWER), WIRE_OK_CODE);
	assert_int_equal(last(1, WIRE_NAME)->handle, 0x02000005);
}

static void changes_of_names_are_numbered_without_gaps(void **state)
{
	uint64_t change;

	(void)state;
	join(1, "a", 1, 11, 0, T0);
	change = last(1, WIRE_SYNCED)->change;
	ask(1, WIRE_REGISTER, "A", 0x01000005, T0);
	ask(1, WIRE_REGISTER, "B", 0x01000005, T0);
	ask(1, WIRE_RELEASE, "A", 0x01000005, T0);
	master_flush(m);
	assert_true(last(1, WIRE_NAME)->change == change + 3);
	join(2, "b", 2, 12, 0, T0);
	assert_true(last(2, WIRE_SYNCED)->change == change + 3);
	assert_string_equal(last(2, WIRE_NAME)->text, "B");
}

static void the_dead_lose_their_names_and_everybody_hears(void **state)
{
	struct wire_control ping = { .kind = WIRE_PING, .stamp = 5 };

	(void)state;
	join(1, "a", 1, 11, 0, T0);
	join(2, "b", 2, 12, 0, T0);
	ask(1, WIRE_REGISTER, "DB", 0x01000005, T0);
	master_lost(m, 1, T0);
	master_input(m, 2, &ping, T0 + DEAD - 1);
	assert_true(last(2, WIRE_PONG)->stamp == 5);
	assert_true(master_tick(m, T0 + DEAD - 1) >= T0 + DEAD); /* it may come back */
	master_flush(m);
	assert_int_equal(last(2, WIRE_NAME)->handle, 0x01000005);
	(void)master_tick(m, T0 + DEAD);
	master_flush(m);
	assert_int_equal(last(2, WIRE_NAME)->handle, 0);
	assert_int_equal(last(2, WIRE_MEMBER)->up, 0);
	assert_int_equal(last(2, WIRE_MEMBER)->id, 1);
	(void)master_tick(m, T0 + 2 * DEAD); /* now 2 is silent too */
	assert_true(at[2].closed);
}

static void who_comes_back_in_time_is_not_missed(void **state)
{
	(void)state;
	join(1, "a", 1, 11, 0, T0);
	join(2, "b", 2, 12, 0, T0);
	ask(1, WIRE_REGISTER, "DB", 0x01000005, T0);
	master_flush(m);
	master_lost(m, 1, T0);
	at[2].count = 0;
	assert_true(join(3, "a", 1, 11, last(1, WIRE_JOINED)->generation, T0 + DEAD - 1));
	(void)master_tick(m, T0 + DEAD - 1);
	master_flush(m);
	assert_null(last(2, WIRE_MEMBER));
	assert_null(last(2, WIRE_NAME));
	assert_int_equal(last(3, WIRE_NAME)->handle, 0x01000005);
}

static void a_new_incarnation_replaces_one_that_is_away_or_silent(void **state)
{
	(void)state;
	join(1, "a", 1, 11, 0, T0);
	join(2, "b", 2, 12, 0, T0);
	ask(1, WIRE_REGISTER, "DB", 0x01000005, T0);
	master_flush(m);
	assert_false(join(3, "a", 0, 13, 0, T0 + BEAT)); /* the first is well */
	assert_int_equal(code_of(3, WIRE_REFUSE), WIRE_NOT_HERE);
	assert_true(join(3, "a", 0, 13, 0, T0 + BEAT * 3 / 2)); /* it missed a heartbeat */
	assert_true(at[1].closed);
	assert_int_equal(last(2, WIRE_NAME)->handle, 0);
	assert_true(last(2, WIRE_MEMBER)->epoch == 13);
	assert_true(last(3, WIRE_JOINED)->generation > last(1, WIRE_JOINED)->generation);
	assert_false(join(4, "a", 1, 11, last(1, WIRE_JOINED)->generation, T0 + BEAT * 2));
	assert_int_equal(code_of(4, WIRE_REFUSE), WIRE_STALE);
	master_lost(m, 3, T0 + BEAT * 2);
	assert_true(join(5, "a", 0, 14, 0, T0 + BEAT * 2)); /* away: at once */
}

static void goodbye_is_death_at_once(void **state)
{
	struct wire_control bye = { .kind = WIRE_GOODBYE };

	(void)state;
	join(1, "a", 1, 11, 0, T0);
	join(2, "b", 2, 12, 0, T0);
	ask(1, WIRE_REGISTER, "DB", 0x01000005, T0);
	master_input(m, 1, &bye, T0);
	master_flush(m);
	assert_int_equal(last(2, WIRE_NAME)->handle, 0);
	assert_int_equal(last(2, WIRE_MEMBER)->up, 0);
}

static void everything_is_as_before_after_a_restart(void **state)
{
	uint64_t generation;

	(void)state;
	join(1, "a", 1, 11, 0, T0);
	join(2, "b", 2, 12, 0, T0);
	generation = last(1, WIRE_JOINED)->generation;
	ask(1, WIRE_REGISTER, "DB", 0x01000005, T0);
	ask(2, WIRE_REGISTER, "LOG", 0x02000005, T0);
	master_flush(m);
	stop();
	start(T0 + 3600 * NS_PER_SEC);
	assert_true(join(3, "a", 1, 11, generation, T0 + 3601 * NS_PER_SEC));
	assert_int_equal(last(3, WIRE_MEMBER)->up, 1);
	assert_int_equal(last(3, WIRE_JOINED)->generation, generation);
	unsigned names = 0, members = 0;

	for (unsigned i = 0; i < at[3].count; i++) {
		names += at[3].last[i].kind == WIRE_NAME;
		members += at[3].last[i].kind == WIRE_MEMBER;
	}
	assert_int_equal(names, 2);
	assert_int_equal(members, 2); /* b has the grace time */
	struct wire_control ping = { .kind = WIRE_PING };

	master_input(m, 3, &ping, T0 + 3600 * NS_PER_SEC + DEAD + MASTER_RETRY_NS);
	(void)master_tick(m, T0 + 3600 * NS_PER_SEC + DEAD + MASTER_RETRY_NS);
	master_flush(m);
	assert_string_equal(last(3, WIRE_NAME)->text, "LOG");
	assert_int_equal(last(3, WIRE_NAME)->handle, 0);
}

static void nobody_hears_of_what_could_not_be_saved(void **state)
{
	(void)state;
	join(1, "a", 1, 11, 0, T0);
	at[1].count = 0;
	disk_full = true;
	ask(1, WIRE_REGISTER, "DB", 0x01000005, T0);
	assert_true(flushes_wanted > 0);
	assert_true(master_flush(m) < 0);
	assert_int_equal(at[1].count, 0);
	assert_true(master_tick(m, T0 + 1) <= T0 + 1 + NS_PER_SEC);
	assert_int_equal(at[1].count, 0);
	disk_full = false;
	(void)master_tick(m, T0 + 2 * NS_PER_SEC);
	assert_int_equal(code_of(1, WIRE_ANSWER), WIRE_OK_CODE);
	stop();
	start(T0 + 2 * NS_PER_SEC);
	assert_true(join(2, "a", 1, 11, 0, T0 + 2 * NS_PER_SEC));
	assert_non_null(last(2, WIRE_NAME));
}

static void many_registrations_are_one_batch(void **state)
{
	(void)state;
	join(1, "a", 1, 11, 0, T0);
	saves = 0;
	for (unsigned i = 0; i < 20; i++) {
		char name[16];

		snprintf(name, sizeof(name), "N%u", i);
		ask(1, WIRE_REGISTER, name, 0x01000005, T0);
	}
	master_flush(m);
	assert_int_equal(saves, 1);
	master_flush(m);
	assert_int_equal(saves, 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(ids_are_given_from_the_top_asked_for_and_sticky),
		T(an_id_of_another_node_is_refused),
		T(a_node_may_move_to_another_id),
		T(all_255_ids_can_be_taken_and_no_more),
		T(the_first_registration_wins_and_the_loser_hears),
		T(names_and_handles_that_cannot_be_are_refused),
		T(only_its_owners_handle_releases_a_name),
		T(changes_of_names_are_numbered_without_gaps),
		T(the_dead_lose_their_names_and_everybody_hears),
		T(who_comes_back_in_time_is_not_missed),
		T(a_new_incarnation_replaces_one_that_is_away_or_silent),
		T(goodbye_is_death_at_once),
		T(everything_is_as_before_after_a_restart),
		T(nobody_hears_of_what_could_not_be_saved),
		T(many_registrations_are_one_batch),
	};

	return cmocka_run_group_tests_name("harbor/master", tests, NULL, NULL);
}

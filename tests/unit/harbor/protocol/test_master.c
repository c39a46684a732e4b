/* SPDX-License-Identifier: MIT */
/* The master alone: its frames decoded, its registry real (SQLite in a temporary folder) or
 * refusing to save. Many members and time are in test_sim.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/actor/handle.h"
#include "core/log/log.h"
#include "core/base/mem.h"
#include "harbor/protocol/master.h"

#define T0 (1000 * NS_PER_SEC)
#define BEAT NS_PER_SEC
#define DEAD (5 * NS_PER_SEC)
#define CONNS 8
#define FRAMES 600

static struct master *m;
static char dir[64];
static bool disk_full, disk_slow, disk_lies;
static struct registry_content batch;	/* being saved */
static bool restored;			/* what start() finds comes from a backup */
static struct registry_content strange; /* what start() finds besides that which was saved */
static unsigned saves, flushes_wanted;

static struct {
	struct wire_control last[FRAMES];
	unsigned count;
	bool closed;
} at[CONNS];

/* The save under way ends. */
static void end_save(uint64_t now)
{
	cleanup(mem_freep) char *error = NULL;
	int r = disk_full ? -5 : 0;

	if (!disk_full && !disk_lies)
		r = registry_sqlite.save(batch.items, batch.count, batch.number, &error);
	registry_content_fini(&batch);
	master_saved(m, r, now);
}

static void hand_save(void *ud, const struct registry_change *c, size_t n, uint64_t number)
{
	(void)ud;
	assert_int_equal(batch.count, 0);
	for (size_t i = 0; i < n; i++)
		*registry_add(&batch) = c[i];
	batch.number = number;
	saves++;
}

/* Flushes, and the disk answers at once. */
static void flush(void)
{
	master_flush(m);
	if (batch.count && !disk_slow)
		end_save(T0);
}

static uint64_t tick(uint64_t now)
{
	uint64_t next = master_tick(m, now);

	if (batch.count && !disk_slow)
		end_save(now);
	return next;
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

static bool proven; /* by certificates */

static const struct master_ops ops = { hand_write, hand_close, hand_flush, hand_save };

#define OWN_EPOCH UINT64_C(0xa5000001)

static void start(uint64_t now)
{
	struct master_config c = { .epoch = OWN_EPOCH,
				   .wall_ns = 5000,
				   .random = 99,
				   .heartbeat_ns = BEAT,
				   .dead_ns = DEAD,
				   .names_are_proven = proven };
	struct registry_content content = { 0 }, kept = strange;
	char *error = NULL;

	strange = (struct registry_content){ 0 };
	assert_int_equal(
		registry_sqlite.open(&(struct registry_config){ .state_dir = dir }, &error), 0);
	assert_int_equal(registry_sqlite.load(&content), 0);
	for (size_t i = 0; i < kept.count; i++)
		*registry_add(&content) = kept.items[i];
	registry_content_fini(&kept);
	content.restored = restored;
	m = master_create(&ops, NULL, &content, &c, now);
	registry_content_fini(&content);
}

static void stop(void)
{
	m = master_destroy(m);
	registry_content_fini(&batch);
	registry_sqlite.close();
}

static void wipe(void)
{
	static const char *const files[] = { "", "-wal", "-shm" };
	char path[128];

	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/registry.sqlite%s", dir, files[i]);
		(void)unlink(path);
	}
}

static int setup(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	snprintf(dir, sizeof(dir), "/tmp/harbord-test-master-XXXXXX");
	assert_non_null(mkdtemp(dir));
	disk_full = disk_slow = disk_lies = false;
	saves = flushes_wanted = 0;
	memset(at, 0, sizeof(at));
	start(T0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	stop();
	wipe();
	return rmdir(dir);
}

static void ask_with(int conn, struct wire_control c, const char *name, uint64_t now)
{
	snprintf(c.text, sizeof(c.text), "%s", name);
	master_input(m, conn, &c, now);
}

static void claim(int conn, const char *name, uint32_t handle, uint64_t fence, uint64_t now)
{
	ask_with(conn,
		 (struct wire_control){
			 .kind = WIRE_REGISTER, .request = 78, .handle = handle, .fence = fence },
		 name, now);
}

static void ping(int conn, uint64_t births, uint64_t now)
{
	ask_with(conn, (struct wire_control){ .kind = WIRE_PING, .count = births }, "", now);
}

static void goodbye(int conn, uint64_t now)
{
	ask_with(conn, (struct wire_control){ .kind = WIRE_GOODBYE }, "", now);
}

static bool join_as(int conn, const struct wire_control *proto, uint64_t now)
{
	struct wire_control c = *proto;
	bool ok;

	c.kind = WIRE_JOIN;
	if (!c.address[0])
		snprintf(c.address, sizeof(c.address), "127.0.0.1:7");
	at[conn].count = 0;
	at[conn].closed = false;
	ok = master_join(m, conn, &c, now);
	flush();
	return ok;
}

/* A new process; id 0: `auto`. */
static bool join(int conn, const char *name, unsigned id, uint64_t epoch, uint64_t now)
{
	struct wire_control c = { .id = id, .epoch = epoch, .flags = id ? WIRE_ID_NAMED : 0 };

	snprintf(c.name, sizeof(c.name), "%s", name);
	return join_as(conn, &c, now);
}

/* One that has been in the cluster, and has used up as many handles. */
static bool rejoin(int conn, const char *name, unsigned id, uint64_t epoch, uint64_t births,
		   uint64_t now)
{
	struct wire_control c = {
		.id = id, .epoch = epoch, .flags = WIRE_ID_HELD, .births = births
	};

	snprintf(c.name, sizeof(c.name), "%s", name);
	return join_as(conn, &c, now);
}

static void ask(int conn, enum wire_kind kind, const char *name, uint32_t handle, uint64_t now)
{
	ask_with(conn, (struct wire_control){ .kind = kind, .request = 77, .handle = handle }, name,
		 now);
}

/* The last frame of this kind that conn got, or NULL. */
static unsigned count(int conn, enum wire_kind kind)
{
	unsigned n = 0;

	for (unsigned i = 0; i < at[conn].count; i++)
		n += at[conn].last[i].kind == kind;
	return n;
}

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

static void the_same_names_get_the_same_ids_whoever_comes_first(void **state)
{
	unsigned a, b;

	(void)state;
	assert_true(join(1, "a", 0, 11, T0));
	assert_true(join(2, "b", 0, 12, T0));
	a = last(1, WIRE_JOINED)->id;
	b = last(2, WIRE_JOINED)->id;
	assert_true(a > 127 && b > 127 && a != b);
	master_lost(m, 1, T0);
	(void)tick(T0 + DEAD); /* dead */
	stop();
	start(T0 + DEAD);
	assert_true(join(3, "a", 0, 13, T0 + DEAD));
	assert_int_equal(last(3, WIRE_JOINED)->id, a);
	stop();
	wipe();
	start(T0 + DEAD);
	assert_true(join(4, "b", 0, 14, T0 + DEAD));
	assert_int_equal(last(4, WIRE_JOINED)->id, b);
	assert_true(join(5, "a", 0, 15, T0 + DEAD));
	assert_int_equal(last(5, WIRE_JOINED)->id, a);
}

static void an_id_is_the_name_s_that_had_it_where_names_are_proven(void **state)
{
	char why[200];

	(void)state;
	stop();
	proven = true;
	start(T0);
	proven = false;
	assert_true(join(1, "a", 1, 11, T0));
	goodbye(1, T0);
	assert_false(join(2, "b", 1, 12, T0));
	assert_int_equal(code_of(2, WIRE_REFUSE), WIRE_NOT_HERE);
	assert_string_equal(last(2, WIRE_REFUSE)->text,
			    "harbor id 1 is node a's by its certificate (harborctl forget a)");
	assert_false(rejoin(3, "b", 1, 12, 0, T0));
	assert_true(join(4, "a", 1, 13, T0));
	goodbye(4, T0);
	assert_null(master_forget(m, "a", why, sizeof(why)));
	assert_true(join(5, "b", 1, 12, T0));
}

static void an_id_that_a_configuration_names_is_the_node(void **state)
{
	(void)state;
	assert_true(join(1, "host", 1, 11, T0));
	assert_true(join(2, "host", 2, 12, T0)); /* the same label: another node */
	assert_int_equal(last(2, WIRE_JOINED)->id, 2);
	assert_false(join(3, "other", 1, 13, T0));
	assert_int_equal(code_of(3, WIRE_REFUSE), WIRE_NOT_HERE);
	assert_non_null(strstr(last(3, WIRE_REFUSE)->text,
			       "harbor id 1 is in use: node host at 127.0.0.1:7 is alive"));
	master_lost(m, 1, T0);
	assert_false(join(3, "other", 1, 13, T0 + DEAD - 1)); /* it may come back */
	(void)tick(T0 + DEAD * 2);
	assert_true(join(3, "other", 1, 13, T0 + DEAD * 2));
	assert_true(join(4, "host", 9, 14, T0 + DEAD * 2));
}

static void an_id_of_the_configuration_is_not_given_to_others(void **state)
{
	(void)state;
	for (unsigned i = 1; i < 256; i++) {
		assert_true(join(1, "named", i, i, T0));
		goodbye(1, T0);
	}
	assert_false(join(2, "auto", 0, 999, T0));
	assert_int_equal(code_of(2, WIRE_REFUSE), WIRE_FULL);
	assert_true(join(3, "other", 7, 998, T0));
}

static void claims_that_cannot_be_are_refused(void **state)
{
	struct wire_control c = { .name = "a", .id = 256, .flags = WIRE_ID_NAMED, .epoch = 1 };

	(void)state;
	assert_false(join_as(1, &c, T0));
	assert_int_equal(code_of(1, WIRE_REFUSE), WIRE_INVALID);
	c.id = 0;
	assert_false(join_as(1, &c, T0));
	c.id = 1;
	c.epoch = 0;
	assert_false(join_as(1, &c, T0));
	c.epoch = 1;
	c.births = UINT64_MAX;
	assert_false(join_as(1, &c, T0));
	c.births = 0;
	snprintf(c.name, sizeof(c.name), "a\nb");
	assert_false(join_as(1, &c, T0));
	snprintf(c.name, sizeof(c.name), "a");
	snprintf(c.address, sizeof(c.address), "unix:/run/secret");
	assert_false(join_as(1, &c, T0));
	snprintf(c.address, sizeof(c.address), "10.0.0.1:0x50");
	assert_false(join_as(1, &c, T0));
	snprintf(c.address, sizeof(c.address), "10.0.0.1:80");
	assert_true(join_as(1, &c, T0));
}

static void whoever_leaves_makes_room_for_ever(void **state)
{
	char name[16];

	(void)state;
	/* every third dies: of those the oldest is forgotten first, when nobody has left cleanly */
	for (unsigned i = 0; i < 280; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		assert_true(join(1, name, 0, i + 1, T0 + i * 2 * DEAD));
		if (i % 3)
			goodbye(1, T0 + i * 2 * DEAD);
		else
			master_lost(m, 1, T0 + i * 2 * DEAD);
		(void)tick(T0 + i * 2 * DEAD + DEAD);
	}
	assert_true(join(1, "n279", 0, 5000, T0 + 600 * DEAD));
	assert_true(join(2, "n0", 0, 5001, T0 + 600 * DEAD));
	assert_int_not_equal(last(1, WIRE_JOINED)->id, last(2, WIRE_JOINED)->id);
}

static void all_255_ids_can_be_taken_and_no_more(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 255; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%u", i);
		assert_true(join(1, name, 0, i + 1, T0));
		at[1].count = 0;
		master_lost(m, 1, T0);
	}
	assert_false(join(2, "one-more", 0, 999, T0));
	assert_int_equal(code_of(2, WIRE_REFUSE), WIRE_FULL);
}

static void ids_of_the_registry_that_cannot_be_are_nobodys(void **state)
{
	static const unsigned ids[] = { 0, 256 };
	unsigned id;

	(void)state;
	stop();
	for (unsigned i = 0; i < 2; i++) {
		struct registry_change *c = registry_add(&strange);

		c->node.id = ids[i];
		snprintf(c->node.name, sizeof(c->node.name), "ghost");
	}
	start(T0);
	assert_true(join(1, "ghost", 0, 1, T0));
	id = last(1, WIRE_JOINED)->id;
	assert_true(id >= 1 && id <= 255);
}

/* A name whose search for an unused id comes to this one last (master_id.c). */
static void name_that_ends_at(unsigned id, char ret[16])
{
	for (unsigned i = 0;; i++) {
		uint32_t hash = 2166136261u;

		snprintf(ret, 16, "auto%u", i);
		for (const char *p = ret; *p; p++)
			hash = (hash ^ (unsigned char)*p) * 16777619u;
		if (256 - hash % 128 == id)
			return;
	}
}

/* Handles of who had a forgotten id may still be known somewhere: those that nobody had come
 * first. */
static void an_id_that_nobody_had_is_taken_before_one_that_was_forgotten(void **state)
{
	char why[160], name[16];

	(void)state;
	for (unsigned i = 1; i < 256; i++) {
		snprintf(name, sizeof(name), "named%u", i);
		if (i != 200)
			assert_true(join(1, name, i, i, T0));
		if (i == 3) {
			goodbye(1, T0);
			assert_null(master_forget(m, name, why, sizeof(why)));
		} else {
			master_lost(m, 1, T0);
		}
	}
	name_that_ends_at(200, name);
	assert_true(join(2, name, 0, 999, T0));
	assert_int_equal(last(2, WIRE_JOINED)->id, 200);
	assert_true(join(3, "another", 0, 1000, T0));
	assert_int_equal(last(3, WIRE_JOINED)->id, 3);
}

static void only_who_is_not_alive_can_be_forgotten(void **state)
{
	char why[160];

	(void)state;
	assert_true(join(1, "a", 7, 11, T0));
	assert_non_null(strstr(master_forget(m, "a", why, sizeof(why)), "is alive"));
	assert_string_equal(master_forget(m, "b", why, sizeof(why)), "the master knows no node b");
	assert_string_equal(master_forget(m, "8", why, sizeof(why)), "the master knows no node 8");
	goodbye(1, T0);
	join(2, "a", 8, 12, T0);
	assert_non_null(strstr(master_forget(m, "a", why, sizeof(why)), "2 nodes are named a"));
	assert_null(master_forget(m, "7", why, sizeof(why)));
	flush();
	stop();
	start(T0);
	assert_string_equal(master_forget(m, "7", why, sizeof(why)), "the master knows no node 7");
}

/* ---- births ---- */

static void a_new_life_begins_beyond_the_last_one(void **state)
{
	uint64_t first, second;

	(void)state;
	join(1, "a", 7, 11, T0);
	first = last(1, WIRE_JOINED)->births;
	assert_true(first > 0);
	ping(1, first + 100000, T0);
	master_lost(m, 1, T0);
	join(1, "a", 7, 12, T0);
	second = last(1, WIRE_JOINED)->births;
	assert_true(second > first + 100000);
	assert_true(second < first + 200000); /* and wastes little */
	stop();
	start(T0);
	join(1, "a", 7, 13, T0);
	assert_true(last(1, WIRE_JOINED)->births > second);
}

static void a_clean_end_wastes_no_handles(void **state)
{
	struct wire_control bye = { .kind = WIRE_GOODBYE };

	(void)state;
	join(1, "a", 7, 11, T0);
	bye.count = last(1, WIRE_JOINED)->births + 20;
	master_input(m, 1, &bye, T0);
	join(1, "a", 7, 12, T0);
	assert_true(last(1, WIRE_JOINED)->births == bye.count);
}

static void births_survive_the_loss_of_the_registry_by_who_lives(void **state)
{
	(void)state;
	stop();
	wipe();
	start(T0);
	rejoin(1, "a", 7, 11, 5000000, T0);
	assert_true(last(1, WIRE_JOINED)->births == 5000000);
	master_lost(m, 1, T0);
	(void)tick(T0 + DEAD);
	join(1, "a", 7, 12, T0 + DEAD);
	assert_true(last(1, WIRE_JOINED)->births > 5000000);
}

static void who_began_before_he_could_ask_is_counted_on_from_there(void **state)
{
	struct wire_control c = {
		.name = "a", .id = 7, .flags = WIRE_ID_NAMED, .epoch = 12, .births = 1000
	};
	uint64_t known;

	(void)state;
	join(1, "a", 7, 11, T0);
	known = last(1, WIRE_JOINED)->births;
	assert_true(known > 1000);
	goodbye(1, T0);
	assert_true(join_as(1, &c, T0));
	assert_true(last(1, WIRE_JOINED)->births >= known);
	assert_int_equal(last(1, WIRE_JOINED)->births % HANDLE_RING, 1000 % HANDLE_RING);
}

static void absurd_reports_of_births_change_nothing(void **state)
{
	uint64_t first;

	(void)state;
	join(1, "a", 7, 11, T0);
	first = last(1, WIRE_JOINED)->births;
	ping(1, UINT64_MAX, T0);
	ping(1, 0, T0);
	ping(1, UINT64_C(1) << 63, T0);
	master_lost(m, 1, T0);
	join(1, "a", 7, 12, T0);
	assert_true(last(1, WIRE_JOINED)->births < first + 10000);
}

/* ---- who is only cut off ---- */

static void report(int conn, unsigned id, uint64_t epoch, enum wire_up up, uint64_t now)
{
	struct wire_control c = { .kind = WIRE_MEMBER,
				  .name = "x",
				  .address = "127.0.0.1:9",
				  .id = id,
				  .epoch = epoch,
				  .up = up };

	master_input(m, conn, &c, now);
}

static void who_is_seen_by_a_member_is_not_dead(void **state)
{
	(void)state;
	join(1, "a", 1, 11, T0);
	join(2, "b", 2, 12, T0);
	ask(1, WIRE_REGISTER, "DB", 0x01000005, T0);
	report(2, 1, 11, WIRE_UP, T0);
	report(1, 2, 99, WIRE_UP, T0); /* of another incarnation: says nothing */
	flush();
	for (unsigned i = 1; i < 20; i++) {
		unsigned probes = count(2, WIRE_PROBE);

		ping(2, 0, T0 + i * BEAT);
		(void)tick(T0 + i * BEAT);
		if (count(2, WIRE_PROBE) > probes)
			report(2, 1, 11, WIRE_UP, T0 + i * BEAT);
	}
	assert_int_equal(count(2, WIRE_PROBE), 9);
	assert_int_equal(last(2, WIRE_PROBE)->id, 1);
	assert_true(last(2, WIRE_PROBE)->epoch == 11);
	flush();
	assert_true(at[1].closed);
	assert_int_equal(last(2, WIRE_NAME)->handle, 0x01000005);
	assert_false(join(3, "c", 1, 13, T0 + 20 * BEAT));
	assert_int_equal(code_of(3, WIRE_REFUSE), WIRE_NOT_HERE);
	report(2, 1, 11, WIRE_BROKEN, T0 + 20 * BEAT);
	ping(2, 0, T0 + 20 * BEAT + DEAD - 1);
	assert_true(tick(T0 + 20 * BEAT + DEAD - 1) >
		    T0 + 20 * BEAT); /* they may find each other again */
	report(2, 1, 11, WIRE_UP, T0 + 20 * BEAT + DEAD - 1);
	flush();
	assert_int_equal(last(2, WIRE_NAME)->handle, 0x01000005);
	report(2, 1, 11, WIRE_DOWN, T0 + 30 * BEAT);
	(void)tick(T0 + 30 * BEAT);
	flush();
	assert_int_equal(last(2, WIRE_NAME)->handle, 0);
	assert_true(join(3, "c", 1, 13, T0 + 30 * BEAT));
}

/* Six members with a link to the first, which falls silent. */
static void two_are_asked_and_then_all_before_a_node_is_dead(void **state)
{
	unsigned asked = 0;

	(void)state;
	join(1, "a", 1, 11, T0);
	for (int i = 2; i <= 7; i++) {
		char name[2] = { (char)('a' + i - 1), 0 };

		join(i, name, (unsigned)i, 10 + (uint64_t)i, T0);
		report(i, 1, 11, WIRE_UP, T0);
	}
	flush();
	for (unsigned n = 1; n <= 5; n++) {
		for (int i = 2; i <= 7; i++)
			ping(i, 0, T0 + n * BEAT);
		(void)tick(T0 + n * BEAT);
		asked = 0;
		for (int i = 2; i <= 7; i++)
			asked += count(i, WIRE_PROBE);
		assert_int_equal(asked, n < 2 ? 0 : n < 3 ? 2 : 8);
		flush();
		assert_int_equal(count(2, WIRE_MEMBER) && !last(2, WIRE_MEMBER)->up, n == 5);
	}
	for (int i = 2; i <= 7; i++)
		assert_true(count(i, WIRE_PROBE) >= 1);
}

/* A link that one end calls silent is asked at the other. */
static void the_other_end_of_a_silent_link_is_asked(void **state)
{
	(void)state;
	join(1, "a", 1, 11, T0);
	join(2, "b", 2, 12, T0);
	flush();
	report(1, 2, 12, WIRE_UP, T0);
	report(2, 1, 11, WIRE_UP, T0);
	report(1, 2, 12, WIRE_BROKEN, T0);
	assert_int_equal(count(2, WIRE_PROBE), 0); /* it knows */
	report(1, 2, 12, WIRE_UP, T0);
	report(1, 2, 12, WIRE_DOWN, T0);
	assert_int_equal(count(2, WIRE_PROBE), 1);
	assert_int_equal(last(2, WIRE_PROBE)->id, 1);
}

static void nobody_is_asked_before_its_welcome(void **state)
{
	(void)state;
	join(1, "a", 1, 11, T0);
	flush();
	report(1, 2, 12, WIRE_UP, T0);
	disk_full = true;
	join(2, "b", 2, 12, T0);
	report(2, 1, 11, WIRE_UP, T0);
	(void)tick(T0 + 4 * BEAT);
	assert_int_equal(at[2].count, 0);
}

static void a_restored_registry_goes_on_behind_what_was_given_out_since(void **state)
{
	uint64_t fence, births;

	(void)state;
	join(1, "a", 1, 11, T0);
	births = last(1, WIRE_JOINED)->births;
	join(2, "b", 0, 12, T0);
	claim(1, "DB", 0x01000005, 0, T0);
	flush();
	fence = last(1, WIRE_NAME)->fence;
	stop();
	restored = true;
	start(T0);
	restored = false;
	flush();
	/* who lives says so himself, or another does; names come with their owners */
	assert_true(rejoin(3, "a", 1, 11, births + 70, T0));
	assert_null(last(3, WIRE_NAME));
	assert_true(last(3, WIRE_JOINED)->births % HANDLE_RING == (births + 70) % HANDLE_RING);
	claim(3, "DB", 0x01000005, fence + 5, T0);
	flush();
	assert_true(last(3, WIRE_NAME)->fence == fence + 5);
	report(3, 3, 13, WIRE_UP, T0);
	flush();
	assert_int_equal(last(3, WIRE_MEMBER)->id, 3);
	/* a new life begins where none can have been */
	join(4, "b", 0, 14, T0);
	assert_true(last(4, WIRE_JOINED)->births >= HANDLE_RING / 2);
	claim(4, "NEW", last(4, WIRE_JOINED)->id << 24 | 5, 0, T0);
	flush();
	assert_true(last(4, WIRE_NAME)->fence > fence + 5);
	stop();
	start(T0); /* it is like any other by now */
	rejoin(5, "a", 1, 11, births + 70, T0);
	flush();
	assert_int_equal(last(5, WIRE_NAME)->handle >> 24, last(4, WIRE_JOINED)->id);
}

static void a_lost_registry_is_made_good_by_what_members_see(void **state)
{
	(void)state;
	stop();
	wipe();
	start(T0);
	rejoin(1, "a", 200, 11, 500, T0);
	report(1, 201, 12, WIRE_UP, T0);
	flush();
	assert_int_equal(last(1, WIRE_MEMBER)->id, 201);
	assert_true(last(1, WIRE_MEMBER)->epoch == 12);
	assert_false(join(2, "c", 201, 13, T0 + 1)); /* it lives */
	assert_true(rejoin(3, "b", 201, 12, 700, T0 + 1));
	assert_int_equal(last(3, WIRE_JOINED)->id, 201);
	/* long after the loss nobody is believed any more */
	report(1, 202, 14, WIRE_UP, T0 + 3600 * NS_PER_SEC);
	flush();
	assert_int_not_equal(last(1, WIRE_MEMBER)->id, 202);
}

static void a_claim_to_a_later_registration_counts_only_after_a_loss(void **state)
{
	(void)state;
	join(1, "a", 1, 11, T0);
	join(2, "b", 2, 12, T0);
	claim(1, "DB", 0x01000005, 70, T0);
	claim(2, "DB", 0x02000005, 90, T0); /* the registry is new: it may be so */
	flush();
	assert_int_equal(code_of(2, WIRE_ANSWER), WIRE_OK_CODE);
	assert_int_equal(last(1, WIRE_NAME)->handle, 0x02000005);
	claim(1, "DB", 0x01000005, UINT64_MAX, T0);
	flush();
	assert_int_equal(code_of(1, WIRE_ANSWER), WIRE_NAME_TAKEN);
	assert_int_equal(last(1, WIRE_ANSWER)->handle, 0x02000005);
	stop();
	start(T0); /* it is not new any more */
	rejoin(1, "a", 1, 11, 5, T0);
	claim(1, "DB", 0x01000005, 500, T0);
	flush();
	assert_int_equal(code_of(1, WIRE_ANSWER), WIRE_NAME_TAKEN);
}

/* Beyond that a number is no number: one more would not fit where it is written. */
static void numbers_are_believed_below_two_to_the_53(void **state)
{
	struct wire_control c = { .name = "b", .id = 2, .flags = WIRE_ID_NAMED, .epoch = 12 };
	uint64_t most = (UINT64_C(1) << 53) - 1;

	(void)state;
	join(1, "a", 1, 11, T0);
	claim(1, "A", 0x01000005, most + 1, T0);
	flush();
	assert_true(last(1, WIRE_NAME)->fence < most);
	claim(1, "B", 0x01000005, most, T0);
	flush();
	assert_true(last(1, WIRE_NAME)->fence == most);
	c.births = most + 1;
	assert_false(join_as(2, &c, T0));
	assert_int_equal(code_of(2, WIRE_REFUSE), WIRE_INVALID);
	c.births = most;
	assert_true(join_as(2, &c, T0));
}

/* ---- names ---- */

static void the_first_registration_wins_and_the_loser_hears(void **state)
{
	(void)state;
	join(1, "a", 1, 11, T0);
	join(2, "b", 2, 12, T0);
	ask(1, WIRE_REGISTER, "DB", 0x01000005, T0);
	ask(2, WIRE_REGISTER, "DB", 0x02000005, T0);
	flush();
	assert_int_equal(code_of(1, WIRE_ANSWER), WIRE_OK_CODE);
	assert_int_equal(code_of(2, WIRE_ANSWER), WIRE_NAME_TAKEN);
	assert_string_equal(last(2, WIRE_ANSWER)->text, "name is taken");
	assert_int_equal(last(2, WIRE_ANSWER)->request, 77);
	assert_int_equal(last(2, WIRE_NAME)->handle, 0x01000005);
	at[1].count = 0;
	ask(1, WIRE_REGISTER, "DB", 0x01000005, T0); /* again: fine, and no news */
	flush();
	assert_int_equal(code_of(1, WIRE_ANSWER), WIRE_OK_CODE);
	assert_null(last(1, WIRE_NAME));
}

#define SIXTEEN "0123456789abcdef"

static void names_and_handles_that_cannot_be_are_refused(void **state)
{
	static const char *const bad[] = {
		"",    ".local", ":1",	     "12",
		"a b", "a\nb",	 "a\x1b[2J", "sixty-four-bytes-" SIXTEEN SIXTEEN "123456789012345"
	};

	(void)state;
	join(1, "a", 1, 11, T0);
	for (unsigned i = 0; i < array_len(bad); i++) {
		at[1].count = 0;
		ask(1, WIRE_REGISTER, bad[i], 0x01000005, T0);
		flush();
		assert_int_equal(code_of(1, WIRE_ANSWER), WIRE_INVALID);
	}
	join(2, "b", 2, 12, T0);
	ask(1, WIRE_REGISTER, "DB", 0x02000005, T0); /* another node's service */
	flush();
	assert_int_equal(code_of(1, WIRE_ANSWER), WIRE_INVALID);
	ask(1, WIRE_REGISTER, "DB", 0x01000000, T0);
	flush();
	assert_int_equal(code_of(1, WIRE_ANSWER), WIRE_INVALID);
}

static void as_many_names_are_kept_as_there_is_room_for(void **state)
{
	char name[16];

	(void)state;
	assert_true(join(1, "a", 1, 11, T0));
	disk_lies = true;
	for (unsigned i = 0; i <= MASTER_NAMES_MAX; i++) {
		snprintf(name, sizeof(name), "N%u", i);
		at[1].count = 0;
		ask(1, WIRE_REGISTER, name, 0x01000001, T0);
		flush();
		assert_int_equal(code_of(1, WIRE_ANSWER),
				 i < MASTER_NAMES_MAX ? WIRE_OK_CODE : WIRE_FULL);
	}
	ask(1, WIRE_RELEASE, "N7", 0x01000001, T0);
	ask(1, WIRE_REGISTER, name, 0x01000001, T0);
	flush();
	assert_int_equal(code_of(1, WIRE_ANSWER), WIRE_OK_CODE);
}

static void only_its_owners_handle_releases_a_name(void **state)
{
	(void)state;
	join(1, "a", 1, 11, T0);
	join(2, "b", 2, 12, T0);
	ask(1, WIRE_REGISTER, "DB", 0x01000005, T0);
	ask(2, WIRE_RELEASE, "DB", 0x02000005, T0);
	flush();
	assert_int_equal(code_of(2, WIRE_ANSWER), WIRE_NO_NAME);
	ask(2, WIRE_RELEASE, "DB", 0x01000005, T0);
	flush();
	assert_int_equal(code_of(2, WIRE_ANSWER), WIRE_INVALID);
	ask(1, WIRE_RELEASE, "DB", 0x01000005, T0);
	ask(2, WIRE_REGISTER, "DB", 0x02000005, T0);
	flush();
	assert_int_equal(code_of(2, WIRE_ANSWER), WIRE_OK_CODE);
	assert_int_equal(last(1, WIRE_NAME)->handle, 0x02000005);
}

static void hand_over(int conn, const char *name, uint32_t from, uint32_t to, uint64_t now)
{
	ask_with(conn,
		 (struct wire_control){
			 .kind = WIRE_TRANSFER, .request = 79, .handle = from, .target = to },
		 name, now);
	flush();
}

static void its_owner_hands_a_name_over_in_one_change(void **state)
{
	uint64_t fence, change;
	unsigned told;

	(void)state;
	join(1, "a", 1, 11, T0);
	join(2, "b", 2, 12, T0);
	ask(1, WIRE_REGISTER, "DB", 0x01000005, T0);
	flush();
	fence = last(2, WIRE_NAME)->fence;
	change = last(2, WIRE_NAME)->change;
	told = at[2].count;
	hand_over(1, "DB", 0x01000005, 0x02000007, T0);
	assert_int_equal(code_of(1, WIRE_ANSWER), WIRE_OK_CODE);
	assert_true(last(1, WIRE_ANSWER)->fence > fence);
	assert_int_equal(at[2].count, told + 1);
	assert_int_equal(last(2, WIRE_NAME)->handle, 0x02000007);
	assert_int_equal(last(2, WIRE_NAME)->change, change + 1);
	assert_int_equal(last(2, WIRE_NAME)->fence, last(1, WIRE_ANSWER)->fence);
	/* asked again, because the answer was lost: nothing changes */
	hand_over(1, "DB", 0x01000005, 0x02000007, T0);
	assert_int_equal(code_of(1, WIRE_ANSWER), WIRE_OK_CODE);
	assert_int_equal(at[2].count, told + 1);
	/* it is durable */
	stop();
	start(T0);
	rejoin(1, "a", 1, 11, 1, T0);
	assert_int_equal(last(1, WIRE_NAME)->handle, 0x02000007);
}

static void a_name_is_not_handed_over_by_others_or_to_the_dead(void **state)
{
	(void)state;
	join(1, "a", 1, 11, T0);
	join(2, "b", 2, 12, T0);
	hand_over(1, "DB", 0x01000005, 0x02000007, T0);
	assert_int_equal(code_of(1, WIRE_ANSWER), WIRE_NO_NAME);
	ask(1, WIRE_REGISTER, "DB", 0x01000005, T0);
	hand_over(2, "DB", 0x02000005, 0x02000007, T0);
	assert_int_equal(code_of(2, WIRE_ANSWER), WIRE_NOT_OWNER);
	hand_over(2, "DB", 0x01000005, 0x02000007, T0); /* in another's name */
	assert_int_equal(code_of(2, WIRE_ANSWER), WIRE_INVALID);
	hand_over(1, "DB", 0x01000005, 0x01000000, T0);
	assert_int_equal(code_of(1, WIRE_ANSWER), WIRE_INVALID);
	hand_over(1, "DB", 0x01000005, 0x03000007, T0);
	assert_int_equal(code_of(1, WIRE_ANSWER), WIRE_NO_HEIR);
	hand_over(1, "DB", 0x01000005, 0x00000007, T0);
	assert_int_equal(code_of(1, WIRE_ANSWER), WIRE_NO_HEIR);
	master_lost(m, 2, T0);
	hand_over(1, "DB", 0x01000005, 0x02000007, T0);
	assert_int_equal(code_of(1, WIRE_ANSWER), WIRE_NO_HEIR);
	assert_string_equal(last(1, WIRE_ANSWER)->text,
			    "the node of the new owner is not in the cluster");
	assert_int_equal(last(1, WIRE_NAME)->handle, 0x01000005);
}

/* The handle 0 stands for the owner, whoever it is. The node of this process is the master's. */
static void a_name_is_handed_over_and_released_by_hand(void **state)
{
	(void)state;
	join(1, "a", 1, 11, T0);
	join(2, "b", 2, OWN_EPOCH, T0);
	ask(1, WIRE_REGISTER, "DB", 0x01000005, T0);
	hand_over(2, "DB", 0, 0x02000007, T0);
	assert_int_equal(code_of(2, WIRE_ANSWER), WIRE_OK_CODE);
	assert_int_equal(last(1, WIRE_NAME)->handle, 0x02000007);
	hand_over(2, "DB", 0, 0x01000005, T0);
	ask(2, WIRE_RELEASE, "DB", 0, T0);
	flush();
	assert_int_equal(code_of(2, WIRE_ANSWER), WIRE_OK_CODE);
	assert_int_equal(last(1, WIRE_NAME)->handle, 0);
}

static void a_members_hand_reaches_names_of_its_node_alone(void **state)
{
	(void)state;
	join(1, "a", 1, 11, T0);
	join(2, "b", 2, 12, T0);
	ask(1, WIRE_REGISTER, "DB", 0x01000005, T0);
	hand_over(2, "DB", 0, 0x02000007, T0);
	assert_int_equal(code_of(2, WIRE_ANSWER), WIRE_NOT_OWNER);
	ask(2, WIRE_RELEASE, "DB", 0, T0);
	flush();
	assert_int_equal(code_of(2, WIRE_ANSWER), WIRE_NOT_OWNER);
	assert_int_equal(last(2, WIRE_NAME)->handle, 0x01000005);
	hand_over(1, "DB", 0, 0x02000007, T0);
	assert_int_equal(code_of(1, WIRE_ANSWER), WIRE_OK_CODE);
	ask(1, WIRE_RELEASE, "DB", 0, T0); /* it was the node's */
	flush();
	assert_int_equal(code_of(1, WIRE_ANSWER), WIRE_NOT_OWNER);
	ask(2, WIRE_RELEASE, "DB", 0, T0);
	flush();
	assert_int_equal(code_of(2, WIRE_ANSWER), WIRE_OK_CODE);
	assert_int_equal(last(1, WIRE_NAME)->handle, 0);
}

/* Its loop may get no processor for long: then nothing was asked either. */
static void a_master_never_calls_its_own_node_dead(void **state)
{
	(void)state;
	join(1, "a", 1, OWN_EPOCH, T0);
	join(2, "b", 2, 12, T0);
	ask(1, WIRE_REGISTER, "DB", 0x01000005, T0);
	ping(2, 0, T0 + 3 * DEAD);
	(void)tick(T0 + 3 * DEAD);
	flush();
	assert_false(at[1].closed);
	assert_int_equal(last(2, WIRE_NAME)->handle, 0x01000005);
	master_lost(m, 1, T0 + 3 * DEAD);
	ping(2, 0, T0 + 6 * DEAD);
	(void)tick(T0 + 6 * DEAD);
	flush();
	assert_int_equal(last(2, WIRE_NAME)->handle, 0x01000005);
	/* a second process with its name */
	assert_false(join(3, "a", 1, 13, T0 + 6 * DEAD));
	assert_int_equal(code_of(3, WIRE_REFUSE), WIRE_NOT_HERE);
	assert_true(join(3, "a", 1, OWN_EPOCH, T0 + 6 * DEAD));
}

static void who_asks_hears_the_number_that_holds(void **state)
{
	(void)state;
	join(1, "a", 1, 11, T0);
	ask(1, WIRE_QUERY, "DB", 0, T0);
	flush();
	assert_int_equal(code_of(1, WIRE_ANSWER), WIRE_NO_NAME);
	assert_int_equal(last(1, WIRE_ANSWER)->fence, 0);
	ask(1, WIRE_REGISTER, "DB", 0x01000005, T0);
	ask(1, WIRE_QUERY, "DB", 0, T0);
	flush();
	assert_int_equal(code_of(1, WIRE_ANSWER), WIRE_OK_CODE);
	assert_int_equal(last(1, WIRE_ANSWER)->fence, last(1, WIRE_NAME)->fence);
}

/* 63 bytes come as they went, also over a restart. */
static void a_name_may_have_63_bytes(void **state)
{
	static const char name[] = "exactly-sixty-three-" SIXTEEN SIXTEEN "abcdefghijk";

	(void)state;
	assert_int_equal(strlen(name), 63);
	join(1, "a", 1, 11, T0);
	ask(1, WIRE_REGISTER, name, 0x01000005, T0);
	flush();
	assert_int_equal(code_of(1, WIRE_ANSWER), WIRE_OK_CODE);
	stop();
	start(T0);
	rejoin(1, "a", 1, 11, 1, T0);
	assert_string_equal(last(1, WIRE_NAME)->text, name);
}

static void changes_of_names_are_numbered_without_gaps(void **state)
{
	uint64_t change;

	(void)state;
	join(1, "a", 1, 11, T0);
	change = last(1, WIRE_SYNCED)->change;
	ask(1, WIRE_REGISTER, "A", 0x01000005, T0);
	ask(1, WIRE_REGISTER, "B", 0x01000005, T0);
	ask(1, WIRE_RELEASE, "A", 0x01000005, T0);
	flush();
	assert_true(last(1, WIRE_NAME)->change == change + 3);
	join(2, "b", 2, 12, T0);
	assert_true(last(2, WIRE_SYNCED)->change == change + 3);
	assert_string_equal(last(2, WIRE_NAME)->text, "B");
}

static void the_dead_lose_their_names_and_everybody_hears(void **state)
{
	struct wire_control ping = { .kind = WIRE_PING, .stamp = 5 };

	(void)state;
	join(1, "a", 1, 11, T0);
	join(2, "b", 2, 12, T0);
	ask(1, WIRE_REGISTER, "DB", 0x01000005, T0);
	master_lost(m, 1, T0);
	master_input(m, 2, &ping, T0 + DEAD - 1);
	assert_true(last(2, WIRE_PONG)->stamp == 5);
	assert_true(tick(T0 + DEAD - 1) >= T0 + DEAD); /* it may come back */
	flush();
	assert_int_equal(last(2, WIRE_NAME)->handle, 0x01000005);
	(void)tick(T0 + DEAD);
	flush();
	assert_int_equal(last(2, WIRE_NAME)->handle, 0);
	assert_int_equal(last(2, WIRE_MEMBER)->up, 0);
	assert_int_equal(last(2, WIRE_MEMBER)->id, 1);
	(void)tick(T0 + 2 * DEAD); /* now 2 is silent too */
	assert_true(at[2].closed);
}

static void silence_is_noticed_of_the_first_id_and_the_last(void **state)
{
	(void)state;
	for (unsigned id = 1; id <= 255; id += 254) {
		assert_true(join(1, "silent", id, id + 10, T0));
		assert_true(join(2, "other", 7, id + 20, T0));
		(void)tick(T0 + DEAD - 1);
		assert_false(at[1].closed);
		ping(2, 0, T0 + DEAD - 1);
		(void)tick(T0 + DEAD);
		assert_true(at[1].closed);
		assert_false(at[2].closed);
		stop();
		wipe();
		start(T0);
	}
}

static void who_comes_back_in_time_is_not_missed(void **state)
{
	(void)state;
	join(1, "a", 1, 11, T0);
	join(2, "b", 2, 12, T0);
	ask(1, WIRE_REGISTER, "DB", 0x01000005, T0);
	flush();
	master_lost(m, 1, T0);
	at[2].count = 0;
	assert_true(rejoin(3, "a", 1, 11, 5, T0 + DEAD - 1));
	(void)tick(T0 + DEAD - 1);
	flush();
	assert_null(last(2, WIRE_MEMBER));
	assert_null(last(2, WIRE_NAME));
	assert_int_equal(last(3, WIRE_NAME)->handle, 0x01000005);
}

static void a_new_incarnation_replaces_one_that_is_away_or_silent(void **state)
{
	(void)state;
	join(1, "a", 1, 11, T0);
	join(2, "b", 2, 12, T0);
	ask(1, WIRE_REGISTER, "DB", 0x01000005, T0);
	flush();
	assert_false(join(3, "a", 1, 13, T0 + BEAT)); /* the first is well */
	assert_int_equal(code_of(3, WIRE_REFUSE), WIRE_NOT_HERE);
	assert_true(join(3, "a", 1, 13, T0 + BEAT * 3 / 2)); /* it missed a heartbeat */
	assert_true(at[1].closed);
	assert_int_equal(last(2, WIRE_NAME)->handle, 0);
	assert_true(last(2, WIRE_MEMBER)->epoch == 13);
	assert_true(last(3, WIRE_JOINED)->births > last(1, WIRE_JOINED)->births);
	assert_false(rejoin(4, "a", 1, 11, 5, T0 + BEAT * 2));
	assert_int_equal(code_of(4, WIRE_REFUSE), WIRE_STALE);
	master_lost(m, 3, T0 + BEAT * 2);
	assert_true(join(5, "a", 1, 14, T0 + BEAT * 2)); /* away: at once */
}

static void goodbye_is_death_at_once(void **state)
{
	struct wire_control bye = { .kind = WIRE_GOODBYE };

	(void)state;
	join(1, "a", 1, 11, T0);
	join(2, "b", 2, 12, T0);
	ask(1, WIRE_REGISTER, "DB", 0x01000005, T0);
	master_input(m, 1, &bye, T0);
	flush();
	assert_int_equal(last(2, WIRE_NAME)->handle, 0);
	assert_int_equal(last(2, WIRE_MEMBER)->up, 0);
}

static void everything_is_as_before_after_a_restart(void **state)
{
	uint64_t births;

	(void)state;
	join(1, "a", 1, 11, T0);
	join(2, "b", 2, 12, T0);
	births = last(1, WIRE_JOINED)->births + 3;
	ask(1, WIRE_REGISTER, "DB", 0x01000005, T0);
	ask(2, WIRE_REGISTER, "LOG", 0x02000005, T0);
	flush();
	stop();
	start(T0 + 3600 * NS_PER_SEC);
	assert_true(rejoin(3, "a", 1, 11, births, T0 + 3601 * NS_PER_SEC));
	assert_int_equal(last(3, WIRE_MEMBER)->up, 1);
	assert_true(last(3, WIRE_JOINED)->births == births);
	unsigned names = 0, members = 0;

	for (unsigned i = 0; i < at[3].count; i++) {
		names += at[3].last[i].kind == WIRE_NAME;
		members += at[3].last[i].kind == WIRE_MEMBER;
	}
	assert_int_equal(names, 2);
	assert_int_equal(members, 2); /* b has the grace time */
	struct wire_control ping = { .kind = WIRE_PING };

	master_input(m, 3, &ping, T0 + 3600 * NS_PER_SEC + DEAD + MASTER_RETRY_NS);
	(void)tick(T0 + 3600 * NS_PER_SEC + DEAD + MASTER_RETRY_NS);
	flush();
	assert_string_equal(last(3, WIRE_NAME)->text, "LOG");
	assert_int_equal(last(3, WIRE_NAME)->handle, 0);
}

static void nobody_hears_of_what_could_not_be_saved(void **state)
{
	(void)state;
	join(1, "a", 1, 11, T0);
	at[1].count = 0;
	disk_full = true;
	ask(1, WIRE_REGISTER, "DB", 0x01000005, T0);
	assert_true(flushes_wanted > 0);
	flush();
	assert_int_equal(at[1].count, 0);
	assert_true(tick(T0 + 1) <= T0 + 1 + NS_PER_SEC);
	assert_int_equal(at[1].count, 0);
	disk_full = false;
	(void)tick(T0 + 2 * NS_PER_SEC);
	assert_int_equal(code_of(1, WIRE_ANSWER), WIRE_OK_CODE);
	stop();
	start(T0 + 2 * NS_PER_SEC);
	assert_true(join(2, "a", 1, 11, T0 + 2 * NS_PER_SEC));
	assert_non_null(last(2, WIRE_NAME));
}

static void what_comes_during_a_save_goes_with_the_next(void **state)
{
	(void)state;
	join(1, "a", 1, 11, T0);
	at[1].count = saves = 0;
	disk_slow = true;
	ask(1, WIRE_REGISTER, "A", 0x01000005, T0);
	flush();
	ask(1, WIRE_REGISTER, "B", 0x01000005, T0);
	ask(1, WIRE_REGISTER, "A", 0x01000006, T0); /* taken, as far as will be durable */
	flush();
	assert_int_equal(saves, 1);
	assert_int_equal(at[1].count, 0);
	assert_true(master_is_saving(m));
	flushes_wanted = 0;
	end_save(T0);
	assert_int_equal(at[1].count, 2); /* the name, and the answer */
	assert_string_equal(last(1, WIRE_NAME)->text, "A");
	assert_int_equal(flushes_wanted, 1);
	flush();
	assert_int_equal(saves, 2);
	assert_int_equal(at[1].count, 2);
	end_save(T0);
	assert_int_equal(at[1].count, 5);
	assert_string_equal(last(1, WIRE_NAME)->text, "B");
	assert_int_equal(code_of(1, WIRE_ANSWER), WIRE_NAME_TAKEN);
	assert_false(master_is_saving(m));
}

static void a_save_that_fails_is_tried_again_with_what_came_meanwhile(void **state)
{
	(void)state;
	join(1, "a", 1, 11, T0);
	at[1].count = saves = 0;
	disk_slow = disk_full = true;
	ask(1, WIRE_REGISTER, "A", 0x01000005, T0);
	flush();
	ask(1, WIRE_REGISTER, "B", 0x01000005, T0);
	end_save(T0);
	assert_false(master_is_saving(m)); /* not before a second is over */
	flush();
	assert_true(tick(T0 + 1) <= T0 + NS_PER_SEC);
	assert_int_equal(saves, 1);
	disk_slow = disk_full = false;
	(void)tick(T0 + NS_PER_SEC);
	assert_int_equal(saves, 2);
	assert_int_equal(at[1].count, 4);
	stop();
	start(T0);
	rejoin(2, "a", 1, 11, 5, T0);
	flush();
	assert_int_equal(last(2, WIRE_NAME)->handle, 0x01000005);
}

/* What a save held back for a connection is not for the next one of the same node. */
static void who_connects_anew_during_a_save_hears_everything_once(void **state)
{
	(void)state;
	join(1, "a", 1, 11, T0);
	disk_slow = true;
	ask(1, WIRE_REGISTER, "A", 0x01000005, T0);
	flush();
	master_lost(m, 1, T0);
	rejoin(2, "a", 1, 11, 5, T0);
	assert_int_equal(at[2].count, 0);
	end_save(T0);
	assert_int_equal(at[2].count, 0);
	disk_slow = false;
	flush();
	assert_non_null(last(2, WIRE_SYNCED));
	assert_string_equal(last(2, WIRE_NAME)->text, "A");
	assert_int_equal(at[2].count, 4); /* JOINED, MEMBER, NAME, SYNCED */
}

/* Frames that say nothing new need no disk, but keep their place behind those that do. */
static void an_answer_without_a_change_waits_for_no_disk(void **state)
{
	(void)state;
	join(1, "a", 1, 11, T0);
	at[1].count = saves = 0;
	ask(1, WIRE_RELEASE, "NOBODY", 0x01000005, T0);
	flush();
	assert_int_equal(saves, 0);
	assert_int_equal(code_of(1, WIRE_ANSWER), WIRE_NO_NAME);
}

static void many_registrations_are_one_batch(void **state)
{
	(void)state;
	join(1, "a", 1, 11, T0);
	saves = 0;
	for (unsigned i = 0; i < 20; i++) {
		char name[16];

		snprintf(name, sizeof(name), "N%u", i);
		ask(1, WIRE_REGISTER, name, 0x01000005, T0);
	}
	flush();
	assert_int_equal(saves, 1);
	flush();
	assert_int_equal(saves, 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(the_same_names_get_the_same_ids_whoever_comes_first),
		T(an_id_is_the_name_s_that_had_it_where_names_are_proven),
		T(an_id_that_a_configuration_names_is_the_node),
		T(an_id_of_the_configuration_is_not_given_to_others),
		T(claims_that_cannot_be_are_refused),
		T(whoever_leaves_makes_room_for_ever),
		T(an_id_that_nobody_had_is_taken_before_one_that_was_forgotten),
		T(only_who_is_not_alive_can_be_forgotten),
		T(a_new_life_begins_beyond_the_last_one),
		T(a_clean_end_wastes_no_handles),
		T(births_survive_the_loss_of_the_registry_by_who_lives),
		T(who_began_before_he_could_ask_is_counted_on_from_there),
		T(absurd_reports_of_births_change_nothing),
		T(who_is_seen_by_a_member_is_not_dead),
		T(two_are_asked_and_then_all_before_a_node_is_dead),
		T(the_other_end_of_a_silent_link_is_asked),
		T(nobody_is_asked_before_its_welcome),
		T(a_restored_registry_goes_on_behind_what_was_given_out_since),
		T(a_lost_registry_is_made_good_by_what_members_see),
		T(a_claim_to_a_later_registration_counts_only_after_a_loss),
		T(all_255_ids_can_be_taken_and_no_more),
		T(ids_of_the_registry_that_cannot_be_are_nobodys),
		T(numbers_are_believed_below_two_to_the_53),
		T(the_first_registration_wins_and_the_loser_hears),
		T(names_and_handles_that_cannot_be_are_refused),
		T(as_many_names_are_kept_as_there_is_room_for),
		T(only_its_owners_handle_releases_a_name),
		T(its_owner_hands_a_name_over_in_one_change),
		T(a_name_is_not_handed_over_by_others_or_to_the_dead),
		T(a_name_is_handed_over_and_released_by_hand),
		T(a_members_hand_reaches_names_of_its_node_alone),
		T(a_master_never_calls_its_own_node_dead),
		T(who_asks_hears_the_number_that_holds),
		T(a_name_may_have_63_bytes),
		T(changes_of_names_are_numbered_without_gaps),
		T(the_dead_lose_their_names_and_everybody_hears),
		T(silence_is_noticed_of_the_first_id_and_the_last),
		T(who_comes_back_in_time_is_not_missed),
		T(a_new_incarnation_replaces_one_that_is_away_or_silent),
		T(goodbye_is_death_at_once),
		T(everything_is_as_before_after_a_restart),
		T(nobody_hears_of_what_could_not_be_saved),
		T(what_comes_during_a_save_goes_with_the_next),
		T(a_save_that_fails_is_tried_again_with_what_came_meanwhile),
		T(who_connects_anew_during_a_save_hears_everything_once),
		T(an_answer_without_a_change_waits_for_no_disk),
		T(many_registrations_are_one_batch),
	};

	return cmocka_run_group_tests_name("harbor/master", tests, NULL, NULL);
}

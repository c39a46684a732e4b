/* SPDX-License-Identifier: MIT */
/* Tallies: what services of one title did adds up, those that ended included; a handle is known for
 * a while after its service; titles beyond the limit are "other". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <time.h>

#include "core/actor/handle.h"
#include "core/actor/life.h"
#include "core/actor/module.h"
#include "core/actor/move.h"
#include "core/actor/send.h"
#include "core/actor/tally.h"
#include "core/base/clock.h"
#include "core/node/node.h"

static int count(struct service *s, void *ud, int type, int session, uint32_t source,
		 const void *msg, size_t size)
{
	(void)ud;
	(void)type;
	(void)session;
	(void)source;
	(void)msg;
	if (size)
		(void)service_retire(service_handle(s));
	return 0;
}

static int init(void *instance, struct service *s, const char *args)
{
	(void)instance;
	(void)args;
	service_set_callback(s, NULL, count);
	return 0;
}

static uint32_t keeper;

static const struct module counter = { .name = "counter", .init = init };

static void send(uint32_t to, const char *text)
{
	struct msg *m = msg_create_copy(text, strlen(text));

	m->dest = to;
	assert_int_equal(service_send(m), SEND_OK);
}

static uint64_t get(const atomic_uint_least64_t *n)
{
	return atomic_load_explicit(n, memory_order_acquire);
}

static void the_dead_are_counted(void **state)
{
	struct tally *t = tally_at(tally_find("counter"));
	uint32_t handle;

	(void)state;
	assert_true(keeper != 0);
	for (int i = 1; i <= 3; i++) {
		handle = service_launch("counter", "with arguments");
		assert_true(handle != 0);
		assert_int_equal(tally_of_handle(handle), tally_find("counter"));
		assert_int_equal(get(&t->launched), i + 1); /* with the keeper */
		for (int k = 0; k < 9; k++)
			send(handle, "");
		send(handle, "end");
		for (int k = 0; k < 1000 && get(&t->ended) < (uint64_t)i; k++)
			nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
		assert_int_equal(get(&t->ended), i);
		assert_int_equal(get(&t->messages), 10 * i);
		assert_int_equal(tally_of_handle(handle), tally_find("counter"));
	}
	assert_int_equal(tally_of_handle(handle + 7), TALLY_OTHER);
	assert_string_equal(tally_at(tally_of_handle(0x7f000001))->name, "node 127");
}

static const char *called = "";

static void call_by_name(unsigned id, char ret_text[MOVE_CALLED_MAX])
{
	snprintf(ret_text, MOVE_CALLED_MAX, called, id);
}

static void a_node_has_its_name(void **state)
{
	static const struct move_ops names = { .called = call_by_name };
	unsigned unknown, known;

	(void)state;
	move_set(&names);
	called = "harbor %u";
	unknown = tally_of_handle(0x7e000001);
	assert_string_equal(tally_at(unknown)->name, "node 126");
	called = "node b (harbor %u)";
	assert_int_equal(tally_of_handle(0x7e000002), unknown);
	tally_node_named(126);
	known = tally_of_handle(0x7e000001);
	assert_string_equal(tally_at(known)->name, "node b (harbor 126)");
	assert_int_equal(tally_of_handle(0x7e000002), known);
	/* another node of that name is another node */
	assert_string_equal(tally_at(tally_of_handle(0x7d000001))->name, "node b (harbor 125)");
	called = "node a-name-that-is-longer-than-the-room-for-it (harbor %u)";
	tally_node_named(126);
	assert_string_equal(tally_at(tally_of_handle(0x7e000001))->name,
			    "node a-name-that-i (harbor 126)");
	move_set(NULL);
}

static void titles_beyond_the_limit_are_other(void **state)
{
	char title[16];

	(void)state;
	for (unsigned i = 0; i < 2 * TALLIES_MAX; i++) {
		snprintf(title, sizeof(title), "title%u", i);
		(void)tally_find(title);
	}
	assert_int_equal(tally_count(), TALLIES_MAX);
	assert_int_equal(tally_find("title500"), TALLY_OTHER);
	assert_int_equal(tally_find("other"), TALLY_OTHER);
	assert_string_equal(tally_at(tally_find("title3"))->name, "title3");
	assert_string_equal(tally_at(tally_find("counter"))->name, "counter");
}

static int setup(void **state)
{
	const struct node_config c = { .threads = 2 };

	(void)state;
	clock_init();
	if (node_init(&c) < 0)
		return -1;
	module_add(&counter);
	keeper = service_launch("counter", "that keeps the node alive");
	return node_start();
}

static int teardown(void **state)
{
	(void)state;
	return node_stop(UINT64_C(10) * NS_PER_SEC) ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_dead_are_counted),
		cmocka_unit_test(a_node_has_its_name),
		cmocka_unit_test(titles_beyond_the_limit_are_other),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

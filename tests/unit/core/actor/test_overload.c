/* SPDX-License-Identifier: MIT */
/* The bound of a mailbox under many senders: never passed, never lost, what is exempt is let in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/actor/module.h"
#include "core/node/node.h"
#include "core/actor/overload.h"
#include "core/actor/handle.h"
#include "core/actor/life.h"
#include "core/actor/send.h"

#define BOUND 100u
#define SENDERS 3
#define EACH 20000

static atomic_bool gate; /* release by the test <-> acquire by the service */
static atomic_uint requests, answers, errors, refused;
static uint32_t receiver, caller;

static int receive(struct service *s, void *ud, int type, int session, uint32_t source,
		   const void *msg, size_t size)
{
	(void)ud;
	(void)session;
	(void)source;
	(void)msg;
	(void)size;
	if (type == PTYPE_SYSTEM)
		while (!atomic_load_explicit(&gate, memory_order_acquire))
			cpu_relax();
	else if (type == PTYPE_RESPONSE)
		atomic_fetch_add(&answers, 1);
	else {
		assert_true(mailbox_length(&s->mailbox) < BOUND + SENDERS + 16);
		atomic_fetch_add(&requests, 1);
	}
	return 0;
}

/* Who is told that a request was refused. */
static int hear(struct service *s, void *ud, int type, int session, uint32_t source,
		const void *msg, size_t size)
{
	(void)s;
	(void)ud;
	(void)session;
	(void)source;
	if (type == PTYPE_ERROR) {
		assert_memory_equal(msg, "the mailbox is full", size);
		atomic_fetch_add(&errors, 1);
	}
	return 0;
}

static int receiver_init(void *instance, struct service *s, const char *args)
{
	(void)instance;
	service_set_callback(s, NULL, *args ? hear : receive);
	return 0;
}

static const struct module module = { .name = "receiver", .init = receiver_init };

static int setup(void **state)
{
	struct node_config c = { .threads = 2 };

	(void)state;
	clock_init();
	if (node_init(&c) < 0)
		return -1;
	module_add(&module);
	receiver = service_launch("receiver", "");
	caller = service_launch("receiver", "caller");
	atomic_store(&gate, true);
	atomic_store(&requests, 0);
	atomic_store(&answers, 0);
	atomic_store(&errors, 0);
	atomic_store(&refused, 0);
	return receiver && caller && node_start() == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	atomic_store(&gate, true);
	assert_true(node_stop(UINT64_C(10) * NS_PER_SEC));
	return 0;
}

static int send(int type, uint32_t source, int session)
{
	struct msg *m = msg_create(0);

	m->type = (uint8_t)type;
	m->source = source;
	m->dest = receiver;
	m->session = session;
	return service_send(m);
}

static void set_bound(unsigned n, enum overload_policy policy)
{
	struct service *s = service_grab(receiver);

	overload_set_bound(s, n, policy);
	service_unref(s);
}

static bool reaches(atomic_uint *n, unsigned want)
{
	for (int i = 0; i < 20000 && atomic_load(n) < want; i++)
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	return atomic_load(n) == want;
}

static void *sender(void *arg)
{
	(void)arg;
	for (int i = 0; i < EACH; i++)
		if (send(PTYPE_LUA, caller, 0) == SEND_REFUSED)
			atomic_fetch_add(&refused, 1);
	return NULL;
}

static void many_senders_never_pass_the_bound(void **state)
{
	pthread_t t[SENDERS];

	(void)state;
	set_bound(BOUND, OVERLOAD_REFUSE);
	for (int i = 0; i < SENDERS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, sender, NULL), 0);
	for (int i = 0; i < SENDERS; i++)
		pthread_join(t[i], NULL);
	assert_true(reaches(&requests, SENDERS * EACH - atomic_load(&refused)));
	/* the places of all that were taken are free again: exactly so many fit */
	atomic_store_explicit(&gate, false, memory_order_release);
	assert_int_equal(send(PTYPE_SYSTEM, caller, 0), SEND_OK);
	for (unsigned i = 0; i < BOUND; i++)
		assert_int_equal(send(PTYPE_LUA, caller, 0), SEND_OK);
	assert_int_equal(send(PTYPE_LUA, caller, 0), SEND_REFUSED);
}

static void what_is_no_request_is_let_in_and_who_waits_is_told(void **state)
{
	(void)state;
	set_bound(1, OVERLOAD_REFUSE);
	atomic_store_explicit(&gate, false, memory_order_release);
	assert_int_equal(send(PTYPE_SYSTEM, caller, 0), SEND_OK);
	assert_int_equal(send(PTYPE_LUA, caller, 0), SEND_OK);
	assert_int_equal(send(PTYPE_LUA, caller, 7), SEND_REFUSED);
	assert_int_equal(send(PTYPE_TEXT, caller, 0), SEND_REFUSED);
	assert_true(reaches(&errors, 1));
	for (int i = 0; i < 50; i++)
		assert_int_equal(send(PTYPE_RESPONSE, caller, 7), SEND_OK);
	assert_int_equal(send(PTYPE_SOCKET, 0, 0), SEND_OK); /* of the node itself */
	atomic_store_explicit(&gate, true, memory_order_release);
	assert_true(reaches(&answers, 50));
	assert_true(reaches(&requests, 2));
	assert_int_equal(atomic_load(&errors), 1);
}

static void a_bound_that_only_counts_refuses_nothing(void **state)
{
	struct service *s = service_grab(receiver);

	(void)state;
	set_bound(1, OVERLOAD_WARN);
	atomic_store_explicit(&gate, false, memory_order_release);
	assert_int_equal(send(PTYPE_SYSTEM, caller, 0), SEND_OK);
	for (int i = 0; i < 10; i++)
		assert_int_equal(send(PTYPE_LUA, caller, 0), SEND_OK);
	assert_int_equal(mailbox_refused(&s->mailbox), 9);
	/* and it may go while messages are there that it counted */
	set_bound(0, OVERLOAD_REFUSE);
	atomic_store_explicit(&gate, true, memory_order_release);
	assert_true(reaches(&requests, 10));
	set_bound(1, OVERLOAD_REFUSE);
	atomic_store_explicit(&gate, false, memory_order_release);
	assert_int_equal(send(PTYPE_SYSTEM, caller, 0), SEND_OK);
	assert_int_equal(send(PTYPE_LUA, caller, 0), SEND_OK);
	assert_int_equal(send(PTYPE_LUA, caller, 0), SEND_REFUSED);
	service_unref(s);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(many_senders_never_pass_the_bound),
		T(what_is_no_request_is_let_in_and_who_waits_is_told),
		T(a_bound_that_only_counts_refuses_nothing),
	};
	return cmocka_run_group_tests_name("core/overload", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* The loop itself: closures, waking, timers. */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include "net/loop.h"
#include "net/net.h"
#include "net/poller.h"
#include "net/post.h"
#include "net/request.h"
#include "net/timer.h"
#include "tests/unit/net/probe.h"

struct log {
	unsigned n;
	int at[64];
};
static struct log seen;

static void note(void *arg)
{
	seen.at[seen.n++] = (int)(intptr_t)arg;
}

static int setup(void **state)
{
	seen = (struct log){ 0 };
	return net_setup(state);
}

static void closures_run_in_the_order_of_posting(void **state)
{
	for (intptr_t i = 0; i < 50; i++)
		net_post(note, (void *)i);
	net_poll(0);
	assert_int_equal(seen.n, 50);
	for (int i = 0; i < 50; i++)
		assert_int_equal(seen.at[i], i);
}

static void post_again(void *arg)
{
	note(arg);
	net_post(post_again, arg);
}

static void a_closure_that_posts_itself_does_not_hold_up_the_loop(void **state)
{
	net_post(post_again, (void *)1);
	net_poll(UINT64_MAX); /* nor does it let it sleep */
	assert_true(seen.n > 0 && seen.n <= 40);
}

static void *post_later(void *arg)
{
	usleep(20000); /* the poll below is to be asleep by then; either way it must end */
	net_post(note, arg);
	return NULL;
}

static void a_post_ends_a_sleep_for_ever(void **state)
{
	pthread_t t;

	pthread_create(&t, NULL, post_later, (void *)7);
	while (!seen.n)
		net_poll(UINT64_MAX);
	pthread_join(t, NULL);
	assert_int_equal(seen.at[0], 7);
}

static void an_interrupt_before_the_sleep_is_not_lost(void **state)
{
	poller_interrupt(POLLER_MAIN);
	net_poll(UINT64_MAX);
	poller_interrupt(POLLER_MAIN);
	poller_interrupt(POLLER_MAIN);
	net_poll(UINT64_MAX);
}

enum { SENDERS = 3, EACH = 20000 };
static atomic_uint arrived;
static unsigned last[SENDERS]; /* [loop] */

static void arrive(void *arg)
{
	unsigned sender = (unsigned)(uintptr_t)arg >> 24, n = (unsigned)(uintptr_t)arg & 0xffffff;

	assert_int_equal(n, last[sender] + 1);
	last[sender] = n;
	atomic_fetch_add_explicit(&arrived, 1, memory_order_relaxed);
}

static void *send_many(void *arg)
{
	uintptr_t sender = (uintptr_t)arg;

	for (uintptr_t i = 1; i <= EACH; i++)
		net_post(arrive, (void *)(sender << 24 | i));
	return NULL;
}

static void no_post_is_lost_or_overtaken_while_the_loop_sleeps_and_wakes(void **state)
{
	pthread_t t[SENDERS];

	for (uintptr_t i = 0; i < SENDERS; i++)
		pthread_create(&t[i], NULL, send_many, (void *)i);
	/* for ever: a lost wake-up hangs here */
	while (atomic_load_explicit(&arrived, memory_order_relaxed) < SENDERS * EACH)
		net_poll(UINT64_MAX);
	for (int i = 0; i < SENDERS; i++)
		pthread_join(t[i], NULL);
}

static void a_poll_without_events_lasts_as_long_as_it_was_told(void **state)
{
	for (int coarse = 0; coarse <= 1; coarse++) {
		uint64_t began = clock_mono_ns();

		poller_set_coarse(coarse);
		net_poll(3 * NS_PER_MS + 1);
		assert_true(clock_mono_ns() - began > 3 * NS_PER_MS);
		net_poll(0);
	}
}

static void timers_fire_on_the_loop_once_and_not_early(void **state)
{
	struct net_timer *t = net_timer_create(note, (void *)1);
	uint64_t deadline = clock_mono_ns() + 20 * NS_PER_MS;

	net_timer_set(t, deadline);
	until(seen.n == 1);
	assert_true(clock_mono_ns() >= deadline);
	for (int i = 0; i < 3; i++)
		turn(5 * NS_PER_MS);
	assert_int_equal(seen.n, 1);
	net_timer_destroy(t);
}

static void a_timer_may_be_moved_both_ways_and_cleared(void **state)
{
	struct net_timer *later = net_timer_create(note, (void *)1);
	struct net_timer *sooner = net_timer_create(note, (void *)2);
	struct net_timer *never = net_timer_create(note, (void *)3);
	uint64_t now = clock_mono_ns();

	net_timer_set(later, now + 1);
	net_timer_set(later, now + 600 * NS_PER_MS); /* a busy machine may hold us up for long */
	net_timer_set(sooner, now + 3600 * NS_PER_SEC);
	net_timer_set(sooner, now + 20 * NS_PER_MS);
	net_timer_set(never, now + NS_PER_MS);
	net_timer_clear(never);
	until(seen.n == 2);
	assert_int_equal(seen.at[0], 2);
	assert_int_equal(seen.at[1], 1);
	assert_true(clock_mono_ns() >= now + 600 * NS_PER_MS);
	turn(5 * NS_PER_MS);
	assert_int_equal(seen.n, 2);
	net_timer_destroy(later);
	net_timer_destroy(sooner);
	net_timer_destroy(never);
}

static struct net_timer *suicide;

static void destroy_itself(void *ud)
{
	note(ud);
	net_timer_destroy(steal(suicide));
}

static void a_timer_may_be_destroyed_in_its_function_and_on_its_way(void **state)
{
	struct net_timer *flying = net_timer_create(note, (void *)2);

	suicide = net_timer_create(destroy_itself, (void *)1);
	net_timer_set(suicide, clock_mono_ns());
	until(seen.n == 1);
	/* fired into the post queue, then destroyed before the loop got there */
	net_timer_set(flying, 1);
	until(timer_run(clock_mono_ns()) > 0);
	net_timer_destroy(flying);
	turn(0);
	assert_int_equal(seen.n, 1);
	/* and one that is still flying at the end is freed by net_fini */
	flying = net_timer_create(note, (void *)3);
	net_timer_set(flying, 1);
	while (!timer_run(clock_mono_ns()))
		;
	net_timer_destroy(flying);
}

#define ADOPTED 2000

/* [loop], but for `go_on`, which the other thread waits for. */
static struct {
	unsigned opens, early;
	atomic_uint data;
	/* posted with each data: a thread that spins here starves the loop on a busy machine */
	sem_t go_on;
} heard;

static void hear_open(void *ud, int id, const char *text, int port)
{
	heard.opens++;
}

static void hear_data(void *ud, int id, const void *data, size_t size)
{
	if (heard.opens != atomic_load_explicit(&heard.data, memory_order_relaxed) + 1)
		heard.early++;
	atomic_fetch_add_explicit(&heard.data, 1, memory_order_relaxed);
	sem_post(&heard.go_on);
}

/* Their data is there before they are: epoll reports it as soon as they are watched. */
static void *adopt_many(void *arg)
{
	static const struct net_handler h = { .on_open = hear_open, .on_data = hear_data };

	for (unsigned i = 0; i < ADOPTED; i++) {
		int pair[2], id;

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ||
		    write(pair[1], "x", 1) != 1)
			return (void *)"no pair of sockets";
		id = net_adopt_handler(&h, NULL, pair[0]);
		sem_wait(&heard.go_on);
		net_close(id);
		close(pair[1]);
	}
	return NULL;
}

static void a_socket_is_open_before_its_data_comes(void **state)
{
	uint64_t end = clock_mono_ns() + PATIENCE_NS;
	void *failed;
	pthread_t t;

	sem_init(&heard.go_on, 0, 0);
	pthread_create(&t, NULL, adopt_many, NULL);
	while (atomic_load_explicit(&heard.data, memory_order_relaxed) < ADOPTED &&
	       clock_mono_ns() < end)
		net_poll(NS_PER_MS);
	pthread_join(t, &failed);
	assert_null(failed);
	assert_int_equal(heard.opens, ADOPTED);
	assert_int_equal(heard.early, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, net_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(closures_run_in_the_order_of_posting),
		T(a_closure_that_posts_itself_does_not_hold_up_the_loop),
		T(a_post_ends_a_sleep_for_ever),
		T(an_interrupt_before_the_sleep_is_not_lost),
		T(no_post_is_lost_or_overtaken_while_the_loop_sleeps_and_wakes),
		T(a_poll_without_events_lasts_as_long_as_it_was_told),
		T(timers_fire_on_the_loop_once_and_not_early),
		T(a_timer_may_be_moved_both_ways_and_cleared),
		T(a_timer_may_be_destroyed_in_its_function_and_on_its_way),
		T(a_socket_is_open_before_its_data_comes),
	};
	return cmocka_run_group_tests_name("net/loop", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* The registry's thread, before a registry that is as slow as the test says. The test is the loop:
 * it runs what was posted. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "harbor/registry/keeper.h"
#include "net/net.h"
#include "net/poller.h"
#include "net/post.h"

#define WAIT_NS (10 * NS_PER_SEC)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER;
static bool shut;     /* [lock] the registry does not answer */
static char done[64]; /* [lock] what it did, a letter each */
static unsigned told, answers, backups;
static int last;

static void note(char what)
{
	pthread_mutex_lock(&lock);
	while (shut)
		pthread_cond_wait(&opened, &lock);
	done[strlen(done)] = what;
	pthread_mutex_unlock(&lock);
}

static void set_shut(bool is)
{
	pthread_mutex_lock(&lock);
	shut = is;
	pthread_cond_broadcast(&opened);
	pthread_mutex_unlock(&lock);
}

static void fake_close(void)
{
	note('c');
}

static int fake_save(const struct registry_change *c, size_t n, uint64_t number, char **ret_error)
{
	assert_true(n == number);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(c[i].handle, i);
	note('s');
	if (n != 3)
		return 0;
	*ret_error = mem_strdup("three is too many");
	return -EIO;
}

static int fake_backup(const char *file, char **ret_error)
{
	note('b');
	*ret_error = mem_printf("%s is full", file);
	return -EIO;
}

static void fake_ask(const char *to, struct registry_answer *ret)
{
	note('a');
	assert_string_equal(to, "you");
	registry_add(&ret->content)->handle = 7;
}

static const struct registry_ops fake = {
	.close = fake_close, .save = fake_save, .backup = fake_backup, .ask = fake_ask
};

static void on_saved(int result, const char *error)
{
	if (result == -EIO)
		assert_string_equal(error, "three is too many");
	else
		assert_null(error);
	told++;
	last = result;
}

static void on_answered(const struct registry_answer *a)
{
	answers++;
	assert_int_equal(a->content.items[0].handle, 7);
}

static void on_backup(const char *error)
{
	backups++;
	assert_string_equal(error, "/x is full");
}

static const struct keeper_hooks hooks = { on_saved, on_answered, on_backup };

static void save(unsigned n)
{
	struct registry_change c[8] = { 0 };

	for (unsigned i = 0; i < n; i++)
		c[i].handle = i;
	keeper_save(c, n, n);
	memset(c, 0xff, sizeof(c)); /* they were copied */
}

/* Runs the loop until so many ends were told. */
static void run_until(const unsigned *count, unsigned n)
{
	uint64_t end = clock_mono_ns() + WAIT_NS;

	poller_enter(POLLER_MAIN);
	while (*count < n && clock_mono_ns() < end)
		(void)post_run();
	poller_leave();
	assert_int_equal(*count, n);
}

static int setup(void **state)
{
	(void)state;
	memset(done, 0, sizeof(done));
	told = answers = backups = 0;
	assert_int_equal(keeper_start(&fake, &hooks), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	set_shut(false);
	assert_true(keeper_stop(WAIT_NS));
	post_fini();
	return 0;
}

static void ends_come_back_to_the_loop(void **state)
{
	bool under_way;

	(void)state;
	save(2);
	run_until(&told, 1);
	assert_int_equal(last, 0);
	save(3);
	run_until(&told, 2);
	assert_int_equal(last, -EIO);
	keeper_ask(REGISTRY_LOOK, "you");
	run_until(&answers, 1);
	assert_true(keeper_backup("/x"));
	assert_false(keeper_backup("/y"));
	run_until(&backups, 1);
	(void)keeper_save_ns(&under_way);
	assert_false(under_way);
}

static void a_lease_does_not_wait_behind_a_save_that_has_not_begun(void **state)
{
	bool under_way;

	(void)state;
	set_shut(true);
	keeper_ask(REGISTRY_LOOK, "you");
	save(1);
	assert_true(keeper_backup("/x"));
	assert_true(keeper_save_ns(&under_way) < WAIT_NS);
	assert_true(under_way);
	set_shut(false);
	run_until(&backups, 1);
	run_until(&told, 1);
	assert_string_equal(done, "asb");
}

/* Of a leader who is none any more: whether it began or not, the next one is not told its end. */
static void the_end_of_a_forgotten_save_is_not_told(void **state)
{
	(void)state;
	set_shut(true);
	save(3);
	keeper_forget();
	save(2);
	set_shut(false);
	run_until(&told, 1);
	assert_int_equal(last, 0);
	keeper_ask(REGISTRY_LOOK, "you");
	run_until(&answers, 1);
	assert_int_equal(told, 1);
}

static void what_is_under_way_at_the_end_is_saved(void **state)
{
	(void)state;
	save(2);
	assert_true(keeper_stop(WAIT_NS));
	assert_string_equal(done, "sc");
	assert_true(keeper_stop(WAIT_NS)); /* nothing is left to stop */
	assert_int_equal(keeper_start(&fake, &hooks), 0);
}

/* Last: the thread is left behind, with its registry. */
static void a_disk_that_never_answers_holds_up_no_end(void **state)
{
	uint64_t began = clock_mono_ns();

	(void)state;
	set_shut(true);
	save(2);
	assert_false(keeper_stop(50 * NS_PER_MS));
	assert_true(clock_mono_ns() - began < WAIT_NS);
}

static int open_loop(void **state)
{
	(void)state;
	return poller_init(1);
}

/* The last test leaves a thread behind that may still post. */
int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(ends_come_back_to_the_loop),
		T(a_lease_does_not_wait_behind_a_save_that_has_not_begun),
		T(the_end_of_a_forgotten_save_is_not_told),
		T(what_is_under_way_at_the_end_is_saved),
		cmocka_unit_test_setup(a_disk_that_never_answers_holds_up_no_end, setup),
	};

	return cmocka_run_group_tests_name("harbor/keeper", tests, open_loop, NULL);
}

/* SPDX-License-Identifier: MIT */
/* The rules of lock.h are checked in builds with CHECKS=1 only: there each rule is broken in a
 * child, which must die. In other builds the same children must live. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/base/lock.h"
#include "tests/unit/core/ending.h"

static struct lock outer = LOCK_INIT(handles), inner = LOCK_INIT(slab), twin = LOCK_INIT(slab);
static struct rwlock table = RWLOCK_INIT(names);
static atomic_bool busy;

static void assert_checked(void (*f)(void), const char *text)
{
#ifdef CHECKS
	assert_true(ends_by_abort(f));
	assert_non_null(strstr(ending_text, text));
	assert_non_null(strstr(ending_text, __FILE__));
#else
	assert_false(ends_by_abort(f));
	assert_string_equal(ending_text, "");
	(void)text;
#endif
}

static void take_in_order(void)
{
	lock_take(&outer);
	lock_take(&inner);
	rwlock_read(&table);
	rwlock_held(&table);
	lock_held(&outer);
	lock_release(&outer); /* in any order */
	lock_take(&(struct lock)LOCK_INIT(log));
	lock_held(&inner);
	rwlock_release(&table);
	lock_release(&inner);
}

static void locks_in_order_are_taken(void **state)
{
	(void)state;
	assert_false(ends_by_abort(take_in_order));
	assert_string_equal(ending_text, "");
}

static void take_against_order(void)
{
	lock_take(&inner);
	lock_take(&outer);
}

static void take_after_reading(void)
{
	rwlock_read(&table);
	lock_take(&inner);
}

static void read_twice(void)
{
	rwlock_read(&table);
	rwlock_read(&table); /* waits for a writer that waits for the first */
}

static void take_two_of_a_class(void)
{
	lock_take(&inner);
	lock_take(&twin);
}

static void spin_against_order(void)
{
	lock_take(&inner);
	spin_take(&busy, LOCK_instance);
}

static void a_lock_below_one_that_is_held_ends_the_process_with_both(void **state)
{
	(void)state;
	assert_checked(take_against_order, "lock handles (rank 120) is taken at ");
#ifdef CHECKS
	assert_non_null(strstr(ending_text, " while lock slab (rank 130) of " __FILE__ ":"));
#endif
	assert_checked(take_after_reading, "lock slab (rank 130) is taken at ");
	assert_checked(read_twice, "lock names (rank 140) is taken at ");
	assert_checked(take_two_of_a_class, "while lock slab (rank 130) of ");
	assert_checked(spin_against_order, "lock instance (rank 110) is taken at ");
}

static void try_against_order(void)
{
	lock_take(&inner);
	if (!lock_try(&outer))
		abort();
	lock_held(&outer);
	lock_release(&outer);
	lock_release(&inner);
}

static void who_does_not_wait_may_take_any(void **state)
{
	(void)state;
	assert_false(ends_by_abort(try_against_order));
}

static void count_locked(void)
{
	lock_held(&inner);
}

static void write_locked(void)
{
	rwlock_read(&table);
	rwlock_held_to_write(&table);
}

static void hold_another(void)
{
	lock_take(&twin);
	count_locked();
}

static void after_release(void)
{
	lock_take(&inner);
	lock_release(&inner);
	count_locked();
}

static void a_function_without_its_lock_ends_the_process(void **state)
{
	(void)state;
	assert_checked(count_locked, "lock slab is not held at ");
	assert_checked(hold_another, "lock slab is not held at ");
	assert_checked(after_release, "lock slab is not held at ");
	assert_checked(write_locked, "lock names is only held to read at ");
}

static void *count_on_a_thread(void *arg)
{
	count_locked();
	return arg;
}

static void let_another_count(void)
{
	pthread_t t;

	lock_take(&inner);
	pthread_create(&t, NULL, count_on_a_thread, NULL);
	pthread_join(t, NULL);
}

static void what_another_thread_holds_does_not_count(void **state)
{
	(void)state;
	assert_checked(let_another_count, "lock slab is not held at ");
}

static void take_one_without_a_class(void)
{
	static struct lock raw;

	lock_take(&raw);
}

static void release_what_is_free(void)
{
	static struct lock l = LOCK_INIT(log);

	lock_release(&l);
}

static void a_lock_that_was_not_initialised_or_taken_ends_the_process(void **state)
{
	(void)state;
	assert_checked(take_one_without_a_class, "that was not initialised");
	assert_checked(release_what_is_free, "lock log is released at ");
}

static void wait_without_lock(void)
{
	static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

	(void)lock_wait_until(&inner, &cond, 0);
}

static void waiting_keeps_the_lock_and_ends_in_time(void **state)
{
	pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
	uint64_t until = clock_mono_ns() + 5 * NS_PER_MS;

	(void)state;
	lock_take(&inner);
	while (lock_wait_until(&inner, &cond, until))
		;
	assert_true(clock_mono_ns() >= until);
	lock_held(&inner);
	lock_release(&inner);
#ifdef CHECKS
	assert_checked(wait_without_lock, "lock slab is not held at ");
#else
	(void)wait_without_lock;
#endif
}

#ifndef CHECKS
_Static_assert(sizeof(struct lock) == sizeof(pthread_mutex_t) &&
		       sizeof(struct rwlock) == sizeof(pthread_rwlock_t),
	       "without checks a lock is nothing else");
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(locks_in_order_are_taken),
		cmocka_unit_test(a_lock_below_one_that_is_held_ends_the_process_with_both),
		cmocka_unit_test(who_does_not_wait_may_take_any),
		cmocka_unit_test(a_function_without_its_lock_ends_the_process),
		cmocka_unit_test(what_another_thread_holds_does_not_count),
		cmocka_unit_test(a_lock_that_was_not_initialised_or_taken_ends_the_process),
		cmocka_unit_test(waiting_keeps_the_lock_and_ends_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

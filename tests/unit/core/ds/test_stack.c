/* SPDX-License-Identifier: MIT */
/* The stack: many push, one takes; nothing is lost and each thread's own stay in order. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/base/base.h"
#include "core/ds/stack.h"

#define THREADS 4u
#define EACH 20000u

struct entry {
	struct entry *next;
	unsigned thread, number;
};

static _Atomic(struct entry *) stack;
static struct entry entries[THREADS][EACH];

static void turns_round(void **state)
{
	struct entry e[3] = { { &e[1], 0, 0 }, { &e[2], 0, 1 }, { NULL, 0, 2 } }, *none = NULL;
	struct entry *oldest = stack_turn_round(&e[0], next);

	(void)state;
	assert_null(stack_turn_round(none, next));
	assert_ptr_equal(oldest, &e[2]);
	assert_ptr_equal(oldest->next, &e[1]);
	assert_ptr_equal(oldest->next->next, &e[0]);
	assert_null(e[0].next);
}

static void order_of_one_thread(void **state)
{
	struct entry *all;

	(void)state;
	assert_null(stack_take_all(&stack, next));
	for (unsigned i = 0; i < 5; i++) {
		entries[0][i] = (struct entry){ .number = i };
		stack_push(&stack, &entries[0][i], next);
	}
	all = stack_take_all(&stack, next);
	assert_null(atomic_load(&stack));
	for (unsigned i = 0; i < 5; i++, all = all->next)
		assert_int_equal(all->number, i);
	assert_null(all);
}

static void *pusher(void *arg)
{
	struct entry *mine = arg;

	for (unsigned i = 0; i < EACH; i++)
		stack_push(&stack, &mine[i], next);
	return NULL;
}

static void many_push(void **state)
{
	unsigned seen[THREADS] = { 0 }, all = 0;
	pthread_t thread[THREADS];

	(void)state;
	for (unsigned t = 0; t < THREADS; t++)
		for (unsigned i = 0; i < EACH; i++)
			entries[t][i] = (struct entry){ .thread = t, .number = i };
	for (unsigned t = 0; t < THREADS; t++)
		assert_int_equal(pthread_create(&thread[t], NULL, pusher, entries[t]), 0);
	while (all < THREADS * EACH)
		for (struct entry *e = stack_take_all(&stack, next); e; e = e->next, all++)
			if (e->number != seen[e->thread]++)
				fail_msg("thread %u: %u out of order", e->thread, e->number);
	for (unsigned t = 0; t < THREADS; t++) {
		pthread_join(thread[t], NULL);
		assert_int_equal(seen[t], EACH);
	}
	assert_null(stack_take_all(&stack, next));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turns_round),
		cmocka_unit_test(order_of_one_thread),
		cmocka_unit_test(many_push),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

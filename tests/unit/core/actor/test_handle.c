/* SPDX-License-Identifier: MIT */
/* Handle storage: finding, growth, reuse, and readers that look while everything changes. No
 * service runs here: the table does not know what a service does. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/actor/handle.h"
#include "core/actor/mailbox.h"
#include "core/node/single.h"

#define HARBOR 7u

static int setup(void **state)
{
	(void)state;
	remote_init(&single_ops);
	handle_init(HARBOR);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	handle_fini();
	return 0;
}

static struct service *born(void)
{
	struct service *s = handle_alloc();

	mailbox_open_owned(&s->mailbox);
	atomic_store_explicit(&s->refs, 1, memory_order_release);
	return s;
}

/* As teardown does it, after handle_unregister. */
static void gone(struct service *s)
{
	assert_null(mailbox_close(&s->mailbox));
	service_unref(s);
}

static void a_handle_finds_its_service_until_it_is_unregistered(void **state)
{
	struct service *a = born(), *b = born();
	uint32_t ha = handle_register(a), hb = handle_register(b);

	(void)state;
	assert_int_equal(ha >> 24, HARBOR);
	assert_int_equal(ha & HANDLE_INDEX_MAX, 1);
	assert_int_equal(hb, ha + 1);
	assert_ptr_equal(handle_lookup(ha), a);
	assert_ptr_equal(handle_lookup(hb), b);
	assert_null(handle_lookup(ha & HANDLE_INDEX_MAX)); /* another node's */
	assert_null(handle_lookup(ha + 256));		   /* the same slot */
	assert_true(handle_unregister(ha));
	assert_false(handle_unregister(ha));
	assert_false(handle_unregister(ha + 256));
	assert_null(handle_lookup(ha));
	assert_ptr_equal(handle_lookup(hb), b);
	gone(a);
	assert_true(handle_unregister(hb));
	gone(b);
}

static void an_index_is_not_given_out_again_soon(void **state)
{
	uint32_t last = 0;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		struct service *s = born();
		uint32_t h = handle_register(s);

		assert_true(h > last);
		last = h;
		assert_true(handle_unregister(h));
		gone(s);
	}
}

static void the_table_grows_and_everybody_is_found(void **state)
{
	enum { N = 5000 };
	static struct service *all[N];
	static uint32_t handles[N];
	struct handle_table *first = atomic_load(&handle_table);

	(void)state;
	for (int i = 0; i < N; i++) {
		all[i] = born();
		handles[i] = handle_register(all[i]);
		assert_int_not_equal(handles[i], 0);
	}
	assert_true(atomic_load(&handle_table)->capacity >= N);
	/* a reader's old array */
	assert_ptr_equal(atomic_load(&first->slots[handles[0] & (first->capacity - 1)]), all[0]);
	for (int i = 0; i < N; i++)
		assert_ptr_equal(handle_lookup(handles[i]), all[i]);
	for (int i = 0; i < N; i++) {
		assert_true(handle_unregister(handles[i]));
		gone(all[i]);
	}
	for (uint32_t i = 0; i < first->capacity; i++)
		assert_null(atomic_load(&first->slots[i]));
}

static void the_counter_goes_round_and_passes_over_who_lives(void **state)
{
	struct service *s[4];
	uint32_t h[4];

	(void)state;
	s[0] = born();
	h[0] = handle_register(s[0]); /* index 1 */
	handle_set_next(HANDLE_INDEX_MAX - 1);
	for (int i = 1; i < 4; i++) {
		s[i] = born();
		h[i] = handle_register(s[i]);
	}
	assert_int_equal(h[1] & HANDLE_INDEX_MAX, HANDLE_INDEX_MAX - 1);
	assert_int_equal(h[2] & HANDLE_INDEX_MAX, HANDLE_INDEX_MAX);
	assert_int_equal(h[3] & HANDLE_INDEX_MAX, 2); /* never 0, and 1 is taken */
	for (int i = 0; i < 4; i++) {
		assert_ptr_equal(handle_lookup(h[i]), s[i]);
		assert_true(handle_unregister(h[i]));
		gone(s[i]);
	}
}

static void a_reference_keeps_a_service_from_being_recycled(void **state)
{
	struct service *s = born(), *other;
	uint32_t h = handle_register(s);

	(void)state;
	assert_ptr_equal(service_grab(h), s);
	assert_true(handle_unregister(h));
	assert_null(service_grab(h));
	gone(s);
	other = born();
	assert_ptr_not_equal(other, s);
	service_unref(s);
	assert_int_equal(service_handle(s), 0);
	gone(other);
}

static void who_looks_late_finds_a_closed_mailbox(void **state)
{
	struct service *s = born(), *late;
	uint32_t h = handle_register(s);
	struct msg m = { 0 };

	(void)state;
	late = handle_lookup(h);
	assert_true(handle_unregister(h));
	gone(s);
	assert_int_equal(mailbox_push(&late->mailbox, &m), MAILBOX_CLOSED);
	handle_trim(); /* its page is zeros now */
	assert_int_equal(mailbox_push(&late->mailbox, &m), MAILBOX_CLOSED);
	assert_int_equal(atomic_load(&late->handle), 0);
	s = born();
	assert_int_not_equal(handle_register(s), 0);
	assert_true(handle_unregister(service_handle(s)));
	gone(s);
}

/* Costs a few hundred MiB, most of it the table. */
static void every_index_but_0_can_be_taken(void **state)
{
	static const uint32_t all = HANDLE_INDEX_MAX;
	struct service *s = born();

	(void)state;
	/* One struct for all: it is the growing and the end that are looked at. */
	for (uint32_t i = 1; i <= all; i++)
		if (handle_register(s) != (HARBOR << 24 | i))
			fail_msg("index %u is not given out", i);
	assert_int_equal(handle_register(s), 0);
	assert_int_equal(atomic_load(&handle_table)->capacity, all + 1);
}

/* ---- readers against writers ---- */

#define SLOTS 64

static atomic_uint shared[SLOTS]; /* handles of services, some of them just gone */
static atomic_bool enough;

static void *reader(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	uintptr_t found = 0;

	/* those that are left at the end can be found, however late the reader was */
	while (!found || !atomic_load_explicit(&enough, memory_order_relaxed)) {
		uint32_t h = atomic_load_explicit(&shared[rand_r(&seed) % SLOTS],
						  memory_order_relaxed);
		struct service *s;

		if (!h)
			continue;
		s = service_grab(h);
		if (s) {
			/* Who holds a reference sees one service, whoever unregisters it. */
			if (service_handle(s) != h)
				abort();
			service_unref(s);
			found++;
		}
		s = handle_lookup(h);
		(void)(s && mailbox_length(&s->mailbox));
	}
	return (void *)found;
}

static void *writer(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	unsigned from = (unsigned)(uintptr_t)arg % 2 * (SLOTS / 2);

	for (int i = 0; i < 20000; i++) {
		atomic_uint *at = &shared[from + rand_r(&seed) % (SLOTS / 2)];
		uint32_t h = atomic_load_explicit(at, memory_order_relaxed);
		struct service *s = h ? service_grab(h) : NULL;

		if (s) {
			if (!handle_unregister(h))
				abort();
			service_unref(s);
			if (mailbox_close(&s->mailbox))
				abort();
			service_unref(s); /* the one of its birth */
		}
		s = born();
		atomic_store_explicit(at, handle_register(s), memory_order_relaxed);
		if (i % 100 == 0)
			handle_trim();
	}
	return NULL;
}

static void readers_need_no_lock(void **state)
{
	pthread_t readers[2], writers[2];
	uintptr_t found = 0;

	(void)state;
	for (uintptr_t i = 0; i < 2; i++) {
		assert_int_equal(pthread_create(&readers[i], NULL, reader, (void *)(i + 1)), 0);
		assert_int_equal(pthread_create(&writers[i], NULL, writer, (void *)(i + 10)), 0);
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(writers[i], NULL), 0);
	atomic_store_explicit(&enough, true, memory_order_relaxed);
	for (int i = 0; i < 2; i++) {
		void *n;

		assert_int_equal(pthread_join(readers[i], &n), 0);
		found += (uintptr_t)n;
	}
	assert_true(found > 0);
	for (int i = 0; i < SLOTS; i++) {
		uint32_t h = atomic_load(&shared[i]);
		struct service *s = handle_lookup(h);

		if (!h)
			continue;
		assert_non_null(s);
		assert_true(handle_unregister(h));
		gone(s);
	}
}

int main(void)
{
#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		test(a_handle_finds_its_service_until_it_is_unregistered),
		test(an_index_is_not_given_out_again_soon),
		test(the_table_grows_and_everybody_is_found),
		test(the_counter_goes_round_and_passes_over_who_lives),
		test(a_reference_keeps_a_service_from_being_recycled),
		test(who_looks_late_finds_a_closed_mailbox),
		test(every_index_but_0_can_be_taken),
		test(readers_need_no_lock),
	};

	return cmocka_run_group_tests_name("core/handle", tests, NULL, NULL);
}

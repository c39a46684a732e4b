/* SPDX-License-Identifier: MIT */
/* Memory of the C contract: blocks of any size and alignment, and sizes that cannot be. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define SKYNET_MALLOC_PLAIN_NAMES
#include "lua/contract/contract_mem.h"
#include "core/actor/msg.h"
#include "lua/contract/include/skynet_malloc.h"
#include "tests/unit/core/ending.h"

#define HEAD 32u /* in front of each block */

static int setup(void **state)
{
	(void)state;
	contract_init();
	return 0;
}

/* Volatile, for the compiler knows such sizes and warns of them. */
static volatile size_t asked;

static void malloc_asked(void)
{
	(void)skynet_malloc(asked);
}

static void calloc_asked(void)
{
	(void)skynet_calloc(1, asked);
}

static void calloc_many(void)
{
	(void)skynet_calloc(asked, asked);
}

static void realloc_asked(void)
{
	(void)skynet_realloc(skynet_malloc(1), asked);
}

static void aligned_asked(void)
{
	(void)skynet_aligned_alloc(64, asked);
}

static void sizes_that_cannot_be_end_the_process_and_say_so(void **state)
{
	static void (*const ways[])(void) = { malloc_asked, calloc_asked, realloc_asked,
					      aligned_asked };
	static const size_t sizes[] = { SIZE_MAX, SIZE_MAX - HEAD + 1, SIZE_MAX - HEAD,
					SIZE_MAX / 2 };

	(void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip(); /* their malloc ends the process in its own way */
#endif
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (size_t k = 0; k < sizeof(ways) / sizeof(ways[0]); k++) {
			asked = sizes[i];
			assert_true(ends_by_abort(ways[k]));
			assert_non_null(
				strstr(ending_text, "xmalloc: Out of memory trying to allocate "));
		}
	asked = SIZE_MAX / 2;
	assert_true(ends_by_abort(calloc_many));
}

static void a_block_keeps_what_is_in_it_when_it_grows(void **state)
{
	char *p = skynet_calloc(3, 5), *q;

	(void)state;
	for (size_t i = 0; i < 15; i++)
		assert_int_equal(p[i], 0);
	memcpy(p, "fourteen bytes", 15);
	p = skynet_realloc(p, 100000);
	assert_string_equal(p, "fourteen bytes");
	p = skynet_realloc(p, 9);
	assert_memory_equal(p, "fourteen ", 9);
	q = skynet_realloc(NULL, 3);
	memcpy(q, "ab", 3);
	assert_string_equal(q, "ab");
	skynet_free(q);
	skynet_free(p);
	skynet_free(NULL);
}

static void blocks_lie_as_they_are_asked_to_and_can_be_freed_and_grown(void **state)
{
	(void)state;
	for (size_t alignment = 1; alignment <= 4096; alignment *= 2)
		for (size_t size = 0; size < 200; size += 33) {
			char *p = skynet_aligned_alloc(alignment, size);

			assert_int_equal((uintptr_t)p % alignment, 0);
			memset(p, 'x', size);
			p = skynet_realloc(p, size + 1);
			p[size] = 'y';
			for (size_t i = 0; i < size; i++)
				assert_int_equal(p[i], 'x');
			p = skynet_realloc(p, 1);
			skynet_free(p);
		}
}

static void a_payload_for_a_message_is_the_block_itself_unless_it_is_aligned(void **state)
{
	char *plain = skynet_malloc(6), *lying = skynet_aligned_alloc(256, 6), *payload;

	(void)state;
	memcpy(plain, "plain", 6);
	memcpy(lying, "lying", 6);
	payload = contract_payload(plain, 6);
	assert_ptr_equal(payload, plain);
	payload_free(payload);
	payload = contract_payload(lying, 6);
	assert_ptr_not_equal(payload, lying);
	assert_string_equal(payload, "lying");
	payload_free(payload);
}

static void posix_memalign_takes_powers_of_two_from_a_pointers_size(void **state)
{
	void *p;

	(void)state;
	for (size_t alignment = 0; alignment < 70; alignment++) {
		bool good = alignment == 8 || alignment == 16 || alignment == 32 || alignment == 64;

		assert_int_equal(skynet_posix_memalign(&p, alignment, 10), good ? 0 : EINVAL);
		if (good)
			skynet_free(p);
	}
}

static void lalloc_is_an_allocator_for_lua(void **state)
{
	char *p = skynet_lalloc(NULL, 0, 3);

	(void)state;
	memcpy(p, "ab", 3);
	p = skynet_lalloc(p, 3, 300);
	assert_string_equal(p, "ab");
	assert_null(skynet_lalloc(p, 300, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_that_cannot_be_end_the_process_and_say_so),
		cmocka_unit_test(a_block_keeps_what_is_in_it_when_it_grows),
		cmocka_unit_test(blocks_lie_as_they_are_asked_to_and_can_be_freed_and_grown),
		cmocka_unit_test(a_payload_for_a_message_is_the_block_itself_unless_it_is_aligned),
		cmocka_unit_test(posix_memalign_takes_powers_of_two_from_a_pointers_size),
		cmocka_unit_test(lalloc_is_an_allocator_for_lua),
	};

	return cmocka_run_group_tests_name("lua/contract/contract_mem", tests, setup, NULL);
}

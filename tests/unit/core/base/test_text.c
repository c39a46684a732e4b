/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/mem.h"
#include "core/base/text.h"

static void an_empty_text_is_a_string_and_owns_nothing(void **state)
{
	struct text t = { 0 };
	char *taken;

	assert_string_equal(text_string(&t), "");
	assert_null(t.bytes);
	text_cut(&t, 0);
	text_add(&t, NULL, 0);
	assert_string_equal(text_string(&t), "");
	text_fini(&t);
	taken = text_take(&t);
	assert_string_equal(taken, "");
	mem_free(taken);
}

static void pieces_of_every_kind_stand_behind_each_other(void **state)
{
	cleanup(text_fini) struct text t = { 0 };

	text_puts(&t, "one ");
	text_add(&t, "two\0three", 9);
	text_printf(&t, " %s %d", "four", 5);
	memcpy(text_room(&t, 4), " six", 4);
	assert_int_equal(t.size, 4 + 9 + 7 + 4);
	assert_memory_equal(t.bytes, "one two\0three four 5 six", t.size + 1);
}

/* Each size from nothing to well beyond the first doublings has its NUL inside of the room. */
static void a_text_is_terminated_at_every_length(void **state)
{
	cleanup(text_fini) struct text t = { 0 };

	for (size_t n = 0; n < 1000; n++) {
		text_add(&t, &(char){ (char)('a' + n % 26) }, 1);
		assert_true(t.size == n + 1 && t.size < t.capacity);
		assert_int_equal(strlen(t.bytes), n + 1);
	}
	for (size_t n = 0; n < 1000; n++)
		assert_int_equal(t.bytes[n], 'a' + n % 26);
}

static void a_long_piece_of_printf_is_whole(void **state)
{
	cleanup(text_fini) struct text t = { 0 };

	text_printf(&t, "%*s|", 70000, "x");
	assert_int_equal(t.size, 70001);
	assert_string_equal(t.bytes + 69998, " x|");
}

static void a_cut_text_goes_on_where_it_was_cut(void **state)
{
	cleanup(text_fini) struct text t = { 0 };

	text_puts(&t, "status: running");
	text_cut(&t, 8);
	assert_string_equal(text_string(&t), "status: ");
	text_puts(&t, "stopping");
	assert_string_equal(text_string(&t), "status: stopping");
}

static void what_is_taken_belongs_to_the_taker(void **state)
{
	struct text t = { 0 };
	char *taken;

	text_puts(&t, "mine");
	taken = text_take(&t);
	assert_true(!t.bytes && !t.size && !t.capacity);
	text_puts(&t, "new");
	assert_string_equal(taken, "mine");
	assert_string_equal(t.bytes, "new");
	mem_free(taken);
	text_fini(&t);
}

static void lines_become_one(void **state)
{
	char text[] = "a\nb\r\n\tc", empty[] = "";

	(void)state;
	text_to_one_line(text);
	assert_string_equal(text, "a b  \tc");
	text_to_one_line(empty);
	assert_string_equal(empty, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_text_is_a_string_and_owns_nothing),
		cmocka_unit_test(pieces_of_every_kind_stand_behind_each_other),
		cmocka_unit_test(a_text_is_terminated_at_every_length),
		cmocka_unit_test(a_long_piece_of_printf_is_whole),
		cmocka_unit_test(a_cut_text_goes_on_where_it_was_cut),
		cmocka_unit_test(what_is_taken_belongs_to_the_taker),
		cmocka_unit_test(lines_become_one),
	};

	return cmocka_run_group_tests_name("base/text", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* lua/host/stacks.h: one question at a time, and its first answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/base/base.h"
#include "core/base/mem.h"
#include "lua/host/stacks.h"

#define ASKED 0x01000005u
#define OTHER 0x01000006u

/* No service has these handles, so nobody but the test answers. */
static void ask(uint32_t handle)
{
	assert_false(stacks_ask(handle));
}

static void assert_answer(uint32_t handle, const char *expected)
{
	cleanup(mem_freep) char *text = stacks_take(handle);

	if (expected)
		assert_string_equal(text, expected);
	else
		assert_null(text);
}

static void only_who_was_asked_is_heard_and_once(void **state)
{
	ask(ASKED);
	assert_answer(ASKED, NULL);
	stacks_tell(OTHER, "other");
	assert_answer(ASKED, NULL);
	stacks_tell(ASKED, "first");
	stacks_tell(ASKED, "second");
	assert_answer(OTHER, NULL);
	assert_answer(ASKED, "first");
	assert_answer(ASKED, NULL);
	stacks_tell(ASKED, "late");
	assert_answer(ASKED, NULL);
}

static void a_newer_question_takes_the_place_of_an_older_one(void **state)
{
	ask(ASKED);
	stacks_tell(ASKED, "old");
	ask(OTHER);
	assert_answer(ASKED, NULL);
	stacks_tell(ASKED, "old");
	stacks_tell(OTHER, "new");
	assert_answer(OTHER, "new");
	ask(ASKED);
	stacks_tell(ASKED, "dropped");
	ask(ASKED);
	assert_answer(ASKED, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_who_was_asked_is_heard_and_once),
		cmocka_unit_test(a_newer_question_takes_the_place_of_an_older_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

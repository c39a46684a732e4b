/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/base.h"
#include "core/base/nearest.h"

static const char *nearest_of(const char *word, const char *const *candidates, size_t count)
{
	struct nearest n = nearest_begin(word);
	const char *best = "";

	for (size_t i = 0; i < count; i++)
		if (nearest_is_better(&n, candidates[i]))
			best = candidates[i];
	return best;
}

static void the_nearest_word_is_found(void **state)
{
	static const char *const words[] = {
		"send", "agent", "newservice", "call", "gate", "sleep"
	};

	(void)state;
	assert_string_equal(nearest_of("agnet", words, array_len(words)), "agent");
	assert_string_equal(nearest_of("cal", words, array_len(words)), "call");
	assert_string_equal(nearest_of("calll", words, array_len(words)), "call");
	assert_string_equal(nearest_of("sned", words, array_len(words)), "send");
	assert_string_equal(nearest_of("newServce", words, array_len(words)), "newservice");
	assert_string_equal(nearest_of("sleep", words, array_len(words)), "sleep");
}

static void another_word_is_no_suggestion(void **state)
{
	static const char *const words[] = { "send", "agent", "io", "a" };

	(void)state;
	assert_string_equal(nearest_of("teleport", words, array_len(words)), "");
	assert_string_equal(nearest_of("x", words, array_len(words)), "");
	assert_string_equal(nearest_of("bcd", words, array_len(words)), "");
	assert_string_equal(nearest_of("", words, array_len(words)), "");
	assert_string_equal(nearest_of("agent", words, 0), "");
}

static void long_words_are_far_from_everything(void **state)
{
	char word[NEAREST_MAX + 1], other[NEAREST_MAX];
	const char *candidate = word;

	(void)state;
	memset(word, 'a', sizeof(word) - 1);
	word[NEAREST_MAX] = 0;
	assert_string_equal(nearest_of(word, &candidate, 1), "");
	memset(other, 'a', sizeof(other) - 1);
	other[NEAREST_MAX - 1] = 0;
	assert_string_equal(nearest_of(other, &candidate, 1), "");
	candidate = other;
	assert_string_equal(nearest_of(other, &candidate, 1), other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_nearest_word_is_found),
		cmocka_unit_test(another_word_is_no_suggestion),
		cmocka_unit_test(long_words_are_far_from_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/base.h"
#include "core/base/mem.h"
#include "daemon/admin/words.h"

static void a_line_is_split_at_single_blanks_and_decoded(void **state)
{
	char line[] = "call .a%20b  x%25y%0A %c3%A4";
	char *words[WORDS_MAX];

	assert_int_equal(words_count(line), 5);
	assert_int_equal(words_split(line, words), 5);
	assert_string_equal(words[0], "call");
	assert_string_equal(words[1], ".a b");
	assert_string_equal(words[2], "");
	assert_string_equal(words[3], "x%y\n");
	assert_string_equal(words[4], "\xc3\xa4");
}

static void an_empty_line_is_an_empty_word(void **state)
{
	char line[] = "", *words[WORDS_MAX];

	assert_int_equal(words_count(line), 1);
	assert_int_equal(words_split(line, words), 1);
	assert_string_equal(words[0], "");
}

static void what_is_no_escape_is_malformed(void **state)
{
	static const char *const wrong[] = { "a%2", "a%", "a%zz", "a%00b", "a b%2 c", "%", "%%20" };

	for (unsigned i = 0; i < array_len(wrong); i++)
		assert_int_equal(words_count(wrong[i]), -1);
}

static void encoded_words_come_back_as_they_were(void **state)
{
	char every[256], *in[] = { "call", "", every, " ", "%41", "two words\n", NULL };
	char *out[WORDS_MAX];
	cleanup(mem_freep) char *line = NULL;

	for (unsigned i = 0; i < 255; i++)
		every[i] = (char)(i + 1);
	every[255] = 0;
	line = words_encode(NULL, in);
	assert_null(strchr(line, '\n'));
	assert_int_equal(words_count(line), 6);
	assert_int_equal(words_split(line, out), 6);
	for (unsigned i = 0; i < 6; i++)
		assert_string_equal(out[i], in[i]);
}

static void the_node_stands_before_the_words(void **state)
{
	char *words[] = { "names", "--waiting", NULL };
	cleanup(mem_freep) char *line = words_encode("a b", words);

	assert_string_equal(line, "@a%20b names --waiting");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_split_at_single_blanks_and_decoded),
		cmocka_unit_test(an_empty_line_is_an_empty_word),
		cmocka_unit_test(what_is_no_escape_is_malformed),
		cmocka_unit_test(encoded_words_come_back_as_they_were),
		cmocka_unit_test(the_node_stands_before_the_words),
	};

	return cmocka_run_group_tests_name("daemon/words", tests, NULL, NULL);
}

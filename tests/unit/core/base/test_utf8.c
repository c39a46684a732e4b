/* SPDX-License-Identifier: MIT */
/* core/base/utf8.h against the definition: a character is what encoding its code makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "core/base/utf8.h"

#define LAST_CODE 0x10ffffu

static bool is_surrogate(uint32_t c)
{
	return c >= 0xd800 && c <= 0xdfff;
}

/* As in the table of RFC 3629, section 3. */
static size_t encode(uint32_t c, uint8_t ret[4])
{
	if (c < 0x80) {
		ret[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		ret[0] = (uint8_t)(0xc0 + c / 64);
		ret[1] = (uint8_t)(0x80 + c % 64);
		return 2;
	}
	if (c < 0x10000) {
		ret[0] = (uint8_t)(0xe0 + c / 4096);
		ret[1] = (uint8_t)(0x80 + c / 64 % 64);
		ret[2] = (uint8_t)(0x80 + c % 64);
		return 3;
	}
	ret[0] = (uint8_t)(0xf0 + c / 262144);
	ret[1] = (uint8_t)(0x80 + c / 4096 % 64);
	ret[2] = (uint8_t)(0x80 + c / 64 % 64);
	ret[3] = (uint8_t)(0x80 + c % 64);
	return 4;
}

static void every_character_is_one_and_no_part_of_it(void **state)
{
	for (uint32_t c = 0; c <= LAST_CODE; c++) {
		uint8_t bytes[4];
		size_t n = encode(c, bytes);
		uint32_t code = 0;
		bool wrong = is_surrogate(c)
				     ? utf8_character(bytes, n, &code) || utf8_is_valid(bytes, n)
				     : utf8_character(bytes, n, &code) != n || code != c ||
					       utf8_character(bytes, n - 1, &code) ||
					       !utf8_is_valid(bytes, n) ||
					       utf8_is_valid(bytes, n - 1) != (n == 1);

		if (wrong)
			fail_msg("code %x", c);
	}
}

/* Bytes that make a character are those of its code. */
static void check(const uint8_t bytes[4], size_t n)
{
	uint32_t code;
	uint8_t again[4];
	size_t size = utf8_character(bytes, n, &code);

	if (size && (code > LAST_CODE || is_surrogate(code) || encode(code, again) != size ||
		     memcmp(again, bytes, size) != 0))
		fail_msg("%02x %02x %02x %02x", bytes[0], bytes[1], bytes[2], bytes[3]);
}

static void nothing_else_is_a_character(void **state)
{
	static const uint8_t edges[] = { 0, 0x7f, 0x80, 0xbf, 0xc0, 0xff };

	for (uint32_t three = 0; three < 1u << 24; three++) {
		uint8_t bytes[4] = { (uint8_t)(three >> 16), (uint8_t)(three >> 8),
				     (uint8_t)three };

		if (bytes[0] < 0xf0) {
			check(bytes, 3);
			continue;
		}
		for (size_t i = 0; i < sizeof(edges); i++) {
			bytes[3] = edges[i];
			check(bytes, 4);
		}
	}
}

static void text_may_come_in_pieces(void **state)
{
	const uint8_t *text = (const uint8_t *)"plain ascii of more than a word, \xc3\xa4 "
					       "\xe2\x82\xac \xf0\x9f\x98\x80 and \x7f";
	size_t n = strlen((const char *)text);

	for (size_t cut = 0; cut <= n; cut++) {
		struct utf8_text t = { 0 };

		assert_true(utf8_feed(&t, text, cut));
		assert_true(utf8_feed(&t, text + cut, n - cut));
		assert_int_equal(t.left, 0);
	}
	for (size_t at = 0; at < n; at++) {
		uint8_t broken[128];

		memcpy(broken, text, n);
		broken[at] = 0xff;
		assert_false(utf8_is_valid(broken, n));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_character_is_one_and_no_part_of_it),
		cmocka_unit_test(nothing_else_is_a_character),
		cmocka_unit_test(text_may_come_in_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

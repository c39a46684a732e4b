/* SPDX-License-Identifier: MIT */
/* lua/modules/sproto/sproto.h where Lua does not see it: what is printed of a schema, what is
 * kept, how much room packing needs. The rest is in
 * tests/lua/test_sproto*.lua. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "lua/modules/sproto/sproto.h"

/* .A { x 0 : integer }  p 1 { response nil } */
static const char bundle[] = "\x02\0\0\0\0\0"
			     "\x26\0\0\0\x22\0\0\0\x02\0\0\0\0\0\x01\0\0\0A\x13\0\0\0\x0f\0\0\0"
			     "\x04\0\0\0\x02\0\x01\0\x02\0\x01\0\0\0x"
			     "\x15\0\0\0\x11\0\0\0\x05\0\0\0\x04\0\x01\0\x01\0\x04\0\x01\0\0\0p";

static struct sproto *load(void)
{
	struct sproto *s = sproto_load(bundle, sizeof(bundle) - 1);

	assert_non_null(s);
	return s;
}

static void dump_tells_types_and_protocols(void **state)
{
	struct sproto *s = load();
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	sproto_dump(s, f);
	fclose(f);
	assert_string_equal(text, "=== 1 types ===\nA\n\tx (0) integer\n"
				  "=== 1 protocols ===\n\tp (1) request:(none) response:(nil)\n");
	free(text);
	sproto_free(s);
}

static void types_and_schemas_know_each_other_apart(void **state)
{
	struct sproto *s = load();
	const struct sproto_type *t = sproto_find_type(s, "A");

	assert_true(sproto_is_schema(s));
	assert_true(sproto_is_type(t));
	assert_false(sproto_is_type((const void *)s));
	assert_false(sproto_is_schema((const void *)t));
	assert_false(sproto_is_schema(NULL));
	assert_false(sproto_is_type(NULL));
	assert_null(sproto_find_type(s, "x"));
	assert_true(sproto_find_tag(s, 1) == sproto_find_name(s, "p"));
	assert_true(sproto_find_tag(s, 1)->confirm);
	assert_null(sproto_find_tag(s, 0));
	assert_null(sproto_find_tag(s, INT64_MAX));
	sproto_free(s);
	sproto_free(NULL);
}

static void a_saved_schema_outlives_its_slot_and_free(void **state)
{
	struct sproto *first = load(), *second = load();

	assert_null(sproto_saved(0));
	sproto_save(first, 0);
	sproto_save(first, 3);
	assert_true(sproto_saved(0) == first);
	sproto_save(second, 0);
	assert_true(sproto_saved(0) == second);
	assert_true(sproto_saved(3) == first);
	sproto_save(second, 3);
	sproto_free(first);
	sproto_free(second);
	assert_non_null(sproto_find_type(first, "A"));
	assert_non_null(sproto_find_type(sproto_saved(3), "A"));
}

/* The worst inputs that the argument above sproto_pack_max names. */
static void packing_needs_no_more_room_than_it_says(void **state)
{
	static const size_t sizes[] = { 0,	     1,	      7,       8,
					9,	     16,      8 * 255, 8 * 256,
					8 * 256 + 1, 8 * 257, 8 * 512, 8 * 1024 + 7 };
	static const unsigned zeros[] = { 0, 1, 2, 3, 8 }; /* of every second group */

	for (size_t i = 0; i < array_len(sizes); i++) {
		for (size_t j = 0; j < array_len(zeros); j++) {
			size_t n = sizes[i], size;
			/* exact blocks: the sanitizer sees a byte too many */
			uint8_t *in = malloc(n + 1), *out = malloc(sproto_pack_max(n)), *back;

			memset(in, 'x', n + 1);
			for (size_t k = 8; k < n; k++)
				if ((k / 8) % 2 && k % 8 < zeros[j])
					in[k] = 0;
			size = sproto_pack(in, n, out);
			assert_true(size <= sproto_pack_max(n));
			assert_int_equal(sproto_unpack_size(out, size), (n + 7) / 8 * 8);
			back = malloc((n + 7) / 8 * 8 + 1);
			sproto_unpack(out, size, back);
			assert_memory_equal(back, in, n);
			free(in);
			free(out);
			free(back);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dump_tells_types_and_protocols),
		cmocka_unit_test(types_and_schemas_know_each_other_apart),
		cmocka_unit_test(a_saved_schema_outlives_its_slot_and_free),
		cmocka_unit_test(packing_needs_no_more_room_than_it_says),
	};
	return cmocka_run_group_tests_name("lua/sproto", tests, NULL, NULL);
}

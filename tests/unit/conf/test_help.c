/* SPDX-License-Identifier: MIT */
/* The schema as text: what conf/help.h says of its form holds for every key, and every default is
 * a value that its key takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "conf/help.h"
#include "conf/load.h"
#include "conf/schema.h"

static char *text;
static size_t size;

static int setup(void **state)
{
	FILE *f = open_memstream(&text, &size);

	(void)state;
	config_help(f);
	return fclose(f);
}

static int teardown(void **state)
{
	(void)state;
	free(text);
	return 0;
}

/* Returns the paragraph of the key. */
static const char *paragraph(const char *section, const char *name)
{
	char first[160];
	const char *p;

	snprintf(first, sizeof(first), "\n%s.%s\n  type: ", section, name);
	p = strncmp(text, first + 1, strlen(first + 1)) == 0 ? text : strstr(text, first);
	if (!p)
		fail_msg("%s.%s is not there", section, name);
	return p + (*p == '\n');
}

static void every_key_has_a_paragraph(void **state)
{
	(void)state;
	for (size_t i = 0; i < SCHEMA_KEYS; i++) {
		const struct schema_key *k = &schema_keys[i];
		const char *p = paragraph(k->section, k->name), *end = strstr(p, "\n\n");
		const char *fallback = strstr(p, "\n  default: "), *help = strstr(p, "\n    ");

		assert_true(fallback && help && fallback < help && help < end);
		assert_int_equal(end[-1], '.');
		if (!k->fallback)
			assert_memory_equal(fallback + 12, "none\n", 5);
	}
	(void)paragraph("env", "NAME");
}

static void a_line_is_a_key_or_a_word_or_a_description(void **state)
{
	static const char *const known[] = { "  type: ",    "  unit: ",	   "  values: ",
					     "  default: ", "  changes: ", "    " };

	(void)state;
	for (const char *p = text; *p; p += strcspn(p, "\n") + 1) {
		bool fits = strcspn(p, "\n") == 0 || *p != ' ';

		for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
			fits |= strncmp(p, known[i], strlen(known[i])) == 0;
		if (!fits || strcspn(p, "\n") > 80)
			fail_msg("%.*s", (int)strcspn(p, "\n"), p);
	}
}

static void the_words_are_those_of_the_type(void **state)
{
	const char *p = paragraph("cluster", "heartbeat");

	(void)state;
	assert_non_null(strstr(p, "heartbeat\n  type: time\n  unit: ms, s, min, h; s without one\n"
				  "  values: 10ms to 60000ms\n  default: 1s\n"
				  "  changes: at the next start\n    How often"));
	p = paragraph("log", "sink");
	assert_non_null(strstr(p, "sink\n  type: choice\n"
				  "  values: auto, stderr, stdout, file, journal\n"
				  "  default: auto\n"));
	p = paragraph("cluster", "name");
	assert_non_null(strstr(p, "name\n  type: text\n  values: 1 to 63 bytes\n"
				  "  default: harbor\n"));
}

static void every_default_is_a_value_of_its_key(void **state)
{
	(void)state;
	for (size_t i = 0; i < SCHEMA_KEYS; i++) {
		const struct schema_key *k = &schema_keys[i];
		char yaml[256];
		struct config *c = NULL;
		struct config_errors errors;

		/* those sections have keys that must be there */
		if (!k->fallback || strcmp(k->section, "cluster") == 0 ||
		    strcmp(k->section, "master") == 0 || strcmp(k->section, "federation") == 0)
			continue;
		snprintf(yaml, sizeof(yaml), "%s: { %s: %.*s }\n", k->section, k->name,
			 (int)schema_fallback_length(k), k->fallback);
		if (config_parse("n.yaml", yaml, strlen(yaml), &c, &errors) != 0)
			fail_msg("%s: %s", yaml, errors.items[0].text);
		config_destroy(c);
		config_errors_fini(&errors);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_has_a_paragraph),
		cmocka_unit_test(a_line_is_a_key_or_a_word_or_a_description),
		cmocka_unit_test(the_words_are_those_of_the_type),
		cmocka_unit_test(every_default_is_a_value_of_its_key),
	};

	return cmocka_run_group_tests_name("conf/help", tests, setup, teardown);
}

/* SPDX-License-Identifier: MIT */
/* Key files: what is one, what is none, and who may read it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/keyfile.h"

#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static bool parse(const char *text, struct keyfile *f, char why[KEYFILE_WRONG])
{
	return keyfile_parse(text, strlen(text), f, why);
}

static void test_takes_what_is_made(void **state)
{
	char line[2 * KEYFILE_LINE], why[KEYFILE_WRONG];
	struct keyfile_key a, b;
	struct keyfile f;
	size_t n;

	(void)state;
	assert_true(keyfile_make(&a) && keyfile_make(&b));
	assert_string_not_equal(a.name, b.name);
	n = keyfile_line(&a, line);
	n += keyfile_line(&b, line + n);
	assert_int_equal(n, strlen(line));
	assert_true(parse(line, &f, why));
	assert_int_equal(f.count, 2);
	assert_memory_equal(f.keys[0].bytes, a.bytes, sizeof(a.bytes));
	assert_string_equal(f.keys[1].name, b.name);
}

static void test_has_a_day(void **state)
{
	struct keyfile_key k;
	uint64_t day;

	(void)state;
	assert_true(keyfile_make(&k));
	day = keyfile_day(k.name);
	assert_true(day % 86400 == 0 && day <= (uint64_t)time(NULL));
	assert_true(day + 2 * 86400 > (uint64_t)time(NULL));
	assert_int_equal(keyfile_day("19700103-0"), 2 * 86400);
	assert_int_equal(keyfile_day("20261399-0"), 0);
	assert_int_equal(keyfile_day("2026113-00"), 0);
	assert_int_equal(keyfile_day("20261130"), 0);
	assert_int_equal(keyfile_day("arena"), 0);
}

static void test_is_strict(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", "there is no key in it" },
		{ "# nothing\n\n", "there is no key in it" },
		{ "\nkey a " HEX, "line 2: a key begins with harbor-key-1" },
		{ "harbor-key-1", "line 1: a key's name" },
		{ "harbor-key-1 a/b " HEX, "line 1: a key's name" },
		{ "harbor-key-1 a", "line 1: a key has 64 digits" },
		{ "harbor-key-1 a " HEX "0", "line 1: a key has 64 digits" },
		{ "harbor-key-1 a X" HEX, "line 1: a key has 64 digits" },
		{ "harbor-key-1 a " HEX " more", "line 1: nothing may stand behind" },
		{ "harbor-key-1 a " HEX "\nharbor-key-1 a " HEX, "line 2: both keys" },
		{ "harbor-key-1 a " HEX "\nharbor-key-1 b " HEX "\nharbor-key-1 c " HEX,
		  "line 3: there are two keys already" },
		{ "harbor-key-1 "
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa " HEX,
		  "line 1: a key's name" },
	};
	char why[KEYFILE_WRONG];
	struct keyfile f;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_false(parse(rows[i].text, &f, why));
		if (strncmp(why, rows[i].why, strlen(rows[i].why)) != 0)
			fail_msg("row %zu: %s", i, why);
		assert_null(strstr(why, "0011")); /* no part of a key */
	}
	assert_true(parse("  # c\r\n\tharbor-key-1\t a  " HEX " \r\n", &f, why));
	assert_int_equal(f.count, 1);
	assert_int_equal(f.keys[0].bytes[1], 0x11);
}

static void test_is_for_its_owner(void **state)
{
	char path[] = "/tmp/test_keyfile.XXXXXX", why[KEYFILE_WHY], by_name[64];
	int fd = mkstemp(path);
	struct keyfile f;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "harbor-key-1 a " HEX, 15 + 64), 15 + 64);
	assert_true(keyfile_read(path, &f, why));
	assert_int_equal(fchmod(fd, 0640), 0);
	assert_false(keyfile_read(path, &f, why));
	assert_non_null(strstr(why, "others may read or write it (mode 0640): chmod 600"));
	/* systemd keeps credentials to itself by other means */
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", "/tmp", 1), 0);
	snprintf(by_name, sizeof(by_name), "credential:%s", path + 5);
	assert_true(keyfile_read(by_name, &f, why));
	assert_false(keyfile_read("credential:../tmp/x", &f, why));
	assert_false(keyfile_read("credential:", &f, why));
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
	assert_false(keyfile_read(by_name, &f, why));
	assert_non_null(strstr(why, "LoadCredential="));
	close(fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_takes_what_is_made),
		cmocka_unit_test(test_has_a_day),
		cmocka_unit_test(test_is_strict),
		cmocka_unit_test(test_is_for_its_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

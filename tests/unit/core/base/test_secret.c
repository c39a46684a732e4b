/* SPDX-License-Identifier: MIT */
/* Memory for secrets: no page of it is one that a core file has. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/secret.h"

/* Whether the mapping around p is left out of dumps. */
static bool is_left_out(const void *p)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long begin, end, at = (unsigned long)(uintptr_t)p;
	bool here = false, out = false;
	char line[512];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &begin, &end) == 2)
			here = at >= begin && at < end;
		if (here && strncmp(line, "VmFlags:", 8) == 0)
			out = strstr(line, " dd");
	}
	fclose(f);
	return out;
}

static void all_sizes_are_left_out(void **state)
{
	(void)state;
	if (!secret_is_hidden())
		skip();
	for (size_t n = 0; n < 64u << 20; n = n * 3 + 1) {
		char *p = secret_alloc(n), *q = secret_zalloc(n, 1);

		assert_true(p && q && is_left_out(p) && is_left_out(q));
		assert_true(n == 0 || (q[0] == 0 && q[n - 1] == 0));
		p = secret_realloc(p, 2 * n + 1);
		assert_true(is_left_out(p));
		secret_free(p);
		secret_free(q);
	}
	secret_free(NULL);
	assert_null(secret_zalloc(SIZE_MAX / 2, 3));
}

/* What a thread frees must not come back from malloc, nor the other way round. */
static void *mix(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 2000; i++) {
		char *secret = secret_strdup("hush"), *plain = malloc(5);

		assert_string_equal(secret, "hush");
		if (i % 500 == 0)
			assert_true(is_left_out(secret) && !is_left_out(plain));
		secret_free(secret);
		free(plain);
		secret = secret_alloc(i);
		secret_free(secret_realloc(secret, i + 100));
	}
	return NULL;
}

static void threads_do_not_mix_it_with_the_heap(void **state)
{
	pthread_t t[4];

	(void)state;
	if (!secret_is_hidden())
		skip();
	for (unsigned round = 0; round < 5; round++) {
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(pthread_create(&t[i], NULL, mix, NULL), 0);
		for (unsigned i = 0; i < 4; i++)
			pthread_join(t[i], NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_sizes_are_left_out),
		cmocka_unit_test(threads_do_not_mix_it_with_the_heap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* The last lines of the log. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/base/base.h"
#include "core/log/log.h"
#include "core/log/recent.h"
#include "tests/unit/core/lines.h"

struct reading {
	unsigned n, max;
	uint64_t first, last;
	size_t bytes, size;
	char text[64], peer[16], file[64];
};

static int setup(void **state)
{
	(void)state;
	lines_begin(LOG_LEVEL_INFO);
	assert_int_equal(log_start(), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	log_stop();
	lines_end();
	recent_clear();
	return 0;
}

static bool note(void *ud, const struct line *l)
{
	struct reading *r = ud;

	if (r->n == r->max)
		return false;
	if (r->n++ == 0)
		r->first = l->number;
	assert_true(r->n == 1 || l->number == r->last + 1);
	r->last = l->number;
	r->bytes += l->bytes;
	r->size = l->r.size;
	snprintf(r->text, sizeof(r->text), "%.*s", (int)(l->r.size < 60 ? l->r.size : 60),
		 l->r.text);
	snprintf(r->peer, sizeof(r->peer), "%s", l->r.about.peer ? l->r.about.peer : "-");
	snprintf(r->file, sizeof(r->file), "%s", l->r.about.file ? l->r.about.file : "-");
	return true;
}

static void lines_stay_with_all_that_is_known_of_them(void **state)
{
	struct reading r = { .max = 9 };
	uint64_t before = recent_last();

	(void)state;
	log_info("one");
	log_event(link_up, "n2", "two");
	log_flush();
	assert_int_equal(recent_read(before, note, &r), 0);
	assert_int_equal(r.n, 2);
	assert_int_equal(r.first, before + 1);
	assert_string_equal(r.text, "two");
	assert_string_equal(r.peer, "n2");
	assert_string_equal(r.file, __FILE__);
	assert_int_equal(recent_last(), before + 2);
	r = (struct reading){ .max = 9 };
	assert_int_equal(recent_read(before + 1, note, &r), 0);
	assert_int_equal(r.n, 1);
}

static void the_oldest_go_when_there_are_too_many_bytes(void **state)
{
	struct reading r = { .max = UINT32_MAX };
	uint64_t before = recent_last();
	char text[1000];

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(text, sizeof(text), "%u ", i);
		memset(text + strlen(text), 'x', 900);
		log_write(NULL, LOG_LEVEL_INFO, 0, text, 900);
		if (i % 100 == 0)
			log_flush();
	}
	log_flush();
	assert_int_equal(recent_read(before, note, &r) + r.n, 3000);
	assert_true(r.bytes <= RECENT_BYTES && r.bytes > RECENT_BYTES / 20 * 19);
	assert_int_equal(strncmp(r.text, "2999 ", 5), 0);
}

static void of_a_huge_line_the_beginning_is_kept(void **state)
{
	struct reading r = { .max = 9 };
	uint64_t before = recent_last();
	char *text = malloc(2 << 20);

	(void)state;
	memset(text, 'h', 2 << 20);
	log_write(&(const struct log_about){ .peer = "n3" }, LOG_LEVEL_INFO, 0, text, 2 << 20);
	log_flush();
	assert_int_equal(recent_read(before, note, &r), 0);
	assert_int_equal(r.size, RECENT_LINE_MAX);
	assert_true(r.bytes < RECENT_LINE_MAX + 1000);
	assert_string_equal(r.peer, "n3");
	free(text);
}

/* What recent_write writes now. */
static char *written(void)
{
	struct rawtext t = { .fd = memfd_create("lines", 0) };
	off_t n;
	char *text;

	assert_true(t.fd >= 0);
	recent_write(&t);
	raw_flush(&t);
	n = lseek(t.fd, 0, SEEK_END);
	text = calloc(1, (size_t)n + 1);
	assert_int_equal(pread(t.fd, text, (size_t)n, 0), n);
	close(t.fd);
	return text;
}

static void a_handler_writes_the_last_of_them_without_a_lock(void **state)
{
	char line[700], *text;

	(void)state;
	recent_clear();
	text = written();
	assert_string_equal(text, "");
	free(text);
	log_warning("a\nb");
	text = written();
	assert_non_null(strstr(text, " warning [:00000000] a.b\n"));
	free(text);
	memset(line, 'x', sizeof(line));
	for (unsigned i = 0; i < 5000; i++) { /* round and round */
		int n = snprintf(line, sizeof(line), "%u", i);

		line[n] = ' ';
		log_write(NULL, LOG_LEVEL_INFO, 0, line, 500 + i % 200);
	}
	text = written();
	assert_true(strlen(text) <= RECENT_WRITE_BYTES && strlen(text) > RECENT_WRITE_BYTES - 1500);
	assert_non_null(strstr(text, "] 4999 xx"));
	assert_null(strstr(text, "] 4900 xx"));
	for (const char *p = text; *p; p = strchr(p, '\n') + 1)
		assert_true(strcspn(p, "\n") < RECENT_WRITE_LINE + 64);
	free(text);
}

static atomic_bool stop;

static void *write_lines(void *ud)
{
	char text[3000];

	(void)ud;
	memset(text, 'y', sizeof(text));
	for (unsigned i = 0; !atomic_load_explicit(&stop, memory_order_relaxed); i++) {
		(void)snprintf(text, 12, "%u", i);
		recent_add(&(const struct log_record){ .level = LOG_LEVEL_INFO,
						       .text = text,
						       .size = i % sizeof(text),
						       .name = "writer",
						       .about.file = __FILE__ });
	}
	return NULL;
}

/* Torn lines may be shown, and nothing outside of the ring is touched. (ThreadSanitizer would call
 * that a race, which it is.) */
static void it_is_read_while_others_write(void **state)
{
	pthread_t writers[2];

	(void)state;
#ifdef __SANITIZE_THREAD__
	skip();
#endif
	atomic_store_explicit(&stop, false, memory_order_relaxed);
	for (unsigned i = 0; i < array_len(writers); i++)
		assert_int_equal(pthread_create(&writers[i], NULL, write_lines, NULL), 0);
	for (unsigned i = 0; i < 300; i++)
		free(written());
	atomic_store_explicit(&stop, true, memory_order_relaxed);
	for (unsigned i = 0; i < array_len(writers); i++)
		pthread_join(writers[i], NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(lines_stay_with_all_that_is_known_of_them),
		TEST(the_oldest_go_when_there_are_too_many_bytes),
		TEST(of_a_huge_line_the_beginning_is_kept),
		TEST(a_handler_writes_the_last_of_them_without_a_lock),
		TEST(it_is_read_while_others_write),
	};

	return cmocka_run_group_tests_name("core/recent", tests, NULL, NULL);
}

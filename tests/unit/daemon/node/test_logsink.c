/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/log/log.h"
#include "core/log/format.h"
#include "daemon/node/logsink.h"

struct fixture {
	char dir[64], path[96], moved[96];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/harbord-test-log-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/node.log", f->dir);
	snprintf(f->moved, sizeof(f->moved), "%s/node.log.1", f->dir);
	setenv("TZ", "UTC", 1);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	logsink_fini();
	log_set_sink(NULL, NULL);
	unlink(f->path);
	unlink(f->moved);
	rmdir(f->dir);
	free(f);
	return 0;
}

static void expect_file(const char *path, const char *text)
{
	char got[4096];
	FILE *f = fopen(path, "r");
	size_t n;

	assert_non_null(f);
	n = fread(got, 1, sizeof(got), f);
	fclose(f);
	assert_int_equal(n, strlen(text));
	assert_memory_equal(got, text, n);
}

static void the_prefix_holds_time_level_and_service(void **state)
{
	char got[LOGFORMAT_PREFIX_MAX];
	struct log_record r = { .level = LOG_LEVEL_INFO,
				.source = 0x0300002a,
				.name = "",
				.wall_ns = UINT64_C(1795426301) * NS_PER_SEC + 123 * NS_PER_MS };

	size_t n = logformat_prefix(got, &r, LOGFORMAT_FULL, false);

	assert_int_equal(n, strlen(got));
	assert_string_equal(got, "2026-11-23 09:31:41.123 info    [:0300002a] ");
	r.level = LOG_LEVEL_WARNING;
	r.wall_ns += NS_PER_SEC;
	logformat_prefix(got, &r, LOGFORMAT_FULL, false);
	assert_string_equal(got, "2026-11-23 09:31:42.123 warning [:0300002a] ");
	r.name = "agent";
	n = logformat_prefix(got, &r, LOGFORMAT_FULL, false);
	assert_int_equal(n, strlen(got));
	assert_string_equal(got, "2026-11-23 09:31:42.123 warning [:0300002a agent] ");
	/* the two formats of skynet stay what programs that read them expect */
	logformat_prefix(got, &r, LOGFORMAT_PLAIN, false);
	assert_string_equal(got, "[:0300002a] ");
	n = logformat_prefix(got, &r, LOGFORMAT_DATED, false);
	assert_int_equal(n, strlen(got));
	assert_string_equal(got, "23/11/26 09:31:42.12 [:0300002a] ");
}

static void plain_lines_in_a_file_are_those_of_skynet(void **state)
{
	struct fixture *f = *state;
	struct logsink_config c = { .sink = "file", .file = f->path, .format = "plain" };

	assert_int_equal(logsink_init(&c), 0);
	log_printf(LOG_LEVEL_INFO, 2, "LAUNCH %s", "snlua bootstrap");
	log_write(NULL, LOG_LEVEL_ERROR, 0x01000003, "two\nlines", 9);
	expect_file(f->path, "[:00000002] LAUNCH snlua bootstrap\n[:01000003] two\nlines\n");
}

static void a_line_in_json_has_all_that_is_known(void **state)
{
	struct fixture *f = *state;
	struct logsink_config c = {
		.sink = "file", .file = f->path, .format = "json", .node = "n1"
	};
	const struct log_about about = { .file = "a.lua",
					 .line = 3,
					 .func = "f",
					 .event = LOG_EVENT_link_up,
					 .peer = "n2",
					 .trace = "t",
					 .caller = 0x0100000b,
					 .session = 9 };
	struct log_record r = { .level = LOG_LEVEL_WARNING,
				.source = 0x0300002a,
				.name = "agent",
				.text = "two\n\"lines\" \xff",
				.size = 13,
				.wall_ns = UINT64_C(1795426301) * NS_PER_SEC + 123456 * NS_PER_US,
				.about = about };

	assert_int_equal(logsink_init(&c), 0);
	logsink_write(&r);
	r = (struct log_record){ .level = LOG_LEVEL_INFO, .name = "", .text = "", .wall_ns = 0 };
	logsink_write(&r);
	expect_file(f->path, "{\"time\":\"2026-11-23T09:31:41.123456Z\",\"level\":\"warning\","
			     "\"node\":\"n1\",\"service\":\":0300002a\",\"service_name\":\"agent\","
			     "\"event\":\"link_up\",\"peer\":\"n2\",\"caller\":\":0100000b\","
			     "\"session\":9,\"trace\":\"t\",\"file\":\"a.lua\",\"line\":3,"
			     "\"function\":\"f\",\"message\":\"two\\n\\\"lines\\\" \\u00ff\"}\n"
			     "{\"time\":\"1970-01-01T00:00:00.000000Z\",\"level\":\"info\","
			     "\"node\":\"n1\",\"message\":\"\"}\n");
}

static void colour_is_for_the_level_only(void **state)
{
	char got[LOGFORMAT_PREFIX_MAX];
	struct log_record r = { .level = LOG_LEVEL_ERROR, .name = "" };

	(void)state;
	logformat_prefix(got, &r, LOGFORMAT_FULL, true);
	assert_non_null(strstr(got, " \033[1;31merror  \033[0m [:00000000] "));
	r.level = LOG_LEVEL_INFO;
	logformat_prefix(got, &r, LOGFORMAT_FULL, true);
	assert_null(strchr(got, 27));
	logformat_prefix(got, &r, LOGFORMAT_KMSG, true);
	assert_string_equal(got, "<6>[:00000000] ");
}

static void colours_of_texts_are_for_terminals_and_skynets_formats(void **state)
{
	static const char text[] = "error : \033[31mbad\033[0m \033[1;4 \033[2J\033[";
	struct fixture *f = *state;
	struct logsink_config c = { .sink = "file", .file = f->path, .format = "json" };
	struct log_record r = { .name = "", .text = text, .size = sizeof(text) - 1 };
	char shown[200];

	assert_int_equal(logsink_init(&c), 0);
	logsink_write(&r);
	expect_file(f->path, "{\"time\":\"1970-01-01T00:00:00.000000Z\",\"level\":\"debug\","
			     "\"message\":\"error : bad \\u001b[1;4 \\u001b[2J\\u001b[\"}\n");
	logsink_fini();
	assert_int_equal(truncate(f->path, 0), 0);
	c.format = "plain";
	assert_int_equal(logsink_init(&c), 0);
	logsink_write(&r);
	snprintf(shown, sizeof(shown), "[:00000000] %s\n", text);
	expect_file(f->path, shown);
}

/* What a line looks like on a stderr that is the descriptor `to`, and is read from the other. */
static void expect_on_stderr(int to, int from, const char *wanted)
{
	struct logsink_config c = { 0 };
	int saved = dup(STDERR_FILENO);
	char got[200] = "";
	regex_t r;

	(void)fflush(stderr);
	dup2(to, STDERR_FILENO);
	assert_int_equal(logsink_init(&c), 0);
	log_warning("two\nlines");
	logsink_fini();
	dup2(saved, STDERR_FILENO);
	close(saved);
	assert_true(read(from, got, sizeof(got) - 1) > 0);
	assert_int_equal(regcomp(&r, wanted, REG_EXTENDED | REG_NOSUB), 0);
	if (regexec(&r, got, 0, NULL, 0) != 0)
		fail_msg("%s", got);
	regfree(&r);
}

#define STAMP "[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}\\.[0-9]{3} "

/* Of a service whose stderr is not the journal. */
static void a_service_of_systemd_writes_levels(void **state)
{
	struct fixture *f = *state;
	char pid[16];
	int p[2], file = open(f->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int again = open(f->path, O_RDONLY | O_CLOEXEC);

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	assert_int_equal(pipe(p), 0);
	setenv("INVOCATION_ID", "0123456789abcdef0123456789abcdef", 1);
	unsetenv("SYSTEMD_EXEC_PID");
	expect_on_stderr(p[1], p[0], "^<4>\\[:00000000\\] two\n<4>\\[:00000000\\] lines\n$");
	setenv("SYSTEMD_EXEC_PID", pid, 1);
	expect_on_stderr(file, again,
			 "^<4>" STAMP "warning \\[:00000000\\] two\n<4>" STAMP
			 "warning \\[:00000000\\] lines\n$");
	setenv("SYSTEMD_EXEC_PID", "1", 1); /* a program of a service */
	expect_on_stderr(p[1], p[0], "^" STAMP "warning \\[:00000000\\] two\nlines\n$");
	unsetenv("INVOCATION_ID");
	unsetenv("SYSTEMD_EXEC_PID");
	expect_on_stderr(p[1], p[0], "^" STAMP "warning \\[:00000000\\] two\nlines\n$");
	close(file);
	close(again);
	close(p[0]);
	close(p[1]);
}

static void a_file_is_appended_to(void **state)
{
	struct fixture *f = *state;
	struct logsink_config c = { .sink = "file", .file = f->path, .format = "plain" };

	assert_int_equal(logsink_init(&c), 0);
	log_info("first");
	logsink_fini();
	assert_int_equal(logsink_init(&c), 0);
	log_info("second");
	expect_file(f->path, "[:00000000] first\n[:00000000] second\n");
}

/* A limit on the size of files stands for a disk that has room for no more than that. */
static void room_for(off_t bytes)
{
	struct rlimit l;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &l), 0);
	l.rlim_cur = bytes < 0 ? l.rlim_max : (rlim_t)bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static void after_a_full_disk_the_file_says_how_many_lines_are_missing(void **state)
{
	struct fixture *f = *state;
	struct logsink_config c = { .sink = "file", .file = f->path, .format = "plain" };

	assert_int_equal(logsink_init(&c), 0);
	log_info("first");
	room_for(24);
	log_info("second");
	log_info("third");
	room_for(-1);
	log_info("fourth");
	log_info("fifth");
	expect_file(f->path, "[:00000000] first\n[:0000\n[:00000000] log: 2 lines before this one "
			     "could not be written: File too large\n[:00000000] fourth\n"
			     "[:00000000] fifth\n");
}

static void reopen_follows_a_rotation(void **state)
{
	struct fixture *f = *state;
	struct logsink_config c = { .sink = "file", .file = f->path, .format = "plain" };

	assert_int_equal(logsink_init(&c), 0);
	log_info("before");
	assert_int_equal(rename(f->path, f->moved), 0);
	log_info("still the old one");
	log_reopen();
	log_info("after");
	expect_file(f->moved, "[:00000000] before\n[:00000000] still the old one\n");
	expect_file(f->path, "[:00000000] after\n");
}

static void a_reopen_that_fails_keeps_the_old_file(void **state)
{
	struct fixture *f = *state;
	struct logsink_config c = { .sink = "file", .file = f->path, .format = "plain" };

	assert_int_equal(logsink_init(&c), 0);
	assert_int_equal(rename(f->path, f->moved), 0);
	assert_int_equal(mkdir(f->path, 0755), 0); /* a directory in its place */
	assert_int_equal(log_reopen_now(), -EISDIR);
	log_info("kept");
	expect_file(f->moved, "[:00000000] kept\n");
	assert_int_equal(rmdir(f->path), 0);
}

static void a_file_that_cannot_be_opened_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct logsink_config c = { .sink = "file", .file = "/nonexistent/node.log" };

	assert_int_equal(logsink_init(&c), -ENOENT);
	c.file = f->dir;
	assert_int_equal(logsink_init(&c), -EISDIR);
	c.file = NULL;
	assert_int_equal(logsink_init(&c), -EINVAL);
	c.sink = "teletype";
	assert_int_equal(logsink_init(&c), -EINVAL);
}

static void the_journal_is_known_by_device_and_inode(void **state)
{
	char name[64];
	struct stat st;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(fstat(fds[1], &st), 0);
	snprintf(name, sizeof(name), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	assert_true(logsink_is_journal(fds[1], name));
	snprintf(name, sizeof(name), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino + 1);
	assert_false(logsink_is_journal(fds[1], name));
	assert_false(logsink_is_journal(fds[1], NULL));
	assert_false(logsink_is_journal(fds[1], "rubbish"));
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_prefix_holds_time_level_and_service, setup,
						teardown),
		cmocka_unit_test_setup_teardown(plain_lines_in_a_file_are_those_of_skynet, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_line_in_json_has_all_that_is_known, setup,
						teardown),
		cmocka_unit_test(colour_is_for_the_level_only),
		cmocka_unit_test_setup_teardown(
			colours_of_texts_are_for_terminals_and_skynets_formats, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_is_appended_to, setup, teardown),
		cmocka_unit_test_setup_teardown(
			after_a_full_disk_the_file_says_how_many_lines_are_missing, setup,
			teardown),
		cmocka_unit_test_setup_teardown(a_service_of_systemd_writes_levels, setup,
						teardown),
		cmocka_unit_test_setup_teardown(reopen_follows_a_rotation, setup, teardown),
		cmocka_unit_test_setup_teardown(a_reopen_that_fails_keeps_the_old_file, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_file_that_cannot_be_opened_is_an_error, setup,
						teardown),
		cmocka_unit_test(the_journal_is_known_by_device_and_inode),
	};

	return cmocka_run_group_tests_name("daemon/logsink", tests, NULL, NULL);
}

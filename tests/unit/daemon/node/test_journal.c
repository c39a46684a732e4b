/* SPDX-License-Identifier: MIT */
/* The journal's native protocol, against a socket that plays journald. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/log/log.h"
#include "core/log/recent.h"
#include "daemon/node/journal.h"
#include "daemon/node/logsink.h"

struct fixture {
	char dir[64], path[96];
	int fd;
	char *entry; /* the last one that came */
	size_t size;
};

static int listen_at(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	strcpy(un.sun_path, path);
	unlink(path);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	return fd;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/harbord-test-journal-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/socket", f->dir);
	f->fd = listen_at(f->path);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	log_stop();
	logsink_fini();
	log_set_sink(NULL, NULL);
	recent_clear();
	close(f->fd);
	unlink(f->path);
	rmdir(f->dir);
	free(f->entry);
	free(f);
	return 0;
}

static void open_sink(struct fixture *f)
{
	struct logsink_config c = { .sink = "journal", .journal = f->path, .node = "n1" };

	assert_int_equal(logsink_init(&c), 0);
}

/* Takes one entry as journald does: out of the datagram, or out of a file that it must be able to
 * trust. false: there is none. */
static bool take(struct fixture *f)
{
	static char bytes[1 << 20];
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { bytes, sizeof(bytes) };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(f->fd, &m, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	free(f->entry);
	f->entry = NULL;
	if (n < 0)
		return false;
	if (c) {
		struct stat st;
		int file;

		memcpy(&file, CMSG_DATA(c), sizeof(file));
		assert_int_equal(fcntl(file, F_GET_SEALS),
				 F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
		assert_int_equal(fstat(file, &st), 0);
		f->size = (size_t)st.st_size;
		f->entry = malloc(f->size);
		assert_int_equal(pread(file, f->entry, f->size, 0), (ssize_t)f->size);
		close(file);
		return true;
	}
	f->size = (size_t)n;
	f->entry = malloc(f->size);
	memcpy(f->entry, bytes, f->size);
	return true;
}

/* The value of a field, NULL: there is none. It walks over the entry as journald does. */
static const char *field(struct fixture *f, const char *name, size_t *ret_size)
{
	const char *p = f->entry, *end = f->entry + f->size;

	while (p < end) {
		const char *line = memchr(p, '\n', (size_t)(end - p));
		const char *equal = line ? memchr(p, '=', (size_t)(line - p)) : NULL, *value;
		size_t n = (size_t)((equal ? equal : line) - p), size;

		assert_non_null(line);
		if (equal) {
			value = equal + 1;
			size = (size_t)(line - value);
		} else {
			uint64_t le;

			memcpy(&le, line + 1, sizeof(le));
			size = le64toh(le);
			value = line + 9;
		}
		assert_true(value + size < end && value[size] == '\n');
		if (strlen(name) == n && memcmp(p, name, n) == 0) {
			*ret_size = size;
			return value;
		}
		p = value + size + 1;
	}
	return NULL;
}

static void expect(struct fixture *f, const char *name, const char *value)
{
	size_t n = 0;
	const char *got = field(f, name, &n);

	if (!value) {
		assert_null(got);
		return;
	}
	if (!got)
		fail_msg("no field %s", name);
	assert_int_equal(n, strlen(value));
	assert_memory_equal(got, value, n);
}

static void a_line_is_an_entry_with_its_place(void **state)
{
	struct fixture *f = *state;
	char line[16];

	open_sink(f);
	log_printf(LOG_LEVEL_WARNING, 0x0300002a, "answer %d", 42);
	snprintf(line, sizeof(line), "%d", __LINE__ - 1);
	assert_true(take(f));
	expect(f, "MESSAGE", "answer 42");
	expect(f, "PRIORITY", "4");
	expect(f, "SYSLOG_IDENTIFIER", "harbord-n1");
	expect(f, "HARBOR_NODE", "n1");
	expect(f, "HARBOR_VERSION", HARBORD_VERSION);
	expect(f, "HARBOR_SERVICE", ":0300002a");
	expect(f, "CODE_FILE", __FILE__);
	expect(f, "CODE_LINE", line);
	expect(f, "CODE_FUNC", __func__);
	expect(f, "MESSAGE_ID", NULL);
	expect(f, "HARBOR_PEER", NULL);
	log_write(NULL, LOG_LEVEL_INFO, 0, "nothing else is known", 21);
	assert_true(take(f));
	expect(f, "PRIORITY", "6");
	expect(f, "HARBOR_SERVICE", NULL);
	expect(f, "CODE_FILE", NULL);
	assert_false(take(f));
}

static void what_is_known_of_a_request_is_there(void **state)
{
	struct fixture *f = *state;
	const struct log_about about = { .file = "game/agent.lua",
					 .line = 7,
					 .func = "login",
					 .trace = ":01000010-3",
					 .caller = 0x0100000b,
					 .session = 12 };

	open_sink(f);
	log_write(&about, LOG_LEVEL_ERROR, 0x01000010, "no such player", 14);
	assert_true(take(f));
	expect(f, "PRIORITY", "3");
	expect(f, "CODE_FILE", "game/agent.lua");
	expect(f, "CODE_LINE", "7");
	expect(f, "CODE_FUNC", "login");
	expect(f, "HARBOR_TRACE", ":01000010-3");
	expect(f, "HARBOR_CALLER", ":0100000b");
	expect(f, "HARBOR_SESSION", "12");
}

static void an_event_has_its_id_and_its_peer(void **state)
{
	struct fixture *f = *state;

	open_sink(f);
	log_event(node_lost, "n2", "node %s is gone", "n2");
	assert_true(take(f));
	expect(f, "MESSAGE_ID", event_id(LOG_EVENT_node_lost));
	expect(f, "HARBOR_EVENT", "node_lost");
	expect(f, "HARBOR_PEER", "n2");
	expect(f, "PRIORITY", "4");
}

static void lines_and_bytes_of_any_kind_arrive(void **state)
{
	static const char text[] = "one\ntwo\0three\nPRIORITY=0\n";
	struct fixture *f = *state;
	size_t n = 0;
	const char *got;

	open_sink(f);
	log_write(NULL, LOG_LEVEL_INFO, 1, text, sizeof(text) - 1);
	assert_true(take(f));
	got = field(f, "MESSAGE", &n);
	assert_int_equal(n, sizeof(text) - 1);
	assert_memory_equal(got, text, n);
	expect(f, "PRIORITY", "6");
	log_write(NULL, LOG_LEVEL_INFO, 1, "", 0);
	assert_true(take(f));
	expect(f, "MESSAGE", "");
}

static void a_huge_line_comes_in_a_sealed_file(void **state)
{
	struct fixture *f = *state;
	size_t size = 3 << 20, n = 0;
	char *text = malloc(size);
	const char *got;

	memset(text, 'x', size);
	open_sink(f);
	log_write(NULL, LOG_LEVEL_INFO, 1, text, size);
	assert_true(take(f));
	got = field(f, "MESSAGE", &n);
	assert_int_equal(n, size);
	assert_memory_equal(got, text, n);
	free(text);
	log_write(NULL, LOG_LEVEL_INFO, 1, "small", 5);
	assert_true(take(f));
	expect(f, "MESSAGE", "small");
}

/* Nobody takes datagrams, so the queue of the socket is full after some of them. */
static void a_journal_that_hangs_costs_lines_and_the_next_one_says_how_many(void **state)
{
	struct fixture *f = *state;
	uint64_t before = log_dropped(), began = clock_mono_ns();
	unsigned taken = 0, lost;
	char text[160];

	open_sink(f);
	for (int i = 0; i < 5000; i++)
		log_printf(LOG_LEVEL_INFO, 0, "line %d", i);
	assert_true(clock_mono_ns() - began < 4 * NS_PER_SEC); /* one of them waited */
	lost = (unsigned)(log_dropped() - before);
	assert_true(lost > 0 && lost < 5000);
	while (take(f))
		taken++;
	assert_int_equal(taken + lost, 5000);
	log_info("again");
	assert_true(take(f));
	snprintf(text, sizeof(text), "log: %u lines before this one could not be written: %s", lost,
		 strerror(EAGAIN));
	expect(f, "MESSAGE", text);
	expect(f, "MESSAGE_ID", event_id(LOG_EVENT_log_lost));
	assert_true(take(f));
	expect(f, "MESSAGE", "again");
	assert_int_equal(log_dropped() - before, lost);
}

/* Who logs does not wait for it, and neither does the end. */
static void with_a_writer_nobody_waits_for_a_journal_that_hangs(void **state)
{
	struct fixture *f = *state;
	uint64_t began, longest = 0, before;

	open_sink(f);
	assert_int_equal(log_start(), 0);
	for (int i = 0; i < 20000; i++) {
		before = clock_mono_ns();
		log_printf(LOG_LEVEL_INFO, 0, "line %d", i);
		if (clock_mono_ns() - before > longest)
			longest = clock_mono_ns() - before;
	}
	assert_true(longest < NS_PER_SEC / 2);
	began = clock_mono_ns();
	log_stop();
	assert_true(clock_mono_ns() - began < 4 * NS_PER_SEC);
}

static void a_journal_that_was_started_again_is_found(void **state)
{
	struct fixture *f = *state;

	open_sink(f);
	log_info("one");
	assert_true(take(f));
	close(f->fd);
	f->fd = listen_at(f->path);
	log_info("two");
	assert_true(take(f));
	expect(f, "MESSAGE", "two");
}

static void without_a_journal_it_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct logsink_config c = { .sink = "journal", .journal = f->path };

	unlink(f->path);
	assert_int_equal(logsink_init(&c), -ENOENT);
	log_info("on stderr");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_line_is_an_entry_with_its_place),
		TEST(what_is_known_of_a_request_is_there),
		TEST(an_event_has_its_id_and_its_peer),
		TEST(lines_and_bytes_of_any_kind_arrive),
		TEST(a_huge_line_comes_in_a_sealed_file),
		TEST(a_journal_that_hangs_costs_lines_and_the_next_one_says_how_many),
		TEST(with_a_writer_nobody_waits_for_a_journal_that_hangs),
		TEST(a_journal_that_was_started_again_is_found),
		TEST(without_a_journal_it_is_an_error),
	};

	return cmocka_run_group_tests_name("daemon/journal", tests, NULL, NULL);
}

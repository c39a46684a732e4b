/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/log/log.h"
#include "daemon/state/notify.h"

/* A service manager's end of the protocol. */
struct manager {
	int fd;
	char address[100]; /* as in NOTIFY_SOCKET */
};

static unsigned complaints;

static void count_line(void *ud, const struct log_record *r)
{
	complaints++;
}

static const struct log_sink counting = { .write = count_line };

static void listen_at(struct manager *m, const char *address)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	size_t n = strlen(address);

	snprintf(m->address, sizeof(m->address), "%s", address);
	memcpy(un.sun_path, address, n);
	if (address[0] == '@')
		un.sun_path[0] = 0;
	m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(m->fd >= 0);
	assert_int_equal(bind(m->fd, (struct sockaddr *)&un,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n +
					  (address[0] == '/'))),
			 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", address, 1), 0);
}

static int setup(void **state)
{
	struct manager *m = calloc(1, sizeof(*m));

	m->fd = -1;
	complaints = 0;
	log_set_sink(&counting, NULL);
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	struct manager *m = *state;

	notify_fini();
	if (m->fd >= 0)
		close(m->fd);
	if (m->address[0] == '/')
		unlink(m->address);
	free(m);
	log_set_sink(NULL, NULL);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return 0;
}

static void expect(struct manager *m, const char *text)
{
	char got[2048];
	ssize_t n = recv(m->fd, got, sizeof(got), 0);

	assert_int_equal(n, strlen(text));
	assert_memory_equal(got, text, (size_t)n);
}

static void exchange(struct manager *m)
{
	notify_init();
	assert_true(notify_active());
	notify_send("READY=1");
	notify_printf("STATUS=%u services", 7u);
	expect(m, "READY=1");
	expect(m, "STATUS=7 services");
	assert_int_equal(complaints, 0);
}

static void a_path_socket_gets_the_exact_bytes(void **state)
{
	char path[100];

	snprintf(path, sizeof(path), "/tmp/harbord-test-notify-%ld", (long)getpid());
	unlink(path);
	listen_at(*state, path);
	exchange(*state);
}

static void an_abstract_socket_gets_the_exact_bytes(void **state)
{
	char name[100];

	snprintf(name, sizeof(name), "@harbord-test-notify-%ld", (long)getpid());
	listen_at(*state, name);
	exchange(*state);
}

static void nobody_after_us_sees_the_variables(void **state)
{
	char name[100], pid[24];

	snprintf(name, sizeof(name), "@harbord-test-hidden-%ld", (long)getpid());
	listen_at(*state, name);
	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	setenv("WATCHDOG_USEC", "2000000", 1);
	setenv("WATCHDOG_PID", pid, 1);
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "0", 1);
	setenv("LISTEN_FDNAMES", "", 1);
	notify_init();
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_null(getenv("WATCHDOG_USEC"));
	assert_null(getenv("WATCHDOG_PID"));
	assert_null(getenv("LISTEN_PID"));
	assert_null(getenv("LISTEN_FDS"));
	assert_null(getenv("LISTEN_FDNAMES"));
	assert_true(notify_watchdog_ns() == 2 * NS_PER_SEC);
}

static void a_watchdog_meant_for_another_process_is_not_ours(void **state)
{
	char name[100];

	snprintf(name, sizeof(name), "@harbord-test-other-%ld", (long)getpid());
	listen_at(*state, name);
	setenv("WATCHDOG_USEC", "2000000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	notify_init();
	assert_true(notify_watchdog_ns() == 0);
}

static void without_a_manager_nothing_is_sent_and_nothing_is_said(void **state)
{
	unsetenv("NOTIFY_SOCKET");
	setenv("WATCHDOG_USEC", "2000000", 1);
	notify_init();
	assert_false(notify_active());
	assert_true(notify_watchdog_ns() == 0);
	notify_send("READY=1");
	assert_int_equal(complaints, 0);
}

static void a_manager_that_went_away_is_complained_about_once(void **state)
{
	struct manager *m = *state;
	char name[100];

	snprintf(name, sizeof(name), "@harbord-test-gone-%ld", (long)getpid());
	listen_at(m, name);
	notify_init();
	close(m->fd);
	m->fd = -1;
	notify_send("WATCHDOG=1");
	notify_send("WATCHDOG=1");
	assert_int_equal(complaints, 1);
}

static void an_address_that_is_none_is_refused(void **state)
{
	char longest[200];

	memset(longest, 'x', sizeof(longest));
	longest[0] = '/';
	longest[sizeof(longest) - 1] = 0;
	setenv("NOTIFY_SOCKET", longest, 1);
	notify_init();
	assert_false(notify_active());
	assert_int_equal(complaints, 1);
	setenv("NOTIFY_SOCKET", "relative", 1);
	notify_init();
	assert_false(notify_active());
	assert_int_equal(complaints, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_path_socket_gets_the_exact_bytes, setup,
						teardown),
		cmocka_unit_test_setup_teardown(an_abstract_socket_gets_the_exact_bytes, setup,
						teardown),
		cmocka_unit_test_setup_teardown(nobody_after_us_sees_the_variables, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_watchdog_meant_for_another_process_is_not_ours,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			without_a_manager_nothing_is_sent_and_nothing_is_said, setup, teardown),
		cmocka_unit_test_setup_teardown(a_manager_that_went_away_is_complained_about_once,
						setup, teardown),
		cmocka_unit_test_setup_teardown(an_address_that_is_none_is_refused, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("daemon/notify", tests, NULL, NULL);
}

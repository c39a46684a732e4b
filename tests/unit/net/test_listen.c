/* SPDX-License-Identifier: MIT */
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "net/connect.h"
#include "net/info.h"
#include "net/listen.h"
#include "net/loop.h"
#include "net/request.h"
#include "net/resolve.h"
#include "net/write.h"
#include "tests/unit/net/probe.h"

static void port_0_gives_a_real_port(void **state)
{
	struct probe l = { 0 };
	char text[64], want[64];
	int id = net_listen_handler(&probe_handler, &l, "127.0.0.1:0", -1, 16, NULL);

	assert_true(id > 0);
	/* known at once, before the loop has said so */
	assert_true(net_local_address(id, text, sizeof(text)));
	until(l.opens == 1);
	assert_true(l.port > 0);
	snprintf(want, sizeof(want), "127.0.0.1:%d", l.port);
	assert_string_equal(text, want);
}

static void a_taken_port_is_an_error_with_its_reason(void **state)
{
	struct probe l = { 0 };
	struct net_error e;
	int port = listen_any(&l);
	char want[128];

	assert_int_equal(net_listen_handler(&probe_handler, &l, "127.0.0.1", port, 16, &e),
			 -EADDRINUSE);
	snprintf(want, sizeof(want), "listen 127.0.0.1:%d: Address already in use", port);
	assert_string_equal(e.text, want);
	assert_int_equal(net_listen_handler(&probe_handler, &l, "127.0.0.1", port, 16, NULL),
			 -EADDRINUSE);
	assert_int_equal(net_listen_handler(&probe_handler, &l, NULL, port, 16, &e), -EADDRINUSE);
	snprintf(want, sizeof(want), "listen 0.0.0.0:%d: Address already in use", port);
	assert_string_equal(e.text, want);
	assert_int_equal(net_listen_handler(&probe_handler, &l, "nonsense", -1, 16, &e), -EINVAL);
	assert_string_equal(e.text, "listen nonsense: address has no port");
	assert_int_equal(net_listen_handler(&probe_handler, &l, "1::2:3", 70000, 16, &e), -EINVAL);
	assert_string_equal(e.text, "listen [1::2:3]:70000: invalid port");
	assert_int_equal(net_listen_handler(&probe_handler, &l, "host.invalid", 1, 16, &e),
			 -EADDRNOTAVAIL);
	assert_non_null(strstr(e.text, "listen host.invalid:1: "));
	assert_int_equal(net_count(), 1);
}

static void an_accepted_socket_is_silent_until_it_is_started(void **state)
{
	struct probe l = { 0 }, server = { 0 };
	int port = listen_any(&l), fd = raw_connect(port);

	assert_int_equal(send(fd, "early", 5, 0), 5);
	until(l.accepts == 1);
	turn(0);
	assert_int_equal(send_text(l.accepted, "x"), -1);
	assert_int_equal(net_start_handler(l.accepted, &probe_handler, &server), 0);
	assert_int_equal(net_start_handler(l.accepted, &probe_handler, &server), -1);
	until(server.size == 5);
	assert_int_equal(server.opens, 1);
	assert_string_equal(server.data, "early");
	mem_free(server.data);
	close(fd);
}

static void a_listener_that_is_closed_answers_nobody(void **state)
{
	struct probe l = { 0 };
	int port = listen_any(&l), fd;
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	net_close(l.id);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), -1);
	assert_int_equal(errno, ECONNREFUSED);
	close(fd);
}

static void running_out_of_descriptors_does_not_kill_the_listener(void **state)
{
	struct probe l = { 0 }, server = { 0 };
	struct rlimit old, low;
	int port, fd[4], next;
	char c;

	l.accept_and_start = true;
	l.child = &server;
	port = listen_any(&l);
	for (int i = 0; i < 4; i++)
		fd[i] = raw_connect(port);
	next = dup(0);
	close(next);
	getrlimit(RLIMIT_NOFILE, &old);
	low = (struct rlimit){ (rlim_t)next, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	/* all four are accepted and closed: their clients learn it at once */
	for (int i = 0; i < 4; i++)
		assert_int_equal(raw_read(fd[i], &c, 1), 0);
	assert_int_equal(l.accepts, 0);
	assert_int_equal(l.closes, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	for (int i = 0; i < 4; i++)
		close(fd[i]);
	fd[0] = raw_connect(port);
	until(server.opens == 1);
	close(fd[0]);
}

static void without_even_the_reserve_the_listener_rests_and_comes_back(void **state)
{
	struct probe l = { 0 }, server = { 0 };
	struct rlimit old, low;
	uint64_t began;
	int port, fd;

	l.accept_and_start = true;
	l.child = &server;
	port = listen_any(&l);
	fd = raw_connect(port);
	getrlimit(RLIMIT_NOFILE, &old);
	/* below every descriptor in use: giving one up does not help */
	low = (struct rlimit){ 3, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	net_poll(100 * NS_PER_MS); /* finds it out */
	/* and now sleeps, although the connection is still waiting */
	began = clock_mono_ns();
	net_poll(10 * NS_PER_MS);
	assert_true(clock_mono_ns() - began >= 10 * NS_PER_MS);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	until(server.opens == 1);
	close(fd);
}

static const char *unix_address(char *ret, size_t size)
{
	snprintf(ret, size, "unix:" P_tmpdir "/test_net.%d.sock", (int)getpid());
	return ret;
}

static void a_unix_listener_serves_and_removes_its_path(void **state)
{
	struct probe l = { 0 }, server = { 0 }, client = { 0 };
	char address[64], text[128];
	struct stat st;

	l.accept_and_start = true;
	l.child = &server;
	unix_address(address, sizeof(address));
	l.id = net_listen_handler(&probe_handler, &l, address, -1, 16, NULL);
	assert_true(l.id > 0);
	assert_int_equal(stat(address + 5, &st), 0);
	assert_true(net_local_address(l.id, text, sizeof(text)));
	assert_string_equal(text, address);
	client.id = net_connect_handler(&probe_handler, &client, address, -1);
	until(client.opens == 1 && server.opens == 1);
	assert_int_equal(net_peer_uid(server.id), getuid());
	assert_int_equal(net_peer_uid(l.id + 5000), -1);
	assert_int_equal(send_text(client.id, "hi"), 0);
	until(server.size == 2);
	net_close(l.id);
	assert_int_equal(stat(address + 5, &st), -1);
	mem_free(server.data);
}

static void a_live_unix_path_is_refused_and_a_stale_one_taken_over(void **state)
{
	struct probe l = { 0 }, second = { 0 };
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct net_error e;
	char address[64], want[128];
	int fd;

	unix_address(address, sizeof(address));
	/* a socket that nobody listens on any more */
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", address + 5);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	close(fd);
	l.id = net_listen_handler(&probe_handler, &l, address, -1, 16, NULL);
	assert_true(l.id > 0);
	assert_int_equal(net_listen_handler(&probe_handler, &second, address, -1, 16, &e),
			 -EADDRINUSE);
	snprintf(want, sizeof(want), "listen %s: Address already in use", address);
	assert_string_equal(e.text, want);
	net_close(l.id);
	/* a plain file is nobody's stale socket */
	fd = open(address + 5, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(net_listen_handler(&probe_handler, &l, address, -1, 16, NULL),
			 -EADDRINUSE);
	assert_int_equal(unlink(address + 5), 0);
}

static void descriptors_from_outside_are_adopted_and_owned(void **state)
{
	struct probe ours = { 0 }, l = { 0 };
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int pair[2], fd;
	char c;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ours.id = net_adopt_handler(&probe_handler, &ours, pair[0]);
	assert_true(ours.id > 0);
	assert_int_equal(send(pair[1], "abc", 3, 0), 3);
	until(ours.size == 3);
	assert_int_equal(ours.opens, 1);
	net_close(ours.id);
	assert_int_equal(raw_read(pair[1], &c, 1), 0);
	close(pair[1]);

	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 8), 0);
	l.id = net_adopt_handler(&probe_handler, &l, fd);
	until(l.opens == 1);
	assert_true(l.port > 0);
	fd = raw_connect(l.port);
	until(l.accepts == 1);
	close(fd);
	assert_int_equal(net_adopt_handler(&probe_handler, &l, 9999), -1);
	mem_free(ours.data);
}

static void count_kind(const struct net_info *i, void *ud)
{
	unsigned *seen = ud;

	seen[i->type]++;
	assert_int_equal(net_queued(i->id), i->queued); /* f may ask for sockets */
	if (i->type == NET_INFO_LISTEN)
		assert_int_equal(i->read, 1);
	if (i->type == NET_INFO_TCP && i->read)
		assert_int_equal(i->read, 4);
}

static void info_lists_what_is_there(void **state)
{
	struct probe l = { 0 }, server = { 0 };
	unsigned seen[8] = { 0 };
	int fd = raw_pair(&l, &server);

	assert_int_equal(send(fd, "1234", 4, 0), 4);
	until(server.size == 4);
	net_foreach(count_kind, seen);
	assert_int_equal(seen[NET_INFO_LISTEN], 1);
	assert_int_equal(seen[NET_INFO_TCP], 1);
	close(fd);
	until(server.closes == 1);
	memset(seen, 0, sizeof(seen));
	net_foreach(count_kind, seen);
	assert_int_equal(seen[NET_INFO_CLOSING], 1);
	mem_free(server.data);
}

static void note_ip(const char *ip, void *ud)
{
	if (strcmp(ip, "127.0.0.1") == 0)
		++*(unsigned *)ud;
}

static void resolve_gives_each_address(void **state)
{
	unsigned n = 0;

	assert_int_equal(net_resolve("127.0.0.1", note_ip, &n), 0);
	assert_true(n > 0);
	assert_int_not_equal(net_resolve("no-such-host.invalid", note_ip, &n), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, net_setup, net_teardown)

/* A process of its own that listens when `go` is closed, tells whether it could, and ends with
 * `stay`. */
static void take_over(const char *address, int go, int told, int stay)
{
	struct probe l = { 0 };
	char c = 0;

	assert_int_equal(read(go, &c, 1), 0);
	c = net_listen_handler(&probe_handler, &l, address, -1, 16, NULL) > 0;
	assert_int_equal(write(told, &c, 1), 1);
	assert_int_equal(read(stay, &c, 1), 0);
	_exit(0);
}

/* How many of `n` processes that try at the same time get a path that a dead one left. */
static unsigned get_stale_path(const char *address, unsigned n)
{
	int go[2], told[2], stay[2];
	unsigned winners = 0;
	char c;

	assert_int_equal(pipe(go) | pipe(told) | pipe(stay), 0);
	for (unsigned i = 0; i < n; i++)
		if (fork() == 0) {
			close(go[1]);
			close(stay[1]);
			take_over(address, go[0], told[1], stay[0]);
		}
	close(go[1]);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(read(told[0], &c, 1), 1);
		winners += c == 1;
	}
	close(stay[1]);
	while (wait(NULL) > 0)
		;
	close(go[0]);
	close(told[0]);
	close(told[1]);
	close(stay[0]);
	return winners;
}

static void of_many_processes_one_gets_a_stale_path(void **state)
{
	char address[64];
	const char *path = unix_address(address, sizeof(address)) + strlen("unix:");
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	for (unsigned round = 0; round < 50; round++) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);

		snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
		unlink(path);
		assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
		close(fd);
		assert_int_equal(get_stale_path(address, 8), 1);
	}
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(port_0_gives_a_real_port),
		T(a_taken_port_is_an_error_with_its_reason),
		T(an_accepted_socket_is_silent_until_it_is_started),
		T(a_listener_that_is_closed_answers_nobody),
		T(running_out_of_descriptors_does_not_kill_the_listener),
		T(without_even_the_reserve_the_listener_rests_and_comes_back),
		T(a_unix_listener_serves_and_removes_its_path),
		T(a_live_unix_path_is_refused_and_a_stale_one_taken_over),
		T(of_many_processes_one_gets_a_stale_path),
		T(descriptors_from_outside_are_adopted_and_owned),
		T(info_lists_what_is_there),
		T(resolve_gives_each_address),
	};
	return cmocka_run_group_tests_name("net/listen", tests, NULL, NULL);
}

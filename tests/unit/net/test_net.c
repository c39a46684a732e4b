/* SPDX-License-Identifier: MIT */
/* Connections of C handlers over real loopback sockets: data, ends, failures. */
#include <dirent.h>
#include <sys/resource.h>

#include "tests/unit/net/probe.h"
#include "net/connect.h"
#include "net/info.h"
#include "net/loop.h"
#include "net/net.h"
#include "net/request.h"
#include "net/resolve.h"
#include "net/socket.h"
#include "net/write.h"

static void data_goes_both_ways(void **state)
{
	struct probe l = { 0 }, server = { 0 }, client = { 0 };

	l.accept_and_start = true;
	l.child = &server;
	listen_any(&l);
	assert_string_equal(l.text, "127.0.0.1");
	client.id = net_connect_handler(&probe_handler, &client, "127.0.0.1", l.port);
	assert_true(client.id > 0);
	/* before it is connected: queued, not lost */
	assert_int_equal(send_text(client.id, "hello "), 0);
	until(client.opens == 1 && server.opens == 1);
	assert_string_equal(client.text, "127.0.0.1");
	assert_int_equal(net_sendv(client.id,
				   (struct iovec[]){ { "wor", 3 }, { NULL, 0 }, { "ld", 2 } }, 3),
			 0);
	until(server.size == 11);
	assert_string_equal(server.data, "hello world");
	assert_int_equal(send_text(server.id, "answer"), 0);
	until(client.size == 6);
	assert_string_equal(client.data, "answer");
	assert_int_equal(client.drains, 0); /* five bytes waited: never over the low mark */
	mem_free(server.data);
	mem_free(client.data);
}

static void a_long_message_arrives_whole_and_drains(void **state)
{
	struct probe l = { 0 }, server = { 0 };
	size_t size = 8 << 20;
	int fd = raw_pair(&l, &server);
	char *payload = payload_alloc(size), *got = mem_alloc(size);

	for (size_t i = 0; i < size; i++)
		payload[i] = (char)(i * 31 + (i >> 16));
	assert_int_equal(net_send(server.id, payload, size), 0);
	assert_true(net_queued(server.id) > NET_LOW_MARK);
	assert_int_equal(raw_read(fd, got, size), size);
	for (size_t i = 0; i < size; i++)
		if (got[i] != (char)(i * 31 + (i >> 16)))
			fail_msg("byte %zu is wrong", i);
	until(server.drains == 1);
	assert_int_equal(net_queued(server.id), 0);
	mem_free(got);
	close(fd);
}

static void a_large_message_from_the_peer_is_read_whole(void **state)
{
	struct probe l = { 0 }, server = { 0 };
	int fd = raw_pair(&l, &server);
	size_t size = 3 << 20, sent = 0;
	char *data = mem_alloc(size);

	for (size_t i = 0; i < size; i++)
		data[i] = (char)(i * 7 + (i >> 12));
	while (sent < size) {
		ssize_t n = send(fd, data + sent, size - sent, MSG_DONTWAIT);

		if (n > 0)
			sent += (size_t)n;
		turn(0);
	}
	until(server.size == size);
	assert_memory_equal(server.data, data, size);
	mem_free(data);
	mem_free(server.data);
	close(fd);
}

static void a_refused_connection_is_told_once_with_the_reason(void **state)
{
	struct probe l = { 0 }, client = { 0 };

	listen_any(&l);
	net_close(l.id);
	client.id = net_connect_handler(&probe_handler, &client, "127.0.0.1", l.port);
	assert_true(client.id > 0);
	until(client.closes == 1);
	assert_string_equal(client.why, "Connection refused");
	assert_int_equal(client.error, ECONNREFUSED);
	assert_int_equal(client.opens, 0);
	assert_int_equal(net_count(), 0); /* a failed connect needs no close */
	turn(0);
	assert_int_equal(client.closes, 1);
}

static void a_failed_unix_connect_is_told_on_the_loop(void **state)
{
	struct probe client = { 0 };

	client.id = net_connect_handler(&probe_handler, &client, "unix:/nonexistent/x.sock", -1);
	assert_true(client.id > 0);
	assert_int_equal(client.closes, 0);
	until(client.closes == 1);
	assert_string_equal(client.why, "No such file or directory");
}

static void a_pause_before_the_connection_stands_is_none(void **state)
{
	struct probe l = { 0 }, server = { 0 }, client = { 0 };

	l.accept_and_start = true;
	l.child = &server;
	listen_any(&l);
	client.id = net_connect_handler(&probe_handler, &client, "127.0.0.1", l.port);
	net_pause(0, client.id);
	until(server.opens == 1);
	assert_int_equal(send_text(server.id, "heard"), 0);
	until(client.size == 5);
	mem_free(client.data);
}

static void a_connect_that_was_closed_is_silent(void **state)
{
	struct probe client = { 0 };

	client.id = net_connect_handler(&probe_handler, &client, "unix:/nonexistent/x.sock", -1);
	net_close(client.id);
	turn(0);
	turn(0);
	assert_int_equal(client.closes, 0);
	assert_int_equal(net_count(), 0);
}

static unsigned resolvers(void)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *e;
	unsigned n = 0;

	assert_non_null(tasks);
	while ((e = readdir(tasks))) {
		char path[300], name[32] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", e->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		n += fgets(name, sizeof(name), f) && strcmp(name, "resolver\n") == 0;
		fclose(f);
	}
	closedir(tasks);
	return n;
}

static void one_thread_looks_up_names_that_come_one_after_another(void **state)
{
	struct probe l = { 0 }, client[3] = { { 0 } };

	listen_any(&l);
	for (unsigned i = 0; i < 3; i++) {
		client[i].id = net_connect_handler(&probe_handler, &client[i], "localhost", l.port);
		until(client[i].opens == 1);
	}
	assert_int_equal(resolvers(), 1);
}

static void a_name_is_resolved_in_the_background(void **state)
{
	struct probe l = { 0 }, server = { 0 }, client = { 0 };

	l.accept_and_start = true;
	l.child = &server;
	listen_any(&l);
	client.id = net_connect_handler(&probe_handler, &client, "localhost", l.port);
	assert_true(client.id > 0);
	assert_int_equal(send_text(client.id, "early"), 0);
	until(server.size == 5);
	assert_string_equal(server.data, "early");
	mem_free(server.data);
}

static void an_unknown_name_is_told_as_a_failure(void **state)
{
	struct probe client = { 0 };

	/* RFC 6761: never resolves */
	client.id = net_connect_handler(&probe_handler, &client, "no-such-host.invalid", 80);
	assert_true(client.id > 0);
	until(client.closes == 1);
	assert_non_null(client.why);
	assert_null(strstr(client.why, "no-such-host"));
	assert_int_equal(net_count(), 0);
}

static void the_next_address_is_tried_when_one_refuses(void **state)
{
	struct probe l = { 0 }, client = { 0 };
	struct addr_list *list = mem_zalloc(sizeof(*list) + 2 * sizeof(struct addr));
	struct addr_text t;
	struct socket *s;
	int id;

	listen_any(&l);
	list->count = 2;
	assert_null(addr_split("127.0.0.2", l.port, &t)); /* nobody listens on this one */
	assert_true(addr_numeric(&t, &list->at[0]));
	assert_null(addr_split("127.0.0.1", l.port, &t));
	assert_true(addr_numeric(&t, &list->at[1]));
	s = socket_create(0, &probe_handler, &client);
	s->state = STATE_RESOLVING;
	id = socket_id(s);
	socket_unlock(s);
	connect_resolved(id, &t, list, NULL);
	until(client.opens == 1);
	assert_int_equal(client.closes, 0);
	assert_string_equal(client.text, "127.0.0.1");
}

static void bad_addresses_are_refused_at_once(void **state)
{
	assert_int_equal(net_connect_handler(&probe_handler, NULL, "nonsense", -1), -1);
	assert_int_equal(net_connect_handler(&probe_handler, NULL, "127.0.0.1", 0), -1);
	assert_int_equal(net_count(), 0);
}

static void after_the_peers_end_we_may_still_write(void **state)
{
	struct probe l = { 0 }, server = { 0 };
	int fd = raw_pair(&l, &server);
	char got[8];

	assert_int_equal(send(fd, "bye", 3, 0), 3);
	shutdown(fd, SHUT_WR);
	until(server.closes == 1);
	assert_string_equal(server.data, "bye");
	assert_string_equal(server.why, "(end)");
	assert_int_equal(send_text(server.id, "answer"), 0);
	assert_int_equal(raw_read(fd, got, 6), 6);
	assert_memory_equal(got, "answer", 6);
	net_close(server.id);
	assert_int_equal(raw_read(fd, got, 1), 0);
	assert_int_equal(server.closes, 1);
	mem_free(server.data);
	close(fd);
}

static void a_half_closed_socket_does_not_keep_the_loop_busy(void **state)
{
	struct probe l = { 0 }, server = { 0 };
	int fd = raw_pair(&l, &server);
	uint64_t began;

	close(fd);
	until(server.closes == 1);
	net_poll(0);
	began = clock_mono_ns();
	net_poll(20 * NS_PER_MS);
	assert_true(clock_mono_ns() - began >= 19 * NS_PER_MS);
}

static void a_reset_is_told_with_its_reason(void **state)
{
	struct probe l = { 0 }, server = { 0 };
	int fd = raw_pair(&l, &server);

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
	close(fd);
	until(server.closes == 1);
	assert_string_equal(server.why, "Connection reset by peer");
	assert_int_equal(send_text(server.id, "x"), -1);
	net_close(server.id);
	turn(0);
	assert_int_equal(server.closes, 1);
}

static void a_handler_may_close_its_own_socket(void **state)
{
	struct probe l = { 0 }, server = { .close_on_data = true };
	int fd = raw_pair(&l, &server);
	char c;

	assert_int_equal(send(fd, "x", 1, 0), 1);
	until(server.size == 1);
	assert_int_equal(raw_read(fd, &c, 1), 0);
	assert_int_equal(server.closes, 0);
	assert_int_equal(net_count(), 1); /* the listener */
	mem_free(server.data);
	close(fd);
}

static void stale_ids_are_refused(void **state)
{
	struct probe l = { 0 }, server = { 0 };
	int fd = raw_pair(&l, &server), old = server.id;
	char text[64];

	net_close(old);
	assert_int_equal(send_text(old, "x"), -1);
	assert_int_equal(net_sendv(old, &(struct iovec){ "x", 1 }, 1), -1);
	assert_int_equal(net_start_handler(old, &probe_handler, &server), -1);
	assert_false(net_local_address(old, text, sizeof(text)));
	assert_int_equal(net_queued(old), 0);
	net_close(old);
	net_shutdown(old);
	/* same slot, other id */
	assert_int_equal(send_text(l.id + NET_SOCKETS_MAX, "x"), -1);
	assert_int_equal(send_text(-1, "x"), -1);
	assert_int_equal(send_text(0, "x"), -1);
	assert_int_equal(net_count(), 1);
	close(fd);
}

static void many_sockets_leave_no_descriptor_behind(void **state)
{
	enum { PAIRS = 2500 };
	struct probe l = { 0 }, server = { 0 }, client = { 0 };
	static int ids[PAIRS];
	struct rlimit limit;
	int before = count_fds();

	/* a user's soft limit is too low for so many, as it is for a node, which raises it, too */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	net_fini();
	assert_int_equal(net_init(threads_of_test()), 0);
	l.accept_and_start = true;
	l.child = &server;
	listen_any(&l);
	for (unsigned i = 0; i < PAIRS; i++) {
		ids[i] = net_connect_handler(&probe_handler, &client, "127.0.0.1", l.port);
		assert_true(ids[i] > 0);
		if (i % 100 == 99)
			until(client.opens == i + 1 && server.opens == i + 1);
	}
	assert_int_equal(net_count(), 2 * PAIRS + 1);
	for (unsigned i = 0; i < PAIRS; i++)
		net_close(ids[i]);
	until(server.closes == PAIRS);
	net_close(l.id);
	assert_int_equal(net_count(), PAIRS); /* the accepted ends are left to the end */
	net_fini();
	/* the reserve, and epoll and eventfd of each loop went as well */
	assert_int_equal(count_fds(), before - 1 - 2 * (int)threads_of_test());
	assert_int_equal(net_init(threads_of_test()), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, net_setup, net_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(data_goes_both_ways),
		T(a_long_message_arrives_whole_and_drains),
		T(a_large_message_from_the_peer_is_read_whole),
		T(a_refused_connection_is_told_once_with_the_reason),
		T(a_failed_unix_connect_is_told_on_the_loop),
		T(a_connect_that_was_closed_is_silent),
		T(a_pause_before_the_connection_stands_is_none),
		T(one_thread_looks_up_names_that_come_one_after_another),
		T(a_name_is_resolved_in_the_background),
		T(an_unknown_name_is_told_as_a_failure),
		T(the_next_address_is_tried_when_one_refuses),
		T(bad_addresses_are_refused_at_once),
		T(after_the_peers_end_we_may_still_write),
		T(a_half_closed_socket_does_not_keep_the_loop_busy),
		T(a_reset_is_told_with_its_reason),
		T(a_handler_may_close_its_own_socket),
		T(stale_ids_are_refused),
		T(many_sockets_leave_no_descriptor_behind),
	};
	return cmocka_run_group_tests_name("net/net", tests, NULL, NULL);
}

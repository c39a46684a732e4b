/* SPDX-License-Identifier: MIT */
/* What a service hears about its sockets, with real workers: every message, in its order. */
#include <sys/ioctl.h>

#include "net/connect.h"
#include "net/net.h"
#include "net/request.h"
#include "net/socket.h"
#include "tests/unit/net/ear.h"
#include "core/actor/life.h"

static void an_accepted_connection_lives_from_accept_to_close(void **state)
{
	struct ear *ear = *state;
	int id, fd = connected(ear, &id);

	assert_int_equal(send(fd, "ping", 4, 0), 4);
	assert_int_equal(expect(ear, SOCKET_DATA, id, "ping"), 4);
	assert_int_equal(send_text(id, "pong"), 0);
	recv_exactly(fd, "pong");
	shutdown(fd, SHUT_WR);
	expect(ear, SOCKET_CLOSE, id, NULL);
	/* half closed: we may still write */
	assert_int_equal(send_text(id, "bye"), 0);
	recv_exactly(fd, "bye");
	net_close(id);
	assert_int_equal(recv(fd, &(char){ 0 }, 1, 0), 0);
	assert_int_equal(send_text(id, "x"), -1);
	expect_silence(ear); /* CLOSE was told before, not twice */
	close(fd);
}

static void a_burst_arrives_whole_in_few_messages(void **state)
{
	struct ear *ear = *state;
	enum { SIZE = 300000 };
	int id, fd = connected(ear, &id), messages = 0;
	char *sent = mem_alloc(SIZE);
	size_t have = 0;

	for (size_t i = 0; i < SIZE; i++)
		sent[i] = (char)('a' + (i * 7 + i / 1000) % 26);
	for (size_t n = 0; n < SIZE;) {
		ssize_t r = send(fd, sent + n, SIZE - n, 0);

		assert_true(r > 0);
		n += (size_t)r;
	}
	while (have < SIZE) {
		struct event *e = ear_next(ear, 20000);

		assert_non_null(e);
		assert_int_equal(e->type, SOCKET_DATA);
		assert_true(have + (size_t)e->ud <= SIZE);
		assert_memory_equal(e->data, sent + have, (size_t)e->ud);
		have += (size_t)e->ud;
		messages++;
		event_destroy(e);
	}
	assert_true(messages <= 100); /* 64 bytes at a time it would be thousands */
	mem_free(sent);
	close(fd);
	expect(ear, SOCKET_CLOSE, id, NULL);
}

static void an_accept_names_the_peer_with_its_port(void **state)
{
	struct ear *ear = *state;
	struct sockaddr_in a;
	socklen_t size = sizeof(a);
	char peer[64];
	struct event *e;
	int listener, fd = raw_connect(listen_started(ear, &listener));

	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
	snprintf(peer, sizeof(peer), "127.0.0.1:%d", ntohs(a.sin_port));
	e = ear_next(ear, 20000);
	assert_non_null(e);
	assert_int_equal(e->type, SOCKET_ACCEPT);
	assert_string_equal(e->text, peer);
	/* not started: a write says it succeeded and is dropped */
	assert_int_equal(send_text(e->ud, "x"), 0);
	net_close(e->ud);
	expect(ear, SOCKET_CLOSE, e->ud, NULL);
	assert_int_equal(recv(fd, &(char){ 0 }, 1, 0), 0);
	event_destroy(e);
	close(fd);
}

static void a_connect_tells_the_peers_ip_and_sends_what_was_queued(void **state)
{
	struct ear *ear = *state;
	int listener, port = listen_started(ear, &listener), id, server = 0;

	id = net_connect(ear->handle, "127.0.0.1", port);
	assert_true(id > 0);
	assert_int_equal(send_text(id, "early"), 0);
	/* CONNECT and ACCEPT come in either order */
	for (int i = 0; i < 2; i++) {
		struct event *e = ear_next(ear, 20000);

		assert_non_null(e);
		if (e->type == SOCKET_ACCEPT) {
			server = e->ud;
		} else {
			assert_int_equal(e->type, SOCKET_CONNECT);
			assert_int_equal(e->id, id);
			assert_string_equal(e->text, "127.0.0.1");
		}
		event_destroy(e);
	}
	net_start(ear->handle, server);
	expect(ear, SOCKET_CONNECT, server, "start");
	expect(ear, SOCKET_DATA, server, "early");
}

static void a_refused_connect_is_an_error_and_the_id_is_gone(void **state)
{
	struct ear *ear = *state;
	int listener, port = listen_started(ear, &listener), id;

	net_close(listener);
	expect(ear, SOCKET_CLOSE, listener, NULL);
	id = net_connect(ear->handle, "127.0.0.1", port);
	assert_true(id > 0);
	expect(ear, SOCKET_ERROR, id, "Connection refused");
	assert_int_equal(send_text(id, "x"), -1);
	expect_silence(ear);
}

static void start_says_why_it_cannot(void **state)
{
	struct ear *ear = *state;
	struct probe foreign = { 0 };
	int id, fd = connected(ear, &id), pair[2], handlers;

	close(fd);
	expect(ear, SOCKET_CLOSE, id, NULL);
	net_start(ear->handle, id);
	expect(ear, SOCKET_ERROR, id, "socket closed");
	net_close(id);
	net_start(ear->handle, id);
	expect(ear, SOCKET_ERROR, id, "invalid socket");
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	handlers = net_adopt_handler(&probe_handler, &foreign, pair[0]);
	net_start(ear->handle, handlers);
	expect(ear, SOCKET_ERROR, handlers, "invalid socket");
	net_close(handlers);
	close(pair[1]);
}

static void a_socket_moves_to_the_service_that_starts_it(void **state)
{
	struct ear *ear = *state, *other = ear_launch();
	int id, fd = connected(ear, &id);

	net_pause(ear->handle, id);
	assert_int_equal(send(fd, "yours", 5, 0), 5);
	net_start(other->handle, id);
	expect(other, SOCKET_CONNECT, id, "transfer");
	expect(other, SOCKET_DATA, id, "yours");
	net_close(id);
	expect(other, SOCKET_CLOSE, id, NULL);
	expect_silence(ear);
	close(fd);
	ear_end(other);
	/* freed only when no worker can be in its callback: leave that to the node's end */
	while (service_count() > 1)
		usleep(1000);
	mem_free(other);
}

static void a_paused_socket_reads_nothing_until_it_is_started(void **state)
{
	struct ear *ear = *state;
	int id, fd = connected(ear, &id);

	net_pause(ear->handle, id);
	assert_int_equal(send(fd, "later", 5, 0), 5);
	usleep(20000); /* time for a wrong message to come; without it the test could only pass */
	expect_silence(ear);
	net_start(ear->handle, id);
	expect(ear, SOCKET_CONNECT, id, "transfer");
	expect(ear, SOCKET_DATA, id, "later");
	close(fd);
	expect(ear, SOCKET_CLOSE, id, NULL);
}

/* A reset would take "last" away, or come in place of the end. */
static void at_the_end_of_the_node_connections_end_in_order_and_silence(void **state)
{
	struct ear *ear = *state;
	int id, fd = connected(ear, &id), left = 0;
	struct socket *s = socket_lock(id);
	int own = s->fd;

	socket_unlock(s);
	net_pause(ear->handle, id);
	assert_int_equal(send(fd, "unread", 6, 0), 6);
	while (ioctl(own, FIONREAD, &left) == 0 && left < 6)
		;
	assert_int_equal(send_text(id, "last"), 0);
	net_close_all();
	assert_int_equal(net_await_closed(0), 1);
	recv_exactly(fd, "last");
	assert_int_equal(recv(fd, &(char){ 0 }, 1, 0), 0);
	close(fd);
	assert_int_equal(net_await_closed(20 * NS_PER_SEC), 0);
	expect_silence(ear);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_accepted_connection_lives_from_accept_to_close),
		T(a_burst_arrives_whole_in_few_messages),
		T(an_accept_names_the_peer_with_its_port),
		T(a_connect_tells_the_peers_ip_and_sends_what_was_queued),
		T(a_refused_connect_is_an_error_and_the_id_is_gone),
		T(start_says_why_it_cannot),
		T(a_socket_moves_to_the_service_that_starts_it),
		T(a_paused_socket_reads_nothing_until_it_is_started),
		T(at_the_end_of_the_node_connections_end_in_order_and_silence),
	};
	return cmocka_run_group_tests_name("net/service", tests, NULL, NULL);
}

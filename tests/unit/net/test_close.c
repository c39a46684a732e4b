/* SPDX-License-Identifier: MIT */
/* What happens to bytes that a slow peer does not take: order, limits, and the end of the
 * socket. */
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include "net/connect.h"
#include "net/info.h"
#include "net/janitor.h"
#include "net/request.h"
#include "net/socket.h"
#include "net/write.h"
#include "tests/unit/net/probe.h"

/* Fills the kernel's buffers until more than a little waits in the queue; returns the bytes sent in
 * all. */
static size_t fill(int id)
{
	size_t total = 0, size = 1 << 20;

	while (net_queued(id) <= NET_LOW_MARK) {
		char *payload = payload_alloc(size);

		memset(payload, '.', size);
		assert_int_equal(net_send(id, payload, size), 0);
		total += size;
	}
	return total;
}

static void close_sends_what_is_waiting_first(void **state)
{
	struct probe l = { 0 }, server = { 0 };
	int fd = raw_pair(&l, &server);
	size_t total = fill(server.id);
	char *got = mem_alloc(total + 4);

	assert_int_equal(send_text(server.id, "end"), 0);
	net_close(server.id);
	assert_int_equal(send_text(server.id, "late"), -1);
	assert_int_equal(raw_read(fd, got, total + 4), total + 3);
	assert_memory_equal(got + total, "end", 3);
	until(net_count() == 1);
	assert_int_equal(server.closes, 0); /* who closes is not told */
	assert_int_equal(server.drains, 0);
	mem_free(got);
	close(fd);
}

static uint32_t watched(int id)
{
	struct socket *s = socket_lock(id);
	uint32_t events = s->events;

	socket_unlock(s);
	return events;
}

static size_t queued_by_the_kernel(int fd)
{
	int n = 0;

	assert_int_equal(ioctl(fd, FIONREAD, &n), 0);
	return (size_t)n;
}

static int fd_of(int id)
{
	struct socket *s = socket_lock(id);
	int fd = s->fd;

	socket_unlock(s);
	return fd;
}

/* What a peer wrote and nobody read must not cost it our last words. */
static void last_words_are_read_whatever_the_peer_still_says(void **state)
{
	struct probe l = { 0 }, server = { 0 };
	int fd = raw_pair(&l, &server);
	char got[4];

	assert_int_equal(send_text(server.id, "no"), 0);
	net_close_speaking(server.id);
	while (queued_by_the_kernel(fd) < 2)
		turn(0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(send(fd, "more", 4, MSG_NOSIGNAL), 4);
		turn(0);
	}
	assert_int_equal(raw_read(fd, got, sizeof(got)), 2);
	assert_memory_equal(got, "no", 2);
	assert_int_equal(server.size + server.closes, 0);
	assert_int_equal(net_count(), 2);
	close(fd);
	until(net_count() == 1);
}

static void unread_bytes_keep_a_closed_socket_until_the_peer_ends(void **state)
{
	struct probe l = { 0 }, server = { 0 };
	int fd = raw_pair(&l, &server);
	char got[8];

	assert_int_equal(send(fd, "unread", 6, MSG_NOSIGNAL), 6);
	while (queued_by_the_kernel(fd_of(server.id)) < 6)
		;
	assert_int_equal(send_text(server.id, "no"), 0);
	net_close(server.id);
	assert_int_equal(net_count(), 2);
	assert_int_equal(raw_read(fd, got, sizeof(got)), 2);
	close(fd);
	until(net_count() == 1);
}

static void a_peer_that_never_ends_is_not_heard_out(void **state)
{
	struct probe l = { 0 }, server = { 0 };
	int fd = raw_pair(&l, &server);

	net_close_speaking(server.id);
	until(net_count() == 1);
	close(fd);
}

/* Otherwise what the peer says would wake the loop at every turn, and nobody would take it. */
static void a_closing_socket_reads_no_more(void **state)
{
	struct probe l = { 0 }, server = { 0 };
	int fd = raw_pair(&l, &server);
	size_t total = fill(server.id);
	char *got = mem_alloc(total);

	net_close(server.id);
	assert_int_equal(watched(server.id), EPOLLOUT);
	assert_int_equal(send(fd, "too late", 8, MSG_NOSIGNAL), 8);
	turn(0);
	assert_int_equal(server.size, 0);
	assert_int_equal(raw_read(fd, got, total), total);
	close(fd);
	until(net_count() == 1);
	assert_int_equal(server.closes, 0);
	mem_free(got);
}

static void a_socket_closed_while_connecting_still_sends(void **state)
{
	struct probe l = { 0 }, server = { 0 }, client = { 0 };

	l.accept_and_start = true;
	l.child = &server;
	listen_any(&l);
	client.id = net_connect_handler(&probe_handler, &client, "127.0.0.1", l.port);
	assert_int_equal(send_text(client.id, "last words"), 0);
	net_close(client.id);
	until(server.closes == 1);
	assert_string_equal(server.data, "last words");
	assert_int_equal(client.opens, 0);
	mem_free(server.data);
}

static void shutdown_drops_what_is_waiting(void **state)
{
	struct probe l = { 0 }, server = { 0 };
	int fd = raw_pair(&l, &server);
	size_t total = fill(server.id), got;
	char *data = mem_alloc(total);

	net_shutdown(server.id);
	assert_int_equal(net_count(), 1);
	got = raw_read(fd, data, total);
	assert_true(got < total);
	mem_free(data);
	close(fd);
}

static void a_closing_socket_is_given_up_when_the_peer_takes_nothing(void **state)
{
	struct probe l = { 0 }, server = { 0 };
	int fd = raw_pair(&l, &server);

	janitor_set_closing_ns(100 * NS_PER_MS);
	fill(server.id);
	net_close(server.id);
	assert_int_equal(net_count(), 2);
	until(net_count() == 1);
	close(fd);
}

static void a_closing_socket_ends_silently_when_the_peer_resets(void **state)
{
	struct probe l = { 0 }, server = { 0 };
	int fd = raw_pair(&l, &server);

	fill(server.id);
	net_close(server.id);
	close(fd); /* unread data: a reset */
	until(net_count() == 1);
	assert_int_equal(server.closes, 0);
}

static void high_goes_before_low_but_never_into_an_item(void **state)
{
	struct probe l = { 0 }, server = { 0 };
	int fd = raw_pair(&l, &server);
	size_t total = fill(server.id);
	char *got = mem_alloc(total + 12);

	assert_int_equal(net_send_low(server.id, payload_text("low1"), 4), 0);
	assert_int_equal(send_text(server.id, "HIGH"), 0);
	assert_int_equal(net_send_low(server.id, payload_text("low2"), 4), 0);
	assert_int_equal(raw_read(fd, got, total + 12), total + 12);
	assert_memory_equal(got + total, "HIGHlow1low2", 12);
	for (size_t i = 0; i < total; i++)
		if (got[i] != '.')
			fail_msg("byte %zu of the first item is foreign", i);
	mem_free(got);
	close(fd);
}

static void a_peer_that_never_reads_hits_the_limit(void **state)
{
	struct probe l = { 0 }, server = { 0 };
	int fd = raw_pair(&l, &server), refused = 0;
	size_t size = 64 << 10;

	net_set_limit(server.id, 1 << 20);
	for (int i = 0; i < 400 && !refused; i++)
		refused = net_send(server.id, memset(payload_alloc(size), 'x', size), size);
	assert_int_equal(refused, -1);
	assert_true(net_queued(server.id) <= 1 << 20);
	/* a handler's socket lives on and takes more when there is room again */
	assert_int_equal(server.closes, 0);
	net_set_limit(server.id, 0);
	assert_int_equal(send_text(server.id, "x"), 0);
	close(fd);
}

static void a_gather_beyond_what_one_call_takes_is_whole(void **state)
{
	struct probe l = { 0 }, server = { 0 };
	int fd = raw_pair(&l, &server);
	static struct iovec iov[3000];
	static char numbers[3000 * 4 + 1], got[3000 * 4];

	for (int i = 0; i < 3000; i++) {
		snprintf(numbers + 4 * i, 5, "%04d", i);
		iov[i] = (struct iovec){ numbers + 4 * i, 4 };
	}
	assert_int_equal(net_sendv(server.id, iov, 3000), 0);
	assert_int_equal(raw_read(fd, got, sizeof(got)), sizeof(got));
	assert_memory_equal(got, numbers, sizeof(got));
	close(fd);
}

static void drain_is_told_once_for_each_time_the_queue_was_high(void **state)
{
	struct probe l = { 0 }, server = { 0 };
	int fd = raw_pair(&l, &server);

	for (unsigned round = 1; round <= 2; round++) {
		size_t total = fill(server.id);
		char *got = mem_alloc(total);

		assert_int_equal(raw_read(fd, got, total), total);
		until(server.drains == round);
		mem_free(got);
	}
	assert_int_equal(send_text(server.id, "x"), 0);
	turn(0);
	assert_int_equal(server.drains, 2);
	close(fd);
}

static void writing_to_a_reset_socket_is_told_and_refused(void **state)
{
	struct probe l = { 0 }, server = { 0 };
	int fd = raw_pair(&l, &server), r = 0;

	fill(server.id);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
	close(fd);
	until(server.closes == 1);
	assert_string_not_equal(server.why, "(end)");
	assert_int_equal(net_queued(server.id), 0);
	r = send_text(server.id, "x");
	assert_int_equal(r, -1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, net_setup, net_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(close_sends_what_is_waiting_first),
		T(last_words_are_read_whatever_the_peer_still_says),
		T(unread_bytes_keep_a_closed_socket_until_the_peer_ends),
		T(a_peer_that_never_ends_is_not_heard_out),
		T(a_closing_socket_reads_no_more),
		T(a_socket_closed_while_connecting_still_sends),
		T(shutdown_drops_what_is_waiting),
		T(a_closing_socket_is_given_up_when_the_peer_takes_nothing),
		T(a_closing_socket_ends_silently_when_the_peer_resets),
		T(high_goes_before_low_but_never_into_an_item),
		T(a_peer_that_never_reads_hits_the_limit),
		T(a_gather_beyond_what_one_call_takes_is_whole),
		T(drain_is_told_once_for_each_time_the_queue_was_high),
		T(writing_to_a_reset_socket_is_told_and_refused),
	};
	return cmocka_run_group_tests_name("net/close", tests, NULL, NULL);
}

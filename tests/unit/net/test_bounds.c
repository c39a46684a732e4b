/* SPDX-License-Identifier: MIT */
/* Bounds of what waits to be written: a socket's two policies, the node's total. */
#include "net/info.h"
#include "net/limits.h"
#include "net/net.h"
#include "net/request.h"
#include "net/write.h"
#include "tests/unit/net/ear.h"

/* Sends until a send fails; returns how many bytes were taken. */
static size_t fill(int id, size_t size)
{
	size_t taken = 0;

	while (net_send(id, memset(payload_alloc(size), 'x', size), size) == 0) {
		taken += size;
		assert_true(taken < 256u << 20);
	}
	return taken;
}

static void drink(int fd, size_t n)
{
	char got[65536];

	while (n > 0) {
		ssize_t r = recv(fd, got, n < sizeof(got) ? n : sizeof(got), 0);

		assert_true(r > 0);
		n -= (size_t)r;
	}
}

static void a_queue_that_refuses_says_so_once_and_when_it_is_empty(void **state)
{
	struct ear *ear = *state;
	struct net_stats before, after;
	int id, fd = connected(ear, &id);
	size_t taken;

	net_get_stats(&before);
	assert_true(net_set_bound(id, 256 << 10, NET_POLICY_ERROR));
	taken = fill(id, 64 << 10);
	assert_in_range(net_queued(id), 128 << 10, 256 << 10);
	assert_true(expect(ear, SOCKET_WARNING, id, NULL) > 0);
	assert_int_equal(send_text(id, "x"), 0); /* one byte has room */
	assert_int_equal(net_send(id, payload_alloc(128 << 10), 128 << 10), -1);
	expect_silence(ear);
	drink(fd, taken + 1);
	assert_int_equal(expect(ear, SOCKET_WARNING, id, NULL), 0);
	assert_int_equal(send_text(id, "on we go"), 0);
	drink(fd, 8);
	net_get_stats(&after);
	assert_int_equal(after.refused - before.refused, 2);
	assert_int_equal(after.closed_full, before.closed_full);
	assert_int_equal(after.queued, 0);
	close(fd);
	expect(ear, SOCKET_CLOSE, id, NULL);
}

static void single_bytes_are_counted_with_what_they_cost(void **state)
{
	struct ear *ear = *state;
	int id, fd = connected(ear, &id);

	net_set_bound(id, 64 << 10, NET_POLICY_ERROR);
	(void)fill(id, 1);
	assert_true(net_queued(id) <= (64 << 10) / 48);
	net_close(id);
	close(fd);
}

static void one_write_into_an_empty_queue_is_taken(void **state)
{
	struct ear *ear = *state;
	int id, fd = connected(ear, &id);
	size_t size = 24 << 20; /* more than the bound, by default */

	assert_int_equal(net_send(id, memset(payload_alloc(size), 'x', size), size), 0);
	drink(fd, size);
	close(fd);
	expect(ear, SOCKET_CLOSE, id, NULL);
}

static void all_queues_together_are_bounded_and_who_reads_is_served(void **state)
{
	struct ear *ear = *state;
	const struct net_limits tight = { .total = 8 << 20 };
	struct net_stats s;
	int id[4], fd[4], reader, reader_fd;

	net_set_limits(&tight);
	for (int i = 0; i < 4; i++)
		fd[i] = connected(ear, &id[i]);
	reader_fd = connected(ear, &reader);
	for (int i = 0; i < 4; i++) {
		/* the first takes nearly all; the last find nothing and are closed */
		(void)net_set_bound(id[i], 0, NET_POLICY_ERROR);
		(void)fill(id[i], 128 << 10);
		net_get_stats(&s);
		assert_true(s.queued <= 8 << 20);
	}
	assert_true(s.queued > 7 << 20);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(send_text(reader, "news"), 0);
		drink(reader_fd, 4);
	}
	/* closed ones that still have something to send make room before their time */
	net_close(id[0]);
	assert_int_equal(net_send(id[1], payload_alloc(1 << 20), 1 << 20), -1);
	for (int i = 0; i < 1000 && s.queued > 6 << 20; i++) {
		usleep(10000);
		net_get_stats(&s);
	}
	assert_true(s.queued <= 6 << 20);
	for (int i = 0; i < 4; i++) {
		net_shutdown(id[i]);
		close(fd[i]);
	}
	net_get_stats(&s);
	assert_int_equal(s.queued, 0);
	net_shutdown(reader);
	close(reader_fd);
	net_set_limits(&(struct net_limits){ 0 });
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_queue_that_refuses_says_so_once_and_when_it_is_empty),
		T(single_bytes_are_counted_with_what_they_cost),
		T(one_write_into_an_empty_queue_is_taken),
		T(all_queues_together_are_bounded_and_who_reads_is_served),
	};
	return cmocka_run_group_tests_name("net/bounds", tests, NULL, NULL);
}

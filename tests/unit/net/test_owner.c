/* SPDX-License-Identifier: MIT */
/* Sockets and their services when something is too much or gone: queues, dead owners, foreign
 * descriptors. */
#include "net/info.h"
#include "net/net.h"
#include "net/request.h"
#include "net/write.h"
#include "tests/unit/net/ear.h"
#include "core/actor/life.h"
#include "core/actor/send.h"

static void a_growing_queue_warns_and_says_when_it_is_empty(void **state)
{
	struct ear *ear = *state;
	size_t size = 256 << 10, total = 80 * size, have = 0;
	char *got = mem_alloc(size);
	int id, fd = connected(ear, &id);

	net_set_limit(id, 64 << 20);
	for (int i = 0; i < 80; i++)
		assert_int_equal(net_send(id, memset(payload_alloc(size), 'x', size), size), 0);
	/* the first thresholds are passed by less than one item each */
	for (int kib = 1024; kib <= 4096; kib *= 2) {
		int ud = expect(ear, SOCKET_WARNING, id, NULL);

		assert_in_range(ud, kib, kib + 255);
	}
	while (have < total) {
		ssize_t n = recv(fd, got, size, 0);

		assert_true(n > 0);
		have += (size_t)n;
	}
	for (;;) {
		int ud = expect(ear, SOCKET_WARNING, id, NULL);

		if (!ud)
			break;
		assert_true(ud >= 8192);
	}
	expect_silence(ear);
	mem_free(got);
	close(fd);
	expect(ear, SOCKET_CLOSE, id, NULL);
}

static void a_queue_at_its_limit_ends_the_socket(void **state)
{
	struct ear *ear = *state;
	size_t size = 512 << 10;
	int id, fd = connected(ear, &id), r = 0;
	struct event *e;

	net_set_limit(id, 1 << 20);
	for (int i = 0; i < 100 && !r; i++)
		r = net_send(id, memset(payload_alloc(size), 'x', size), size);
	assert_int_equal(r, -1);
	e = ear_next(ear, 20000);
	assert_non_null(e);
	assert_int_equal(e->type, SOCKET_ERROR);
	assert_non_null(strstr(e->text, "the write queue is full (its own limit): "));
	assert_non_null(strstr(e->text, " bytes wait, 524288 more pass the limit of 1048576"));
	event_destroy(e);
	expect(ear, SOCKET_CLOSE, id, NULL);
	assert_int_equal(send_text(id, "x"), -1);
	close(fd);
}

static void a_socket_of_a_dead_service_is_closed(void **state)
{
	struct ear *ear = *state, *other = ear_launch();
	int id, fd = connected(other, &id);
	char c;

	ear_end(other);
	while (service_count() > 1)
		usleep(1000);
	/* what arrives finds nobody: the peer must not talk to a wall for ever */
	assert_int_equal(send(fd, "hello?", 6, MSG_NOSIGNAL), 6);
	assert_true(recv(fd, &c, 1, 0) <= 0);
	assert_int_equal(send_text(id, "x"), -1);
	expect_silence(ear);
	close(fd);
	mem_free(other);
}

struct bytes {
	int id;
	uint64_t read;
};

static void note_bytes(const struct net_info *i, void *ud)
{
	struct bytes *b = ud;

	if (i->id == b->id)
		b->read = i->read;
}

static uint64_t bytes_read(int id)
{
	struct bytes b = { .id = id };

	net_foreach(note_bytes, &b);
	return b.read;
}

static void unread_messages_of_a_dead_service_close_their_sockets(void **state)
{
	struct ear *ear = *state;
	int listener, port = listen_started(ear, &listener), fd, id, talker = connected(ear, &id);
	struct msg *m = msg_create_copy("block", 5);
	uint32_t blocked;
	char c;

	atomic_store_explicit(&gate, false, memory_order_relaxed);
	blocked = service_launch("blocked", "");
	m->dest = blocked;
	assert_int_equal(service_send(m), SEND_OK);
	net_start(blocked, listener);
	net_start(blocked, id);
	assert_int_equal(send(talker, "unread", 6, 0), 6);
	fd = raw_connect(port);
	/* two listeners and an open socket: what was accepted or read is in the mailbox by then */
	while (net_count() < 4 || !bytes_read(id))
		usleep(1000);
	service_retire(blocked);
	atomic_store_explicit(&gate, true, memory_order_release);
	assert_true(recv(fd, &c, 1, 0) <= 0);
	assert_true(recv(talker, &c, 1, 0) <= 0);
	while (net_count() > 1) /* the ear's own listener */
		usleep(1000);
	close(fd);
	close(talker);
}

static void a_bound_descriptor_is_read_and_survives_the_close(void **state)
{
	struct ear *ear = *state;
	int fd[2], id;

	assert_int_equal(pipe(fd), 0);
	id = net_bind(ear->handle, fd[0]);
	assert_true(id > 0);
	expect(ear, SOCKET_CONNECT, id, "binding");
	assert_int_equal(write(fd[1], "piped", 5), 5);
	expect(ear, SOCKET_DATA, id, "piped");
	net_close(id);
	expect(ear, SOCKET_CLOSE, id, NULL);
	assert_true(fcntl(fd[0], F_GETFD) >= 0);
	assert_int_equal(write(fd[1], "mine", 4), 4);
	assert_int_equal(read(fd[0], &(char[4]){ 0 }, 4), 4);
	assert_int_equal(net_bind(ear->handle, 9999), -1);
	close(fd[0]);
	close(fd[1]);
}

static void a_bound_file_that_cannot_be_polled_is_an_error(void **state)
{
	struct ear *ear = *state;
	char path[] = P_tmpdir "/test_net.XXXXXX";
	int fd = mkstemp(path), id = net_bind(ear->handle, fd);

	expect(ear, SOCKET_ERROR, id, "enable read failed");
	expect_silence(ear);
	assert_true(fcntl(fd, F_GETFD) >= 0);
	close(fd);
	unlink(path);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_growing_queue_warns_and_says_when_it_is_empty),
		T(a_queue_at_its_limit_ends_the_socket),
		T(a_socket_of_a_dead_service_is_closed),
		T(unread_messages_of_a_dead_service_close_their_sockets),
		T(a_bound_descriptor_is_read_and_survives_the_close),
		T(a_bound_file_that_cannot_be_polled_is_an_error),
	};
	return cmocka_run_group_tests_name("net/owner", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Several loops: which of them a socket belongs to, and that a service sees no difference. */
#include <sys/uio.h>
#include "net/connect.h"
#include "net/poller.h"
#include "net/socket.h"
#include "net/spread.h"
#include "net/write.h"
#include "tests/unit/net/ear.h"

#define LOOPS 3
#define EACH 8

static unsigned loop_of(int id)
{
	struct socket *s = socket_lock(id);
	unsigned loop;

	assert_non_null(s);
	loop = s->loop;
	socket_unlock(s);
	return loop;
}

/* How many of the sockets each loop has. */
static void count_loops(const int *ids, unsigned n, unsigned ret[LOOPS])
{
	memset(ret, 0, LOOPS * sizeof(*ret));
	for (unsigned i = 0; i < n; i++)
		ret[loop_of(ids[i])]++;
}

static void assert_even(const int *ids, unsigned n)
{
	unsigned count[LOOPS];

	count_loops(ids, n, count);
	for (unsigned i = 0; i < LOOPS; i++)
		assert_int_equal(count[i], n / LOOPS);
}

/* Accepts n connections, whose other ends are fds. */
static void accept_many(struct ear *ear, int listener, int port, int *ids, int *fds, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		fds[i] = raw_connect(port);
		ids[i] = expect(ear, SOCKET_ACCEPT, listener, NULL);
		net_start(ear->handle, ids[i]);
		expect(ear, SOCKET_CONNECT, ids[i], "start");
	}
}

static void each_loop_gets_as_many_as_the_others(void **state)
{
	enum { N = LOOPS * EACH };
	struct ear *ear = *state;
	int listener, port = listen_started(ear, &listener), ids[N], fds[N];
	unsigned count[LOOPS];

	accept_many(ear, listener, port, ids, fds, N);
	assert_even(ids, N);
	/* those that are gone make room for others */
	for (unsigned i = 0; i < N; i++)
		if (loop_of(ids[i]) == 1) {
			net_shutdown(ids[i]);
			expect(ear, SOCKET_CLOSE, ids[i], NULL);
			close(fds[i]);
			fds[i] = -1;
		}
	for (unsigned i = 0; i < N; i++)
		if (fds[i] < 0)
			accept_many(ear, listener, port, &ids[i], &fds[i], 1);
	assert_even(ids, N);
	/* connections are counted for themselves */
	for (unsigned i = 0; i < LOOPS; i++) {
		ids[i] = net_connect(ear->handle, "127.0.0.1", port);
		assert_true(ids[i] > 0);
	}
	count_loops(ids, LOOPS, count);
	assert_int_equal(count[0] * count[1] * count[2], 1);
	for (unsigned i = 0; i < N; i++)
		close(fds[i]);
}

static void what_c_code_has_is_the_main_loop_s(void **state)
{
	struct ear *ear = *state;
	int listener, port = listen_started(ear, &listener), fd[LOOPS];
	struct probe p = { 0 };

	for (unsigned i = 0; i < LOOPS; i++) {
		int id;

		fd[i] = raw_connect(port);
		id = expect(ear, SOCKET_ACCEPT, listener, NULL);
		assert_int_equal(net_start_handler(id, &probe_handler, &p), 0);
		assert_int_equal(loop_of(id), POLLER_MAIN);
		net_close(id);
	}
	for (unsigned i = 0; i < LOOPS; i++)
		close(fd[i]);
}

struct talk {
	int fd;
	unsigned lines;
	pthread_t thread;
};

static void *say_lines(void *arg)
{
	struct talk *t = arg;

	for (unsigned i = 0; i < t->lines; i++) {
		char line[16];
		int n = snprintf(line, sizeof(line), "%u\n", i);

		if (send(t->fd, line, (size_t)n, 0) != n)
			abort();
	}
	close(t->fd);
	return NULL;
}

/* What a socket has said so far. */
struct heard {
	char text[8];
	unsigned lines, size;
	bool ended;
};

static void hear(struct heard *h, const struct event *e)
{
	assert_false(h->ended);
	if (e->type == SOCKET_CLOSE) {
		h->ended = true;
		return;
	}
	assert_int_equal(e->type, SOCKET_DATA);
	for (int i = 0; i < e->ud; i++) {
		if (e->data[i] != '\n') {
			assert_true(h->size + 1 < sizeof(h->text));
			h->text[h->size++] = e->data[i];
			continue;
		}
		h->text[h->size] = 0;
		h->size = 0;
		assert_int_equal(atoi(h->text), h->lines);
		h->lines++;
	}
}

static void events_of_a_socket_keep_their_order(void **state)
{
	enum { N = LOOPS * 4, LINES = 3000 };
	struct ear *ear = *state;
	int listener, port = listen_started(ear, &listener), ids[N], fds[N];
	struct talk talk[N];
	struct heard said[N] = { 0 };
	unsigned ended = 0;

	accept_many(ear, listener, port, ids, fds, N);
	for (unsigned i = 0; i < N; i++) {
		talk[i] = (struct talk){ .fd = fds[i], .lines = LINES };
		assert_int_equal(pthread_create(&talk[i].thread, NULL, say_lines, &talk[i]), 0);
	}
	while (ended < N) {
		struct event *e = ear_next(ear, 20000);
		unsigned i = 0;

		assert_non_null(e);
		while (i < N && ids[i] != e->id)
			i++;
		assert_true(i < N);
		hear(&said[i], e);
		if (said[i].ended) {
			assert_int_equal(said[i].lines, LINES);
			ended++;
		}
		event_destroy(e);
	}
	for (unsigned i = 0; i < N; i++)
		pthread_join(talk[i].thread, NULL);
}

static void hear_until(struct ear *ear, struct heard *h, unsigned lines)
{
	while (!h->ended && h->lines < lines) {
		struct event *e = ear_next(ear, 20000);

		assert_non_null(e);
		hear(h, e);
		event_destroy(e);
	}
}

/* All that was sent to it before. */
static void hear_the_rest(struct ear *ear, struct heard *h)
{
	struct event *e;

	net_start(ear->handle, 0x7ffffff0);
	while ((e = ear_next(ear, 20000)) && e->type != SOCKET_ERROR) {
		hear(h, e);
		event_destroy(e);
	}
	assert_non_null(e);
	assert_int_equal(e->id, 0x7ffffff0);
	event_destroy(e);
}

static void a_socket_changes_hands_between_two_lines(void **state)
{
	enum { LINES = 20000 };
	struct ear *one = *state, *two = ear_launch();
	struct heard h = { 0 };
	int id, fd = connected(one, &id);
	struct talk talk = { .fd = fd, .lines = LINES };

	assert_int_equal(pthread_create(&talk.thread, NULL, say_lines, &talk), 0);
	hear_until(one, &h, LINES / 10);
	net_start(two->handle, id);
	hear_the_rest(one, &h);
	expect(two, SOCKET_CONNECT, id, "transfer");
	hear_until(two, &h, LINES + 1);
	assert_int_equal(h.lines, LINES);
	assert_true(h.ended);
	pthread_join(talk.thread, NULL);
	ear_end(two);
	mem_free(two);
}

static void a_socket_that_pauses_is_silent_on_every_loop(void **state)
{
	struct ear *ear = *state;
	int listener, port = listen_started(ear, &listener), ids[2 * LOOPS], fds[2 * LOOPS];

	accept_many(ear, listener, port, ids, fds, 2 * LOOPS);
	for (unsigned i = 0; i < LOOPS; i++)
		net_pause(ear->handle, ids[i]);
	for (unsigned i = 0; i < LOOPS; i++)
		assert_int_equal(send(fds[i], "later", 5, 0), 5);
	/* each loop has another socket, which shows that it has looked since then */
	assert_even(ids + LOOPS, LOOPS);
	for (unsigned i = LOOPS; i < 2 * LOOPS; i++) {
		assert_int_equal(send(fds[i], "now", 3, 0), 3);
		expect(ear, SOCKET_DATA, ids[i], "now");
	}
	expect_silence(ear);
	for (unsigned i = 0; i < LOOPS; i++) {
		net_start(ear->handle, ids[i]);
		expect(ear, SOCKET_CONNECT, ids[i], "transfer");
		expect(ear, SOCKET_DATA, ids[i], "later");
		net_send(ids[i], payload_text("so"), 2);
		recv_exactly(fds[i], "so");
		net_close(ids[i]);
		expect(ear, SOCKET_CLOSE, ids[i], NULL);
		close(fds[i]);
	}
	for (unsigned i = LOOPS; i < 2 * LOOPS; i++)
		close(fds[i]);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_loop_gets_as_many_as_the_others),
		T(what_c_code_has_is_the_main_loop_s),
		T(events_of_a_socket_keep_their_order),
		T(a_socket_changes_hands_between_two_lines),
		T(a_socket_that_pauses_is_silent_on_every_loop),
	};

	setenv("HARBORD_TEST_NET_THREADS", "3", 1); /* LOOPS */
	return cmocka_run_group_tests_name("net/spread", tests, NULL, NULL);
}

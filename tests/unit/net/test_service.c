/* SPDX-License-Identifier: MIT */
/* What a service hears about its sockets, with real workers: every message, in its order. */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include "tests/unit/net/probe.h"
#include "core/module.h"
#include "core/node.h"
#include "core/service.h"

struct event {
	struct event *next;
	int type, id, ud;
	char text[129];
	char *data;
};

/* A service that writes down its socket messages. */
struct ear {
	uint32_t handle;
	struct event *first, **last;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t heard = PTHREAD_COND_INITIALIZER;
static struct ear *being_born; /* init runs on the launching thread */

static int on_message(struct service *s, void *ud, int type, int session, uint32_t source, const void *msg,
		      size_t size)
{
	const struct socket_message *m = msg;
	struct ear *ear = ud;
	struct event *e;

	if (type != PTYPE_SOCKET)
		return 0;
	e = mem_zalloc(sizeof(*e));
	e->type = m->type;
	e->id = m->id;
	e->ud = m->ud;
	if (m->buffer) {
		e->data = mem_strndup(m->buffer, (size_t)m->ud);
		payload_free(m->buffer);
	} else if (size > sizeof(*m)) {
		memcpy(e->text, (const char *)msg + sizeof(*m), size - sizeof(*m));
	}
	pthread_mutex_lock(&lock);
	*ear->last = e;
	ear->last = &e->next;
	pthread_cond_broadcast(&heard);
	pthread_mutex_unlock(&lock);
	return 0;
}

static int ear_init(void *instance, struct service *s, const char *args)
{
	service_set_callback(s, being_born, on_message);
	return 0;
}

static const struct module ear_module = { .name = "ear", .init = ear_init };

static struct ear *ear_launch(void)
{
	struct ear *ear = mem_zalloc(sizeof(*ear));

	ear->last = &ear->first;
	being_born = ear;
	ear->handle = service_launch("ear", "");
	assert_true(ear->handle != 0);
	return ear;
}

static void event_destroy(struct event *e)
{
	mem_free(e->data);
	mem_free(e);
}

/* The next message, or NULL after a while. */
static struct event *ear_next(struct ear *ear, unsigned patience_ms)
{
	struct timespec until;
	struct event *e;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += (long)(patience_ms % 1000) * 1000000;
	until.tv_sec += patience_ms / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&lock);
	while (!ear->first)
		if (pthread_cond_timedwait(&heard, &lock, &until))
			break;
	e = ear->first;
	if (e) {
		ear->first = e->next;
		if (!e->next)
			ear->last = &ear->first;
	}
	pthread_mutex_unlock(&lock);
	return e;
}

/* The next message must be this one (text NULL: any). Gives ud. */
static int expect(struct ear *ear, int type, int id, const char *text)
{
	struct event *e = ear_next(ear, 20000);
	int ud;

	if (!e)
		fail_msg("no message of type %d for socket %d", type, id);
	if (e->type != type || (id && e->id != id))
		fail_msg("type %d id %d \"%s\" instead of type %d id %d", e->type, e->id, e->text, type, id);
	if (text)
		assert_string_equal(e->data ? e->data : e->text, text);
	ud = e->ud;
	event_destroy(e);
	return ud;
}

static void expect_silence(struct ear *ear)
{
	/* a sentinel of another kind comes after anything that was on its way */
	net_start(ear->handle, 0x7ffffff0);
	expect(ear, SOCKET_ERROR, 0x7ffffff0, "invalid socket");
}

static void ear_end(struct ear *ear)
{
	struct event *e;

	service_retire(ear->handle);
	while ((e = ear_next(ear, 0)))
		event_destroy(e);
	/* the service may still be in its last callback: the ear itself stays until the end */
}

/* A service that is kept in its first callback until `gate` opens, so that its mail piles up. */
static atomic_bool gate;

static int on_message_blocked(struct service *s, void *ud, int type, int session, uint32_t source,
			      const void *msg, size_t size)
{
	if (type == PTYPE_TEXT)
		/* acquire <-> the test's release; a condition would need a lock around a bool */
		while (!atomic_load_explicit(&gate, memory_order_acquire))
			usleep(1000);
	return 0;
}

static int blocked_init(void *instance, struct service *s, const char *args)
{
	service_set_callback(s, NULL, on_message_blocked);
	return 0;
}

static const struct module blocked_module = { .name = "blocked", .init = blocked_init };

static int setup(void **state)
{
	struct node_config c = { .threads = 2 };

	clock_init();
	if (node_init(&c) < 0 || net_init() < 0)
		return -1;
	module_add(&ear_module);
	module_add(&blocked_module);
	if (node_start() < 0)
		return -1;
	*state = ear_launch();
	return 0;
}

static int teardown(void **state)
{
	ear_end(*state);
	assert_true(node_stop(UINT64_C(10) * NS_PER_SEC));
	net_fini();
	ear_end(*state);
	mem_free(*state);
	return 0;
}

/* A started listener of the service; gives its port. */
static int listen_started(struct ear *ear, int *ret_id)
{
	int port;

	*ret_id = net_listen(ear->handle, "127.0.0.1", 0, 64, NULL);
	assert_true(*ret_id > 0);
	port = expect(ear, SOCKET_CONNECT, *ret_id, "127.0.0.1");
	assert_true(port > 0);
	net_start(ear->handle, *ret_id);
	assert_int_equal(expect(ear, SOCKET_CONNECT, *ret_id, "start"), 0);
	return port;
}

/* A connection whose one end is the service's, started; gives the test's end. */
static int connected(struct ear *ear, int *ret_id)
{
	int listener, fd = raw_connect(listen_started(ear, &listener));

	*ret_id = expect(ear, SOCKET_ACCEPT, listener, NULL);
	net_start(ear->handle, *ret_id);
	expect(ear, SOCKET_CONNECT, *ret_id, "start");
	return fd;
}

static void recv_exactly(int fd, const char *text)
{
	char got[256];
	size_t n = strlen(text);

	assert_int_equal(recv(fd, got, n, MSG_WAITALL), n);
	assert_memory_equal(got, text, n);
}

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

static void a_growing_queue_warns_and_says_when_it_is_empty(void **state)
{
	struct ear *ear = *state;
	size_t size = 256 << 10, total = 80 * size, have = 0;
	char *got = mem_alloc(size);
	int id, fd = connected(ear, &id);

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

	net_set_limit(id, 1 << 20);
	for (int i = 0; i < 100 && !r; i++)
		r = net_send(id, memset(payload_alloc(size), 'x', size), size);
	assert_int_equal(r, -1);
	expect(ear, SOCKET_ERROR, id, "write queue limit");
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

static void unread_messages_of_a_dead_service_close_their_sockets(void **state)
{
	struct ear *ear = *state;
	int listener, port = listen_started(ear, &listener), fd;
	struct msg *m = msg_create_copy("block", 5);
	uint32_t blocked;
	char c;

	atomic_store_explicit(&gate, false, memory_order_relaxed);
	blocked = service_launch("blocked", "");
	m->dest = blocked;
	assert_int_equal(service_send(m), SEND_OK);
	net_start(blocked, listener);
	fd = raw_connect(port);
	while (net_count() < 2) /* accepted, and the message is on its way */
		usleep(1000);
	service_retire(blocked);
	atomic_store_explicit(&gate, true, memory_order_release);
	assert_true(recv(fd, &c, 1, 0) <= 0);
	while (net_count())
		usleep(1000);
	close(fd);
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
		T(an_accepted_connection_lives_from_accept_to_close),
		T(a_burst_arrives_whole_in_few_messages),
		T(an_accept_names_the_peer_with_its_port),
		T(a_connect_tells_the_peers_ip_and_sends_what_was_queued),
		T(a_refused_connect_is_an_error_and_the_id_is_gone),
		T(start_says_why_it_cannot),
		T(a_socket_moves_to_the_service_that_starts_it),
		T(a_paused_socket_reads_nothing_until_it_is_started),
		T(a_growing_queue_warns_and_says_when_it_is_empty),
		T(a_queue_at_its_limit_ends_the_socket),
		T(a_socket_of_a_dead_service_is_closed),
		T(unread_messages_of_a_dead_service_close_their_sockets),
		T(a_bound_descriptor_is_read_and_survives_the_close),
		T(a_bound_file_that_cannot_be_polled_is_an_error),
	};
	return cmocka_run_group_tests_name("net/service", tests, NULL, NULL);
}

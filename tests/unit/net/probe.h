/* SPDX-License-Identifier: MIT */
#pragma once
/* What the tests of net/ share: a handler that writes down what it hears, and a loop that is turned
 * by the test itself, without workers, until a condition holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/actor/msg.h"
#include "core/sched/timer.h"
#include "net/listen.h"
#include "net/loop.h"
#include "net/net.h"
#include "net/request.h"
#include "net/write.h"

#define PATIENCE_NS (UINT64_C(20) * NS_PER_SEC)

struct probe {
	int id;
	unsigned opens, accepts, closes, drains;
	int port, accepted, error;
	char text[128], why[128];
	char *data;
	size_t size;
	bool accept_and_start; /* else accepted ids are only noted */
	bool close_on_data;
	struct probe *child; /* hears for accepted sockets */
};

static const struct net_handler probe_handler;

static inline void probe_data(void *ud, int id, const void *data, size_t size)
{
	struct probe *p = ud;

	p->data = mem_realloc(p->data, p->size + size + 1);
	memcpy(p->data + p->size, data, size);
	p->size += size;
	p->data[p->size] = 0;
	if (p->close_on_data)
		net_close(id);
}

static inline void probe_open(void *ud, int id, const char *text, int port)
{
	struct probe *p = ud;

	p->opens++;
	p->id = id;
	p->port = port;
	snprintf(p->text, sizeof(p->text), "%s", text ? text : "(none)");
}

static inline void probe_accept(void *ud, int id, int new_id, const char *peer)
{
	struct probe *p = ud;

	p->accepts++;
	p->accepted = new_id;
	if (p->accept_and_start)
		assert_int_equal(net_start_handler(new_id, &probe_handler, p->child), 0);
}

static inline void probe_close(void *ud, int id, int error, const char *why)
{
	struct probe *p = ud;

	p->closes++;
	p->error = error;
	snprintf(p->why, sizeof(p->why), "%s", why ? why : "(end)");
}

static inline void probe_drain(void *ud, int id)
{
	((struct probe *)ud)->drains++;
}

static const struct net_handler probe_handler = {
	probe_data, probe_open, probe_accept, probe_close, probe_drain,
};

static inline void turn(uint64_t timeout_ns)
{
	net_poll(timeout_ns);
	timer_run(clock_mono_ns());
	net_poll(0);
}

/* Turns the loop until the condition holds; fails the test when it does not in time. */
#define until(condition)                                                        \
	do {                                                                    \
		uint64_t end_ = clock_mono_ns() + PATIENCE_NS;                  \
		while (!(condition)) {                                          \
			if (clock_mono_ns() > end_)                             \
				fail_msg("waited in vain for: %s", #condition); \
			turn(10 * NS_PER_MS);                                   \
		}                                                               \
	} while (0)

static inline int count_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 20000; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			n++;
	return n;
}

/* So many loops have the tests; with more than one, net_poll turns the main one. */
static inline unsigned threads_of_test(void)
{
	const char *text = getenv("HARBORD_TEST_NET_THREADS");

	return text ? (unsigned)atoi(text) : 1;
}

static inline int net_setup(void **state)
{
	clock_init();
	return timer_init(NULL) || net_init(threads_of_test());
}

static inline int net_teardown(void **state)
{
	net_fini();
	timer_fini();
	return 0;
}

static inline int listen_any(struct probe *p)
{
	int id = net_listen_handler(&probe_handler, p, "127.0.0.1", 0, 512, NULL);

	assert_true(id > 0);
	until(p->opens == 1);
	return p->port;
}

/* A plain blocking socket of the test, connected to port. */
static inline int raw_connect(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

/* A started connection: the loop's end is heard by server, the other end is the result. */
static inline int raw_pair(struct probe *listener, struct probe *server)
{
	int fd, port;

	listener->accept_and_start = true;
	listener->child = server;
	port = listen_any(listener);
	fd = raw_connect(port);
	until(server->opens == 1);
	return fd;
}

static inline void *payload_text(const char *text)
{
	size_t n = strlen(text);
	char *p = payload_alloc(n);

	memcpy(p, text, n);
	return p;
}

static inline int send_text(int id, const char *text)
{
	return net_send(id, payload_text(text), strlen(text));
}

/* Reads what there is without waiting, turning the loop, until n bytes came or the end. */
static inline size_t raw_read(int fd, char *ret, size_t n)
{
	uint64_t end = clock_mono_ns() + PATIENCE_NS;
	size_t have = 0;

	while (have < n && clock_mono_ns() < end) {
		ssize_t r = recv(fd, ret + have, n - have, MSG_DONTWAIT);

		if (r == 0)
			break;
		if (r > 0)
			have += (size_t)r;
		else
			turn(NS_PER_MS);
	}
	return have;
}

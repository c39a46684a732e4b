/* SPDX-License-Identifier: MIT */
#pragma once
/* A service that writes down its socket messages, and a node with real workers around it. */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include "tests/unit/net/probe.h"
#include "core/actor/module.h"
#include "core/node/node.h"
#include "net/listen.h"
#include "net/loop.h"
#include "net/net.h"
#include "net/request.h"
#include "core/actor/life.h"
#include "core/actor/service.h"

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

static inline int on_message(struct service *s, void *ud, int type, int session, uint32_t source,
			     const void *msg, size_t size)
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

static inline int ear_init(void *instance, struct service *s, const char *args)
{
	service_set_callback(s, being_born, on_message);
	return 0;
}

static const struct module ear_module = { .name = "ear", .init = ear_init };

static inline struct ear *ear_launch(void)
{
	struct ear *ear = mem_zalloc(sizeof(*ear));

	ear->last = &ear->first;
	being_born = ear;
	ear->handle = service_launch("ear", "");
	assert_true(ear->handle != 0);
	return ear;
}

static inline void event_destroy(struct event *e)
{
	mem_free(e->data);
	mem_free(e);
}

/* The next message, or NULL after a while. */
static inline struct event *ear_next(struct ear *ear, unsigned patience_ms)
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

/* The next message must be this one (text NULL: any). Returns ud. */
static inline int expect(struct ear *ear, int type, int id, const char *text)
{
	struct event *e = ear_next(ear, 20000);
	int ud;

	if (!e)
		fail_msg("no message of type %d for socket %d", type, id);
	if (e->type != type || (id && e->id != id))
		fail_msg("type %d id %d \"%s\" instead of type %d id %d", e->type, e->id, e->text,
			 type, id);
	if (text)
		assert_string_equal(e->data ? e->data : e->text, text);
	ud = e->ud;
	event_destroy(e);
	return ud;
}

static inline void expect_silence(struct ear *ear)
{
	/* a sentinel of another kind comes after anything that was on its way */
	net_start(ear->handle, 0x7ffffff0);
	expect(ear, SOCKET_ERROR, 0x7ffffff0, "invalid socket");
}

static inline void ear_end(struct ear *ear)
{
	struct event *e;

	service_retire(ear->handle);
	while ((e = ear_next(ear, 0)))
		event_destroy(e);
	/* the service may still be in its last callback: the ear itself stays until the end */
}

/* A service that is kept in its first callback until `gate` opens, so that its mail piles up. */
static atomic_bool gate;

static inline int on_message_blocked(struct service *s, void *ud, int type, int session,
				     uint32_t source, const void *msg, size_t size)
{
	if (type == PTYPE_TEXT)
		/* acquire <-> the test's release; a condition would need a lock around a bool */
		while (!atomic_load_explicit(&gate, memory_order_acquire))
			usleep(1000);
	return 0;
}

static inline int blocked_init(void *instance, struct service *s, const char *args)
{
	service_set_callback(s, NULL, on_message_blocked);
	return 0;
}

static const struct module blocked_module = { .name = "blocked", .init = blocked_init };

static inline int setup(void **state)
{
	unsigned loops = threads_of_test();
	struct node_config c = { .threads = loops < 2 ? 2 : loops };

	clock_init();
	if (node_init(&c) < 0 || net_init(loops) < 0)
		return -1;
	module_add(&ear_module);
	module_add(&blocked_module);
	if (node_start() < 0)
		return -1;
	*state = ear_launch();
	return 0;
}

static inline int teardown(void **state)
{
	ear_end(*state);
	assert_true(node_stop(UINT64_C(10) * NS_PER_SEC));
	net_fini();
	ear_end(*state);
	mem_free(*state);
	return 0;
}

/* A started listener of the service; returns its port. */
static inline int listen_started(struct ear *ear, int *ret_id)
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

/* A connection whose one end is the service's, started; returns the test's end. */
static inline int connected(struct ear *ear, int *ret_id)
{
	int listener, fd = raw_connect(listen_started(ear, &listener));

	*ret_id = expect(ear, SOCKET_ACCEPT, listener, NULL);
	net_start(ear->handle, *ret_id);
	expect(ear, SOCKET_CONNECT, *ret_id, "start");
	return fd;
}

static inline void recv_exactly(int fd, const char *text)
{
	char got[256];
	size_t n = strlen(text);

	assert_int_equal(recv(fd, got, n, MSG_WAITALL), n);
	assert_memory_equal(got, text, n);
}

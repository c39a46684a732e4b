/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A service for tests that keeps the messages it gets and runs functions of the test as itself.
 * Include after cmocka.h.
 */
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/actor/module.h"
#include "core/actor/msg.h"
#include "core/node/node.h"
#include "core/actor/send.h"
#include "core/actor/service.h"

struct letter {
	uint32_t to, source;
	int32_t session;
	int type;
	size_t size;
	char text[64];
	uint64_t came_ns;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t came;
	struct letter letter[1024];
	unsigned count, ended, signals;
	int signal;
} post = { .lock = PTHREAD_MUTEX_INITIALIZER, .came = PTHREAD_COND_INITIALIZER };

struct errand {
	void (*run)(struct service *s, void *arg);
	void *arg;
	bool done;
};

#define PTYPE_ERRAND 200

static int actor_cb(struct service *s, void *ud, int type, int session, uint32_t source,
		    const void *data, size_t size)
{
	(void)ud;
	if (type == PTYPE_ERRAND) {
		struct errand *e;

		memcpy(&e, data, sizeof(e));
		e->run(s, e->arg);
		pthread_mutex_lock(&post.lock);
		e->done = true;
	} else {
		pthread_mutex_lock(&post.lock);
		if (post.count < sizeof(post.letter) / sizeof(post.letter[0])) {
			struct letter *l = &post.letter[post.count++];

			*l = (struct letter){ service_handle(s), source, session, type, size, "",
					      clock_mono_ns() };
			memcpy(l->text, data ? data : "", size < 63 ? size : 63);
		}
	}
	pthread_cond_broadcast(&post.came);
	pthread_mutex_unlock(&post.lock);
	return 0;
}

static int actor_init(void *instance, struct service *s, const char *args)
{
	(void)instance;
	if (args && strcmp(args, "fail") == 0)
		return 1;
	service_set_callback(s, NULL, actor_cb);
	return 0;
}

static void actor_release(void *instance)
{
	(void)instance;
	pthread_mutex_lock(&post.lock);
	post.ended++;
	pthread_cond_broadcast(&post.came);
	pthread_mutex_unlock(&post.lock);
}

static void actor_signal(void *instance, int sig)
{
	(void)instance;
	pthread_mutex_lock(&post.lock);
	post.signals++;
	post.signal = sig;
	pthread_mutex_unlock(&post.lock);
}

static const struct module actor = {
	.name = "actor", .init = actor_init, .release = actor_release, .signal = actor_signal
};

/* One wait of at most 10 s for a change; false: too late. Under the lock. */
static inline bool post_wait(uint64_t until_ns)
{
	struct timespec until = { (time_t)(until_ns / NS_PER_SEC), (long)(until_ns % NS_PER_SEC) };

	return pthread_cond_clockwait(&post.came, &post.lock, CLOCK_MONOTONIC, &until) == 0;
}

/* The nth letter (from 0) to a service; waits for it. ->to == 0: it did not come in 10 s. */
static inline struct letter letter_to(uint32_t handle, unsigned nth)
{
	uint64_t until = clock_mono_ns() + 10 * NS_PER_SEC;
	struct letter found = { 0 };

	pthread_mutex_lock(&post.lock);
	for (;;) {
		unsigned n = 0;

		for (unsigned i = 0; i < post.count && !found.to; i++)
			if (post.letter[i].to == handle && n++ == nth)
				found = post.letter[i];
		if (found.to || !post_wait(until))
			break;
	}
	pthread_mutex_unlock(&post.lock);
	return found;
}

/* Letters to a service so far. */
static inline unsigned letters_to(uint32_t handle)
{
	unsigned n = 0;

	pthread_mutex_lock(&post.lock);
	for (unsigned i = 0; i < post.count; i++)
		n += post.letter[i].to == handle;
	pthread_mutex_unlock(&post.lock);
	return n;
}

/* Waits until so many actors were released. */
static inline bool actors_ended(unsigned want)
{
	uint64_t until = clock_mono_ns() + 10 * NS_PER_SEC;

	pthread_mutex_lock(&post.lock);
	while (post.ended < want && post_wait(until))
		;
	bool there = post.ended >= want;

	pthread_mutex_unlock(&post.lock);
	return there;
}

/* Runs f as the service and waits for its end; what was sent to it before has been read then. */
static inline bool run_as(uint32_t handle, void (*f)(struct service *s, void *arg), void *arg)
{
	uint64_t until = clock_mono_ns() + 10 * NS_PER_SEC;
	struct errand e = { f, arg, false }, *p = &e;
	struct msg *m = msg_create_copy(&p, sizeof(p));

	m->dest = handle;
	m->type = PTYPE_ERRAND;
	if (service_send(m) != SEND_OK)
		return false;
	pthread_mutex_lock(&post.lock);
	while (!e.done && post_wait(until))
		;
	bool done = e.done;

	pthread_mutex_unlock(&post.lock);
	return done;
}

static inline void nothing(struct service *s, void *arg)
{
	(void)s;
	(void)arg;
}

static inline int actors_start(unsigned threads)
{
	const struct node_config c = { .threads = threads };
	int r;

	post.count = post.ended = post.signals = 0;
	r = node_init(&c);
	if (r)
		return r;
	module_add(&actor);
	return node_start();
}

static inline int actors_stop(void)
{
	return node_stop(10 * NS_PER_SEC) ? 0 : -1;
}

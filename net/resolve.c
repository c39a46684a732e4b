/* SPDX-License-Identifier: MIT */
/*
 * Names to addresses without holding up the loop: a few threads that do nothing but getaddrinfo.
 *
 * They are started when there is a question and none of them is idle, up to THREADS_MAX, so one
 * name whose server does not answer does not delay the others. getaddrinfo cannot be broken off: at
 * the end a thread that is still inside is left behind. It belongs to an old generation then, and
 * its answer is thrown away.
 *
 * Locks: resolver.lock, then what `done` takes: a socket's.
 */
#include "net/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "core/base/join.h"
#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/ds/list.h"

#define THREADS_MAX 4
#define STOP_WAIT_SEC 1

struct question {
	struct question *next;
	resolve_done *done;
	int id;
	struct addr_text text;
};

static struct {
	struct lock lock;
	pthread_cond_t asked;
	/* everything below is guarded by lock */
	LIST_OF(struct question) questions;
	unsigned generation, threads, idle;
	pthread_t thread[THREADS_MAX];
} resolver = { .lock = LOCK_INIT(resolver), .asked = PTHREAD_COND_INITIALIZER };

/* getaddrinfo, and RFC 6761 6.3: "localhost" is the loopback address, also on a host without
 * /etc/hosts. */
static int look_up(const char *host, const char *port, const struct addrinfo *hints,
		   struct addrinfo **ret)
{
	int r = getaddrinfo(host, port, hints, ret);

	if (r != 0 && host && strcasecmp(host, "localhost") == 0)
		r = getaddrinfo("127.0.0.1", port, hints, ret);
	return r;
}

const char *resolve_list(const struct addr_text *t, bool passive, struct addr_list **ret)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
				  .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0) };
	struct addrinfo *list;
	struct addr_list *l;
	unsigned n = 0;
	char port[12];
	int r;

	snprintf(port, sizeof(port), "%d", t->port);
	r = look_up(t->host, port, &hints, &list);
	if (r != 0)
		return r == EAI_SYSTEM ? strerror(errno) : gai_strerror(r);
	for (struct addrinfo *ai = list; ai; ai = ai->ai_next)
		n++;
	l = mem_zalloc(sizeof(*l) + n * sizeof(l->at[0]));
	for (struct addrinfo *ai = list; ai; ai = ai->ai_next) {
		struct addr *a = &l->at[l->count++];

		memcpy(&a->storage, ai->ai_addr, ai->ai_addrlen);
		a->size = ai->ai_addrlen;
	}
	freeaddrinfo(list);
	*ret = l;
	return NULL;
}

static void answer_locked(struct question *q, unsigned generation)
{
	struct addr_list *list = NULL;
	const char *why;

	lock_held(&resolver.lock);
	resolver.idle--;
	lock_release(&resolver.lock);
	why = resolve_list(&q->text, false, &list);
	lock_take(&resolver.lock);
	if (resolver.generation == generation) {
		q->done(q->id, &q->text, list, why);
		resolver.idle++;
	} else {
		mem_free(list);
	}
	mem_free(q);
}

static void *resolver_main(void *arg)
{
	unsigned generation = (unsigned)(uintptr_t)arg;

	lock_take(&resolver.lock);
	while (resolver.generation == generation) {
		struct question *q = list_take(&resolver.questions, next);

		if (!q) {
			lock_wait(&resolver.lock, &resolver.asked);
			continue;
		}
		answer_locked(q, generation);
	}
	lock_release(&resolver.lock);
	return NULL;
}

static int start_thread_locked(void)
{
	sigset_t all, old;
	int r;

	lock_held(&resolver.lock);
	/* signals are for the threads that wait for them */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&resolver.thread[resolver.threads], NULL, resolver_main,
			   (void *)(uintptr_t)resolver.generation);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r == 0) {
		pthread_setname_np(resolver.thread[resolver.threads], "resolver");
		resolver.threads++;
		resolver.idle++;
	}
	return -r;
}

int resolve_start(const struct addr_text *t, resolve_done *done, int id)
{
	struct question *q;
	unsigned waiting = 1;
	int r = 0;

	must(done);
	lock_take(&resolver.lock);
	for (q = resolver.questions.first; q && waiting <= resolver.idle; q = q->next)
		waiting++;
	if (waiting > resolver.idle && resolver.threads < THREADS_MAX)
		r = start_thread_locked();
	if (r == 0 || resolver.threads > 0) {
		q = mem_alloc(sizeof(*q));
		*q = (struct question){ .done = done, .id = id, .text = *t };
		list_append(&resolver.questions, q, next);
		pthread_cond_signal(&resolver.asked);
		r = 0;
	}
	lock_release(&resolver.lock);
	return r;
}

void resolve_stop(void)
{
	pthread_t thread[THREADS_MAX];
	uint64_t until;
	unsigned n;

	lock_take(&resolver.lock);
	n = resolver.threads;
	memcpy(thread, resolver.thread, sizeof(thread));
	resolver.generation++;
	resolver.threads = resolver.idle = 0;
	for (struct question *q; (q = list_take(&resolver.questions, next));)
		mem_free(q);
	pthread_cond_broadcast(&resolver.asked);
	lock_release(&resolver.lock);

	until = clock_mono_ns() + STOP_WAIT_SEC * NS_PER_SEC;
	for (unsigned i = 0; i < n; i++)
		if (!join_until(thread[i], until))
			pthread_detach(thread[i]);
}

int net_resolve(const char *host, void (*f)(const char *ip, void *ud), void *ud)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC };
	struct addrinfo *list;
	int r = look_up(host, NULL, &hints, &list);

	if (r != 0)
		return r;
	for (struct addrinfo *ai = list; ai; ai = ai->ai_next) {
		char text[ADDR_TEXT_MAX];
		struct addr a = { .size = ai->ai_addrlen };

		memcpy(&a.storage, ai->ai_addr, ai->ai_addrlen);
		f(addr_format_ip(&a, text, sizeof(text)), ud);
	}
	freeaddrinfo(list);
	return 0;
}

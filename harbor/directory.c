/* SPDX-License-Identifier: MIT */
/* Names of the cluster as this node knows them: see directory.h. */
#include "harbor/directory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/map.h"
#include "core/mem.h"
#include "core/remote.h"
#include "core/service.h"

struct waiting {
	struct waiting *next;
	char name[16];
	uint32_t from;
	int32_t session;
	struct msg *m;
	uint64_t deadline_ns;
};

static struct {
	pthread_rwlock_t lock; /* LOCK_DIRECTORY: the loop writes, everybody reads */
	struct map names;      /* text: when it was learned, as a decimal */
	struct waiting *first;
	unsigned count;
} D = { .lock = PTHREAD_RWLOCK_INITIALIZER };

uint32_t directory_find(const char *name)
{
	struct map_item *i;
	uint32_t handle;

	pthread_rwlock_rdlock(&D.lock);
	i = map_find(&D.names, name);
	handle = i ? i->number : 0;
	pthread_rwlock_unlock(&D.lock);
	return handle;
}

static void answer(struct waiting *w, uint32_t handle)
{
	struct msg *m = w->m;

	if (m) {
		m->dest = handle;
		(void)service_send(m);
		return;
	}
	m = msg_create_copy(&handle, sizeof(handle));
	m->dest = w->from;
	m->session = w->session;
	m->type = PTYPE_RESPONSE;
	(void)service_send(m);
}

static void fail(struct waiting *w, const char *why)
{
	if (w->m) {
		if (w->m->session && w->m->type != PTYPE_RESPONSE && w->m->type != PTYPE_ERROR)
			service_send_error_text(0, w->m->source, w->m->session, why);
		msg_destroy(w->m);
	} else {
		service_send_error_text(0, w->from, w->session, why);
	}
}

void directory_set(const char *name, uint32_t handle)
{
	struct waiting *ready = NULL, **last = &ready;

	pthread_rwlock_wrlock(&D.lock);
	struct map_item *i = map_find(&D.names, name);

	if (!handle) {
		if (i)
			map_remove(&D.names, i);
	} else {
		if (!i)
			i = map_add(&D.names, name);
		mem_free(i->text);
		i->text = mem_printf("%llu", (unsigned long long)clock_wall_ns());
		i->number = handle;
		for (struct waiting **p = &D.first; *p;) {
			struct waiting *w = *p;

			if (strcmp(w->name, name) != 0) {
				p = &w->next;
				continue;
			}
			*p = w->next;
			w->next = NULL;
			*last = w;
			last = &w->next;
			D.count--;
		}
	}
	pthread_rwlock_unlock(&D.lock);
	while (ready) {
		struct waiting *next = ready->next;

		answer(ready, handle);
		mem_free(ready);
		ready = next;
	}
}

void directory_clear(void)
{
	pthread_rwlock_wrlock(&D.lock);
	map_fini(&D.names);
	pthread_rwlock_unlock(&D.lock);
}

void directory_wait(const char *name, uint32_t from, int32_t session, struct msg *m, uint64_t deadline_ns)
{
	struct waiting *w = mem_zalloc(sizeof(*w));
	uint32_t handle = directory_find(name);

	*w = (struct waiting){ .from = from, .session = session, .m = m, .deadline_ns = deadline_ns };
	memcpy(w->name, name, strnlen(name, sizeof(w->name) - 1));
	if (handle || D.count >= DIRECTORY_WAITING_MAX) {
		if (handle)
			answer(w, handle);
		else
			fail(w, REMOTE_QUEUE_FULL);
		mem_free(w);
		return;
	}
	pthread_rwlock_wrlock(&D.lock);
	struct waiting **p = &D.first;

	while (*p)
		p = &(*p)->next;
	*p = w;
	D.count++;
	pthread_rwlock_unlock(&D.lock);
}

/* Takes out what is over, or what belongs to a service. */
static struct waiting *take(uint64_t now_ns, uint32_t handle, uint64_t *ret_next)
{
	struct waiting *taken = NULL;
	uint64_t next = UINT64_MAX;

	pthread_rwlock_wrlock(&D.lock);
	for (struct waiting **p = &D.first; *p;) {
		struct waiting *w = *p;
		bool over = w->deadline_ns && w->deadline_ns <= now_ns;
		bool theirs = handle && (w->m ? w->m->source : w->from) == handle;

		if (over || theirs) {
			*p = w->next;
			w->next = taken;
			taken = w;
			D.count--;
		} else {
			if (w->deadline_ns && w->deadline_ns < next)
				next = w->deadline_ns;
			p = &w->next;
		}
	}
	pthread_rwlock_unlock(&D.lock);
	*ret_next = next;
	return taken;
}

static void fail_list(struct waiting *w, const char *why)
{
	while (w) {
		struct waiting *next = w->next;

		fail(w, why);
		mem_free(w);
		w = next;
	}
}

uint64_t directory_expire(uint64_t now_ns)
{
	uint64_t next;

	if (!D.count)
		return UINT64_MAX;
	fail_list(take(now_ns, 0, &next), REMOTE_NO_NAME);
	return next;
}

void directory_forget_service(uint32_t handle)
{
	uint64_t next;

	if (D.count)
		fail_list(take(0, handle, &next), REMOTE_NO_NAME);
}

void directory_foreach(void (*f)(const struct harbor_name_info *n, void *ud), void *ud)
{
	pthread_rwlock_rdlock(&D.lock);
	for (size_t i = 0; i < D.names.count; i++) {
		struct harbor_name_info n = { .handle = D.names.items[i].number };

		memcpy(n.name, D.names.items[i].key, strnlen(D.names.items[i].key, sizeof(n.name) - 1));
		if (D.names.items[i].text)
			n.since_wall_ns = strtoull(D.names.items[i].text, NULL, 10);
		f(&n, ud);
	}
	pthread_rwlock_unlock(&D.lock);
}

void directory_foreach_waiting(void (*f)(const char *name, uint32_t handle, void *ud), void *ud)
{
	pthread_rwlock_rdlock(&D.lock);
	for (struct waiting *w = D.first; w; w = w->next)
		f(w->name, w->m ? w->m->source : w->from, ud);
	pthread_rwlock_unlock(&D.lock);
}

void directory_fini(void)
{
	while (D.first) {
		struct waiting *w = D.first;

		D.first = w->next;
		msg_destroy(w->m);
		mem_free(w);
	}
	D.count = 0;
	directory_clear();
}

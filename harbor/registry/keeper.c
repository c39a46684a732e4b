/* SPDX-License-Identifier: MIT */
#include "harbor/registry/keeper.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "core/base/fault.h"
#include "core/base/join.h"
#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "net/post.h"

static struct {
	struct lock lock;
	pthread_cond_t asked;
	const struct registry_ops *registry;
	const struct keeper_hooks *hooks;
	pthread_t thread;
	bool saving, backing_up, reading;     /* [loop] until their end is told */
	uint64_t save_began_ns, save_took_ns; /* [loop] */
	/* everything below is guarded by lock */
	bool stop;
	/* what is to be done next, each emptied when it begins */
	struct registry_content batch;
	unsigned term; /* grows with keeper_forget */
	struct registry_answer *question;
	char to[64];
	char *file;
	bool read;
} keeper = { .lock = LOCK_INIT(keeper), .asked = PTHREAD_COND_INITIALIZER };

/* ---- ends, on the loop ---- */

struct saved {
	int result;
	char *error;
	unsigned term;
};

static void free_saved(void *arg)
{
	struct saved *s = arg;

	mem_free(s->error);
	mem_free(s);
}

static void tell_saved(void *arg)
{
	struct saved *s = arg;
	bool current;

	lock_take(&keeper.lock);
	current = s->term == keeper.term;
	lock_release(&keeper.lock);
	if (current) {
		keeper.saving = false;
		keeper.save_took_ns = clock_mono_ns() - keeper.save_began_ns;
		keeper.hooks->saved(s->result, s->error);
	}
	free_saved(s);
}

static void free_answer(void *arg)
{
	struct registry_answer *a = arg;

	registry_content_fini(&a->content);
	mem_free(a);
}

static void tell_answer(void *arg)
{
	keeper.hooks->answered(arg);
	free_answer(arg);
}

static void tell_backup(void *arg)
{
	keeper.backing_up = false;
	keeper.hooks->backed_up(arg);
	mem_free(arg);
}

static void tell_read(void *arg)
{
	struct registry_answer *a = arg;

	keeper.reading = false;
	keeper.hooks->was_read(a->result == 0 ? &a->content : NULL, a->why);
	free_answer(a);
}

/* ---- the thread ---- */

static void save_locked(void)
{
	struct registry_content b = keeper.batch;
	struct saved *s = mem_zalloc(sizeof(*s));

	lock_held(&keeper.lock);
	keeper.batch = (struct registry_content){ 0 };
	s->term = keeper.term;
	lock_release(&keeper.lock);
	s->result = keeper.registry->save(b.items, b.count, b.number, &s->error);
	registry_content_fini(&b);
	post_or_discard(tell_saved, s, free_saved);
	lock_take(&keeper.lock);
}

static void ask_locked(void)
{
	struct registry_answer *a = keeper.question;
	char to[sizeof(keeper.to)];

	lock_held(&keeper.lock);
	keeper.question = NULL;
	snprintf(to, sizeof(to), "%s", keeper.to);
	lock_release(&keeper.lock);
	keeper.registry->ask(to, a);
	post_or_discard(tell_answer, a, free_answer);
	lock_take(&keeper.lock);
}

static void backup_locked(void)
{
	char *file = steal(keeper.file), *error = NULL;

	lock_held(&keeper.lock);
	lock_release(&keeper.lock);
	(void)keeper.registry->backup(file, &error);
	mem_free(file);
	post_or_discard(tell_backup, error, mem_free);
	lock_take(&keeper.lock);
}

static void read_locked(void)
{
	struct registry_answer *a = mem_zalloc(sizeof(*a));

	lock_held(&keeper.lock);
	keeper.read = false;
	lock_release(&keeper.lock);
	a->what = REGISTRY_LOAD;
	if (keeper.registry->load)
		a->result = keeper.registry->load(&a->content);
	else
		keeper.registry->ask("", a);
	if (a->result < 0 && !a->why[0])
		snprintf(a->why, sizeof(a->why), "the registry cannot be read");
	post_or_discard(tell_read, a, free_answer);
	lock_take(&keeper.lock);
}

static void *keeper_main(void *arg)
{
	(void)arg;
	lock_take(&keeper.lock);
	for (;;) {
		if (keeper.question)
			ask_locked();
		else if (keeper.batch.count)
			save_locked();
		else if (keeper.file)
			backup_locked();
		else if (keeper.read)
			read_locked();
		else if (keeper.stop)
			break;
		else
			lock_wait(&keeper.lock, &keeper.asked);
	}
	lock_release(&keeper.lock);
	return NULL;
}

/* ---- verbs ---- */

int keeper_start(const struct registry_ops *registry, const struct keeper_hooks *hooks)
{
	sigset_t all, old;
	int r;

	must(registry && hooks && !keeper.registry);
	if (fault(thread))
		return -EAGAIN;
	keeper.registry = registry;
	keeper.hooks = hooks;
	keeper.saving = keeper.backing_up = keeper.reading = keeper.stop = false;
	/* signals are for the threads that wait for them */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&keeper.thread, NULL, keeper_main, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r == 0)
		pthread_setname_np(keeper.thread, "registry");
	else
		keeper.registry = NULL;
	return -r;
}

void keeper_save(const struct registry_change *changes, size_t n, uint64_t number)
{
	must(n && keeper.registry && !keeper.saving);
	keeper.saving = true;
	keeper.save_began_ns = clock_mono_ns();
	lock_take(&keeper.lock);
	for (size_t i = 0; i < n; i++)
		*registry_add(&keeper.batch) = changes[i];
	keeper.batch.number = number;
	pthread_cond_signal(&keeper.asked);
	lock_release(&keeper.lock);
}

uint64_t keeper_save_ns(bool *ret_under_way)
{
	*ret_under_way = keeper.saving;
	return keeper.saving ? clock_mono_ns() - keeper.save_began_ns : keeper.save_took_ns;
}

void keeper_forget(void)
{
	keeper.saving = false;
	lock_take(&keeper.lock);
	registry_content_fini(&keeper.batch);
	keeper.term++;
	lock_release(&keeper.lock);
}

void keeper_ask(enum registry_ask what, const char *to)
{
	struct registry_answer *a = mem_zalloc(sizeof(*a));

	must(keeper.registry && keeper.registry->ask);
	a->what = what;
	lock_take(&keeper.lock);
	must(!keeper.question);
	keeper.question = a;
	snprintf(keeper.to, sizeof(keeper.to), "%s", to);
	pthread_cond_signal(&keeper.asked);
	lock_release(&keeper.lock);
}

bool keeper_backup(const char *file)
{
	if (keeper.backing_up || !keeper.registry || !keeper.registry->backup)
		return false;
	keeper.backing_up = true;
	lock_take(&keeper.lock);
	keeper.file = mem_strdup(file);
	pthread_cond_signal(&keeper.asked);
	lock_release(&keeper.lock);
	return true;
}

bool keeper_read(void)
{
	if (keeper.reading || !keeper.registry)
		return false;
	keeper.reading = true;
	lock_take(&keeper.lock);
	keeper.read = true;
	pthread_cond_signal(&keeper.asked);
	lock_release(&keeper.lock);
	return true;
}

bool keeper_stop(uint64_t wait_ns)
{
	if (!keeper.registry)
		return true;
	lock_take(&keeper.lock);
	keeper.stop = true;
	pthread_cond_signal(&keeper.asked);
	lock_release(&keeper.lock);
	if (!join_until(keeper.thread, clock_mono_ns() + wait_ns)) {
		pthread_detach(keeper.thread);
		return false;
	}
	keeper.registry->close();
	keeper.registry = NULL;
	return true;
}

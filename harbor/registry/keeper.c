/* SPDX-License-Identifier: MIT */
#include "harbor/registry/keeper.h"

#include <pthread.h>
#include <signal.h>

#include "core/base/fault.h"
#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "net/post.h"

static struct {
	struct lock lock;
	pthread_cond_t asked, done;
	const struct registry_ops *registry;
	void (*saved)(int result);
	pthread_t thread;
	/* everything below is guarded by lock */
	struct registry_content batch; /* to save; the thread has it while `busy` */
	bool running, busy, stop;
	int result;
} keeper = { .lock = LOCK_INIT(keeper),
	     .asked = PTHREAD_COND_INITIALIZER,
	     .done = PTHREAD_COND_INITIALIZER };

/* On the loop. */
static void tell(void *arg)
{
	int result;

	(void)arg;
	lock_take(&keeper.lock);
	keeper.busy = false;
	result = keeper.result;
	lock_release(&keeper.lock);
	keeper.saved(result);
}

static void save_locked(void)
{
	const struct registry_content *b = &keeper.batch;
	int r;

	lock_held(&keeper.lock);
	lock_release(&keeper.lock);
	r = keeper.registry->save(b->items, b->count, b->number);
	lock_take(&keeper.lock);
	registry_content_fini(&keeper.batch);
	keeper.result = r;
	net_post(tell, NULL);
}

static void *keeper_main(void *arg)
{
	(void)arg;
	lock_take(&keeper.lock);
	while (!keeper.stop || keeper.batch.count) {
		if (keeper.batch.count)
			save_locked();
		else
			lock_wait(&keeper.lock, &keeper.asked);
	}
	keeper.running = false;
	pthread_cond_broadcast(&keeper.done);
	lock_release(&keeper.lock);
	return NULL;
}

int keeper_start(const struct registry_ops *registry, void (*saved)(int result))
{
	sigset_t all, old;
	int r;

	must(registry && saved && !keeper.running);
	if (fault(thread))
		return -EAGAIN;
	keeper.registry = registry;
	keeper.saved = saved;
	keeper.running = true;
	keeper.busy = keeper.stop = false;
	/* signals are for the threads that wait for them */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&keeper.thread, NULL, keeper_main, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	keeper.running = r == 0;
	if (r == 0)
		pthread_setname_np(keeper.thread, "registry");
	return -r;
}

void keeper_save(const struct registry_change *changes, size_t n, uint64_t number)
{
	lock_take(&keeper.lock);
	must(n && keeper.running && !keeper.busy);
	keeper.busy = true;
	for (size_t i = 0; i < n; i++)
		*registry_add(&keeper.batch) = changes[i];
	keeper.batch.number = number;
	pthread_cond_signal(&keeper.asked);
	lock_release(&keeper.lock);
}

bool keeper_stop(uint64_t wait_ns)
{
	uint64_t until = clock_mono_ns() + wait_ns;
	bool ended;

	if (!keeper.registry)
		return true;
	lock_take(&keeper.lock);
	keeper.stop = true;
	pthread_cond_signal(&keeper.asked);
	while (keeper.running && lock_wait_until(&keeper.lock, &keeper.done, until))
		;
	ended = !keeper.running;
	lock_release(&keeper.lock);
	if (!ended) {
		pthread_detach(keeper.thread);
		return false;
	}
	pthread_join(keeper.thread, NULL);
	keeper.registry->close();
	keeper.registry = NULL;
	return true;
}

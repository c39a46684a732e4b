/* SPDX-License-Identifier: MIT */
/* The life of services: see life.h.
 *
 * Ordering  T3 store(retired) release / load acquire by the owner (turn.c): teardown sees what the
 *              killer did.
 */
#include "core/actor/life.h"

#include "core/actor/handle.h"
#include "core/actor/module.h"
#include "core/actor/names.h"
#include "core/actor/remote.h"
#include "core/actor/send.h"
#include "core/actor/tally.h"
#include "core/actor/title.h"
#include "core/base/clock.h"
#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/log/log.h"

static struct {
	atomic_uint live; /* registered or in teardown */
	atomic_uint exit_monitor;
} S;

void service_init(const struct service_hooks *hooks)
{
	must(hooks->ready && hooks->empty);
	service_hooks = *hooks;
	/* relaxed: nobody else is there yet */
	atomic_store_explicit(&S.exit_monitor, 0, memory_order_relaxed);
	service_set_node(0);
	title_init();
}

unsigned service_count(void)
{
	return atomic_load_explicit(&S.live, memory_order_acquire);
}

uint32_t service_exit_monitor(void)
{
	return atomic_load_explicit(&S.exit_monitor, memory_order_relaxed); /* a lone value */
}

void service_set_exit_monitor(uint32_t handle)
{
	atomic_store_explicit(&S.exit_monitor, handle, memory_order_relaxed);
}

static void take_instance(struct service *s)
{
	spin_take(&s->instance_busy, LOCK_instance);
}

static void give_instance(struct service *s)
{
	spin_release(&s->instance_busy, LOCK_instance);
}

/* One service less. */
static void count_down(void)
{
	/* acq_rel: whoever sees 0 sees every teardown done */
	if (atomic_fetch_sub_explicit(&S.live, 1, memory_order_acq_rel) == 1)
		service_hooks.empty();
}

void service_release_instance(struct service *s)
{
	void *instance;

	take_instance(s);
	instance = s->instance;
	s->instance = NULL;
	give_instance(s);
	if (instance && s->module->release) {
		struct service *outer = service_running;

		service_running = s;
		s->module->release(instance);
		service_running = outer;
	}
}

/* The owner's last act: nobody can find the service any more, some may still push. */
void service_teardown(struct service *s, const char *why)
{
	uint32_t handle = service_handle(s);
	struct msg *m;

	must(why);
	service_release_instance(s);
	/* After the release, for a timeout that has fired is the instance's until then. */
	m = mailbox_close(&s->mailbox);
	while (m) {
		struct msg *next = m->next;

		if (!(m->flags & MSG_POISON))
			service_reject(m, why);
		m = next;
	}
	/* Again: a last callback may have registered a name, or asked for one, after the handle
	 * was gone. */
	names_remove_handle(handle);
	remote_get()->service_ended(handle);
	if (s->message_log)
		s->message_log->end(s);
	tally_end(s);
	/* From the next line on it may be another service: nobody who interrupts this thread
	 * shall take it for ours. */
	if (service_running == s)
		service_running = NULL;
	service_unref(s);
	count_down();
}

uint32_t service_launch(const char *module, const char *args)
{
	const struct module *mod = module_find(module);
	struct service *s;
	uint32_t handle;

	must(module && service_hooks.ready);
	if (!mod)
		return 0;
	void *instance = mod->create ? mod->create() : (void *)~(uintptr_t)0;

	if (!instance)
		return 0;
	s = handle_alloc();
	mailbox_open_owned(&s->mailbox); /* what arrives during init waits */
	atomic_store_explicit(&s->retired, false, memory_order_relaxed);
	atomic_store_explicit(&s->cpu_ns, 0, memory_order_relaxed);
	atomic_store_explicit(&s->messages, 0, memory_order_relaxed);
	atomic_store_explicit(&s->errors, 0, memory_order_relaxed);
	atomic_store_explicit(&s->turn_began_ns, 0, memory_order_relaxed);
	atomic_store_explicit(&s->endless, false, memory_order_relaxed);
	atomic_store_explicit(&s->starting, false, memory_order_relaxed);
	atomic_store_explicit(&s->wants, 0, memory_order_relaxed);
	atomic_store_explicit(&s->refusal_said_ns, 0, memory_order_relaxed);
	s->overload_said = 0;
	s->overload_said_ns = 0;
	atomic_store_explicit(&s->session, 0, memory_order_relaxed);
	atomic_store_explicit(&s->memory, 0, memory_order_relaxed);
	s->on_message = NULL;
	s->cb = NULL;
	s->ud = NULL;
	s->instance = instance;
	s->message_log = NULL;
	s->module = mod;
	s->born_ns = clock_mono_ns();
	s->args = mem_printf("%s%s%s", module, args && *args ? " " : "", args ? args : "");
	s->command_result = NULL;
	s->tally = (uint16_t)tally_launch(s->args);
	s->poison = (struct msg){ .flags = MSG_POISON };
	/* release: whoever grabs it sees the fields above */
	atomic_store_explicit(&s->refs, 1, memory_order_release);
	/* Before it can be found, and killed. */
	atomic_fetch_add_explicit(&S.live, 1, memory_order_acq_rel);
	handle = handle_register(s);
	if (!handle) {
		log_error("handle table is full: %s not launched", s->args);
		if (mod->release)
			mod->release(instance);
		tally_end(s);
		service_unref(s);
		count_down();
		return 0;
	}
	if (mod->init(instance, s, args) != 0) {
		log_printf(LOG_LEVEL_ERROR, handle, "FAILED launch %s", s->args);
		names_remove_handle(handle);
		if (handle_unregister(handle))
			service_teardown(s, "launch failed");
		else
			/* somebody retired it meanwhile: the owner's teardown is due */
			service_hooks.ready(s);
		return 0;
	}
	log_printf(LOG_LEVEL_INFO, handle, "LAUNCH %s", s->args);
	/* We are the owner still: a turn looks for mail and rests, or finds the service retired. */
	if (!mailbox_rest(&s->mailbox))
		service_hooks.ready(s);
	return handle;
}

bool service_retire(uint32_t handle)
{
	struct service *s = service_grab(handle);
	enum mailbox_push r;

	if (!s)
		return false;
	if (!handle_unregister(handle)) {
		service_unref(s);
		return false;
	}
	/* At once: whoever is told of the end may register the names anew. */
	names_remove_handle(handle);
	remote_get()->service_ended(handle);
	atomic_store_explicit(&s->retired, true, memory_order_release); /* T3 */
	r = mailbox_push(&s->mailbox, &s->poison);
	if (r == MAILBOX_WOKEN)
		service_hooks.ready(s);
	service_unref(s);
	return true;
}

static void retire_one(struct service *s, void *ud)
{
	(void)ud;
	(void)service_retire(service_handle(s));
}

void service_retire_all(void)
{
	service_foreach(retire_one, NULL);
}

bool service_signal(uint32_t handle, int sig)
{
	struct service *s = service_grab(handle);
	bool done = false;

	if (!s)
		return false;
	take_instance(s);
	if (s->instance && s->module->signal) {
		s->module->signal(s->instance, sig);
		done = true;
	}
	give_instance(s);
	service_unref(s);
	return done;
}

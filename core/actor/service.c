/* SPDX-License-Identifier: MIT */
/* Services: their life, their turns, and sending to them. Who has which handle is handle.c.
 *
 * Ordering  T3 store(retired) release / load acquire by the owner: teardown sees what the killer did.
 */
#include "core/actor/service.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/lock.h"
#include "core/actor/handle.h"
#include "core/log/log.h"
#include "core/base/mem.h"
#include "core/actor/module.h"
#include "core/actor/names.h"
#include "core/actor/overload.h"
#include "core/actor/remote.h"
#include "core/sched/timer.h"
#include "core/actor/title.h"

/* A turn ends after so long; then the others get theirs. While many messages wait it may last longer: as long
 * as senders are faster than their receiver, memory fills and leaves the caches. */
#define TURN_NS (50 * NS_PER_US)
#define TURN_LONG_NS (250 * NS_PER_US)
#define TURN_BACKLOG 256u

#define NO_SERVICE "no such service"

static struct {
	atomic_uint live;         /* registered or in teardown */
	atomic_uint exit_monitor;
	atomic_uint node;         /* gets what is sent to index 0 */
	uint64_t turn_cycles, turn_long_cycles; /* constant after init */
} S;

struct service_hooks service_hooks;

static _Thread_local struct service *current;

struct service *service_current(void)
{
	return current;
}

uint32_t service_handle(const struct service *s)
{
	/* relaxed: constant for as long as the caller may know s */
	return atomic_load_explicit(&s->handle, memory_order_relaxed);
}

unsigned service_harbor(void)
{
	return handle_local_bits() >> 24;
}

void service_init(const struct service_hooks *hooks)
{
	service_hooks = *hooks;
	S.turn_cycles = clock_cycles_in(TURN_NS);
	S.turn_long_cycles = clock_cycles_in(TURN_LONG_NS);
	/* relaxed: nobody else is there yet */
	atomic_store_explicit(&S.exit_monitor, 0, memory_order_relaxed);
	atomic_store_explicit(&S.node, 0, memory_order_relaxed);
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

/* m is not going to be answered; it stays the caller's. */
static void fail_request(const struct msg *m, const char *why)
{
	if (msg_wants_answer(m))
		service_send_error_text(m->dest, m->source, m->session, why);
}

void service_reject(struct msg *m, const char *why)
{
	fail_request(m, why);
	msg_drop(m);
}

/* ---- life ---- */

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

/* The owner's last act: nobody can find the service any more, some may still push. */
static void teardown(struct service *s, const char *why)
{
	uint32_t handle = service_handle(s);
	struct msg *m;
	void *instance;

	take_instance(s);
	instance = s->instance;
	s->instance = NULL;
	give_instance(s);
	if (instance && s->module->release) {
		struct service *outer = current;

		current = s;
		s->module->release(instance);
		current = outer;
	}
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
	/* From the next line on it may be another service: nobody who interrupts this thread
	 * shall take it for ours. */
	if (current == s)
		current = NULL;
	service_unref(s);
	count_down();
}

uint32_t service_launch(const char *module, const char *args)
{
	const struct module *mod = module_find(module);
	struct service *s;
	uint32_t handle;

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
	atomic_store_explicit(&s->turn_began_ns, 0, memory_order_relaxed);
	atomic_store_explicit(&s->endless, false, memory_order_relaxed);
	atomic_store_explicit(&s->starting, false, memory_order_relaxed);
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
		service_unref(s);
		count_down();
		return 0;
	}
	if (mod->init(instance, s, args) != 0) {
		log_printf(LOG_LEVEL_ERROR, handle, "FAILED launch %s", s->args);
		names_remove_handle(handle);
		if (handle_unregister(handle))
			teardown(s, "launch failed");
		else
			service_hooks.ready(s); /* somebody retired it meanwhile: the owner's teardown is due */
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

static void deliver_to_cb(struct service *s, void *ud, struct msg *m)
{
	service_cb cb = s->cb;

	assert(cb);
	/* A callee that keeps nothing has nothing to free. Read before: what it keeps it may have freed. */
	bool empty = m->size == 0;

	if (cb(s, ud, m->type, m->session, m->source, empty ? NULL : msg_payload(m), m->size) == 0 || empty)
		msg_destroy(m);
}

void service_set_callback(struct service *s, void *ud, service_cb cb)
{
	s->cb = cb;
	service_set_message_callback(s, ud, cb ? deliver_to_cb : NULL);
}

void service_set_message_callback(struct service *s, void *ud, service_msg_cb cb)
{
	s->ud = ud;
	*(unlikely(s->message_log != NULL) ? &s->message_log->next : &s->on_message) = cb;
}

void service_set_message_log(struct service *s, struct message_log *log)
{
	service_msg_cb cb = s->message_log ? s->message_log->next : s->on_message;

	s->message_log = log;
	if (log)
		log->next = cb;
	s->on_message = log ? log->write : cb;
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

int32_t service_new_session(struct service *s)
{
	/* relaxed: a counter; atomic only because C services may send from their own threads */
	uint32_t n = (uint32_t)atomic_fetch_add_explicit(&s->session, 1, memory_order_relaxed) + 1;

	n &= 0x7fffffff;
	return n ? (int32_t)n : service_new_session(s);
}

/* began_cycles: 0 at first. Most turns are one message, and these read no clock for it. */
static inline bool turn_is_over(const struct service *s, uint64_t began_ns, uint64_t *began_cycles)
{
	uint64_t spent, cycles = clock_cycles();

	if (!*began_cycles)
		*began_cycles = cycles - clock_cycles_in(clock_mono_ns() - began_ns);
	spent = cycles - *began_cycles;
	return unlikely(spent > S.turn_cycles) &&
	       (spent > S.turn_long_cycles || mailbox_taken(&s->mailbox) < TURN_BACKLOG);
}

/* A message with a flag for us. false: it is not to be delivered. */
static noinline bool take_special(struct service *s, struct msg *m)
{
	if (m->flags & MSG_POISON)
		return false;
	if (m->flags & MSG_ORDER) {
		((const struct service_order *)msg_payload(m))->obey(s, m);
		return false;
	}
	if (m->flags & MSG_COUNTED)
		mailbox_uncount(&s->mailbox, m);
	if (m->flags & MSG_MARK)
		msg_taken(m);
	return true;
}

static inline void note(struct turn *t, const struct msg *m)
{
	atomic_store_explicit(&t->source, m->source, memory_order_relaxed);
	atomic_store_explicit(&t->session, m->session, memory_order_relaxed);
	atomic_store_explicit(&t->type, m->type, memory_order_relaxed);
	atomic_store_explicit(&t->progress, atomic_load_explicit(&t->progress, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

bool service_run(struct service *s, struct turn *turn, uint64_t *now)
{
	const uint32_t handle = service_handle(s);
	const uint64_t began = *now;
	uint64_t messages = 0, began_cycles = 0;
	bool more = true, first = true;

	current = s;
	/* relaxed, all of the statistics: the owner is the only writer */
	atomic_store_explicit(&s->turn_began_ns, began, memory_order_relaxed);
	for (;;) {
		struct msg *m;

		if (unlikely(atomic_load_explicit(&s->retired, memory_order_acquire))) { /* T3 */
			/* Not now: whoever was just answered goes first, and an idle worker may do it. */
			if (!first)
				break;
			*now = clock_mono_ns();
			teardown(s, "service ended");
			more = false;
			goto out;
		}
		if (!first && mailbox_waits(&s->mailbox) && turn_is_over(s, began, &began_cycles))
			break;
		first = false;
		m = mailbox_pop(&s->mailbox);
		if (!m) {
			uint64_t t = clock_mono_ns();

			atomic_store_explicit(&s->cpu_ns,
					      atomic_load_explicit(&s->cpu_ns, memory_order_relaxed) +
						      (t - *now),
					      memory_order_relaxed);
			atomic_store_explicit(
				&s->messages,
				atomic_load_explicit(&s->messages, memory_order_relaxed) + messages,
				memory_order_relaxed);
			messages = 0;
			atomic_store_explicit(&s->turn_began_ns, 0, memory_order_relaxed);
			*now = t;
			if (mailbox_rest(&s->mailbox)) {
				more = false;
				goto out; /* not ours any more */
			}
			atomic_store_explicit(&s->turn_began_ns, t, memory_order_relaxed);
			continue;
		}
		if (unlikely(m->flags & (MSG_POISON | MSG_ORDER | MSG_COUNTED | MSG_MARK)) && !take_special(s, m))
			continue;
		if (unlikely(m->dest != handle)) {
			/* for an earlier service of this slot */
			service_reject(m, NO_SERVICE);
			continue;
		}
		unsigned length = mailbox_overload(&s->mailbox);

		if (unlikely(length))
			overload_report(s, length);
		note(turn, m);
		messages++;
		if (likely(s->on_message != NULL))
			s->on_message(s, s->ud, m);
		else
			service_reject(m, SERVICE_NO_CALLBACK);
	}
	{
		uint64_t t = clock_mono_ns();

		atomic_store_explicit(&s->cpu_ns,
				      atomic_load_explicit(&s->cpu_ns, memory_order_relaxed) + (t - *now),
				      memory_order_relaxed);
		atomic_store_explicit(&s->messages,
				      atomic_load_explicit(&s->messages, memory_order_relaxed) + messages,
				      memory_order_relaxed);
		atomic_store_explicit(&s->turn_began_ns, 0, memory_order_relaxed);
		*now = t;
	}
out:
	current = NULL;
	return more;
}

/* ---- sending ---- */

must_use static inline int push(struct service *s, struct msg *m)
{
	if (unlikely(mailbox_bound(&s->mailbox)) && !overload_admit(s, m)) {
		service_reject(m, "the mailbox is full");
		return SEND_REFUSED;
	}
	switch (mailbox_push(&s->mailbox, m)) {
	case MAILBOX_PUSHED:
		return SEND_OK;
	case MAILBOX_WOKEN:
		service_hooks.ready(s);
		return SEND_OK;
	case MAILBOX_CLOSED:
		break;
	}
	if (unlikely(m->flags & MSG_COUNTED))
		mailbox_uncount(&s->mailbox, m);
	msg_destroy(m);
	return SEND_NO_SERVICE;
}

void service_set_node(uint32_t handle)
{
	atomic_store_explicit(&S.node, handle, memory_order_relaxed); /* a lone value */
}

/* No service has this handle. */
static struct service *node_service(struct msg *m)
{
	uint32_t node = atomic_load_explicit(&S.node, memory_order_relaxed);
	struct service *s = (m->dest & HANDLE_INDEX_MAX) == 0 && node ? handle_lookup(node) : NULL;

	if (s)
		m->dest = node;
	return s;
}

static noinline int send_to_nobody(struct msg *m)
{
	struct service *s = node_service(m);

	if (s)
		return push(s, m);
	msg_destroy(m);
	return SEND_NO_SERVICE;
}

int service_send(struct msg *m)
{
	const uint32_t dest = m->dest;
	struct service *s;

	if (unlikely((dest & 0xff000000u) != handle_local_bits() && dest >> 24 != 0)) {
		return remote_get()->send(m);
	}
	if (unlikely(dest == 0)) {
		msg_destroy(m);
		return SEND_INVALID;
	}
	s = handle_lookup(dest);
	if (likely(s != NULL))
		return push(s, m);
	return send_to_nobody(m);
}

uint32_t service_find(const char *address)
{
	if (address[0] == ':')
		return (uint32_t)strtoul(address + 1, NULL, 16);
	if (address[0] == '.')
		return names_find(address + 1);
	return 0;
}

int service_send_name(const char *address, struct msg *m)
{
	if (address[0] == ':' || address[0] == '.') {
		m->dest = service_find(address);
		if (m->dest == 0) {
			msg_destroy(m);
			return SEND_NO_SERVICE;
		}
		return service_send(m);
	}
	return remote_get()->send_name(address, m);
}

/* What is needed to tell the sender, for the message itself is gone by then. */
static int tell_sender(int r, const struct msg *head)
{
	if (unlikely(r != SEND_OK && r != SEND_REFUSED))
		fail_request(head, NO_SERVICE);
	return r;
}

int service_forward(struct msg *m)
{
	const struct msg head = *m;

	return tell_sender(service_send(m), &head);
}

int service_forward_name(const char *address, struct msg *m)
{
	const struct msg head = *m;

	return tell_sender(service_send_name(address, m), &head);
}

void service_answer(uint32_t from, uint32_t to, int32_t session, const void *data, size_t size)
{
	struct msg *m;

	if (!session)
		return;
	m = msg_create_copy(data, size);
	m->source = from;
	m->dest = to;
	m->session = session;
	m->type = PTYPE_RESPONSE;
	service_forward(m);
}

void service_send_error_text(uint32_t from, uint32_t to, int32_t session, const char *why)
{
	struct msg *m;

	if (to == 0)
		return;
	m = why ? msg_create_copy(why, strlen(why)) : msg_create(0);
	m->source = from;
	m->dest = to;
	m->session = session;
	m->type = PTYPE_ERROR;
	service_forward(m);
}

void service_send_error(uint32_t from, uint32_t to, int32_t session)
{
	service_send_error_text(from, to, session, NULL);
}

/* ---- timeouts: the timer lies where the payload would be ---- */

struct timeout {
	struct timer timer; /* first: what fires is it */
	/* No reference: a service's memory stays one, and a later service of the slot is not m->dest. Not looked up by
	 * handle, for a retired service must find the message in its mailbox until its instance is released. */
	struct service *to;
	uint32_t tag;
};

/* A service that has ended meanwhile wants it no more. */
static void timeout_push(struct service *s, struct timeout *t)
{
	int r = push(s, msg_of(t));

	(void)r;
}

static void timeout_fire(struct timer *timer)
{
	struct timeout *t = (struct timeout *)timer;

	timeout_push(t->to, t);
}

static bool is_timeout_of(const struct timer *timer, void *s)
{
	return timer->fire == timeout_fire && ((const struct timeout *)timer)->to == s;
}

bool service_waits_for_timeout(struct service *s)
{
	return timer_any(is_timeout_of, s);
}

uint32_t service_timeout_tag(const struct msg *m)
{
	return m->flags & MSG_TIMEOUT ? ((const struct timeout *)msg_payload(m))->tag : 0;
}

struct msg *service_timeout(struct service *s, int32_t session, uint32_t tag, uint64_t delay_ns)
{
	struct msg *m = msg_create(sizeof(struct timeout));
	struct timeout *t = msg_payload(m);

	m->size = 0;
	m->dest = service_handle(s);
	m->session = session;
	m->type = PTYPE_RESPONSE;
	m->flags = MSG_TIMEOUT;
	*t = (struct timeout){ .timer.fire = timeout_fire, .to = s, .tag = tag };
	if (delay_ns)
		timer_arm(&t->timer, clock_mono_ns() + delay_ns);
	else
		timeout_push(s, t);
	return m;
}

bool service_timeout_cancel(struct msg *timeout)
{
	if (!timer_disarm(msg_payload(timeout)))
		return false;
	msg_destroy(timeout);
	return true;
}

void service_log(struct service *s, int level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vprintf((enum log_level)level, s ? service_handle(s) : 0, fmt, ap);
	va_end(ap);
}

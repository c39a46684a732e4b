/* SPDX-License-Identifier: MIT */
/* What a service is, and what its own code sets of it: see service.h. */
#include "core/actor/service.h"

#include "core/base/must.h"
#include "core/log/log.h"

struct service_hooks service_hooks;

_Thread_local struct service *service_running;

struct service *service_current(void)
{
	return service_running;
}

uint32_t service_handle(const struct service *s)
{
	/* relaxed: constant for as long as the caller may know s */
	return atomic_load_explicit(&s->handle, memory_order_relaxed);
}

static void deliver_to_cb(struct service *s, void *ud, struct msg *m)
{
	service_cb cb = s->cb;

	must_slow(cb);
	/* A callee that keeps nothing has nothing to free. Read before: what it keeps it may have
	 * freed. */
	bool empty = m->size == 0;

	int keeps = cb(s, ud, m->type, m->session, m->source, empty ? NULL : msg_payload(m),
		       m->size);

	if (!keeps || empty)
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
	must(!log || (log->write && log->end));
	service_msg_cb cb = s->message_log ? s->message_log->next : s->on_message;

	s->message_log = log;
	if (log)
		log->next = cb;
	s->on_message = log ? log->write : cb;
}

int32_t service_new_session(struct service *s)
{
	/* relaxed: a counter; atomic only because C services may send from their own threads */
	uint32_t n = (uint32_t)atomic_fetch_add_explicit(&s->session, 1, memory_order_relaxed) + 1;

	n &= 0x7fffffff;
	return n ? (int32_t)n : service_new_session(s);
}

void service_log(struct service *s, int level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vwrite(NULL, (enum log_level)level, s ? service_handle(s) : 0, fmt, ap);
	va_end(ap);
}

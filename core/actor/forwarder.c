/* SPDX-License-Identifier: MIT */
/* Forwarders: see forwarder.h. */
#include "core/actor/forwarder.h"

#include <stdatomic.h>

#include "core/actor/life.h"
#include "core/actor/move.h"
#include "core/base/must.h"

/* Answers are for calls of the old life, which has none left; events of sockets and timers end
 * with it. */
static void forward(struct service *s, void *ud, struct msg *m)
{
	(void)s;
	if (msg_is_answer(m) || m->type == PTYPE_SOCKET) {
		msg_drop(m);
		return;
	}
	m->dest = (uint32_t)(uintptr_t)ud;
	(void)move_get()->relay(m);
}

void forwarder_make(struct service *s, uint32_t to, struct msg *held)
{
	must(to);
	service_release_instance(s);
	service_set_message_callback(s, (void *)(uintptr_t)to, forward);
	while (held) {
		struct msg *next = held->next;

		forward(s, (void *)(uintptr_t)to, held);
		held = next;
	}
	atomic_store_explicit(&s->wants, 0, memory_order_relaxed);
	atomic_store_explicit(&s->memory, 0, memory_order_relaxed);
}

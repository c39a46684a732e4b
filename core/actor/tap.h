/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Who listens in on what services send, while one is recorded or replayed. NULL: nobody, which
 * costs a sender one load.
 *
 * Threads: set from any; the functions run on the thread that sends.
 */
#include <stdatomic.h>
#include <stdint.h>
#include "core/actor/msg.h"

struct service_tap {
	/* In the place of service_send; name: of service_send_name, when it goes by a global name.
	 * Takes m, returns SEND_*. It sends by service_send_untapped. */
	int (*send)(struct msg *m_take, const char *name);
	/* In the place of a look at the local names; name: without its dot. */
	uint32_t (*find)(const char *name);
	/* In the place of service_name_fence. */
	uint64_t (*fence)(const char *name, uint32_t *ret_handle);
};

/* Relaxed: a table that is constant; who sends meanwhile is heard or not. */
extern _Atomic(const struct service_tap *) service_tap;

/* What service_send does, and service_send_name with a global name (NULL: by m->dest). */
must_use int service_send_untapped(struct msg *m_take, const char *name);
/* The local name without its dot -> handle, 0 if unknown. */
uint32_t service_find_untapped(const char *name);

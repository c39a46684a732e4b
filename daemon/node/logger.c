/* SPDX-License-Identifier: MIT */
/*
 * `.logger`. With a log service of the user's, the log's sink sends each record as a text message
 * whose source is the service that spoke; when that service is gone the lines go to the old sink.
 */
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "core/log/log.h"
#include "core/actor/module.h"
#include "core/actor/names.h"
#include "core/actor/handle.h"
#include "core/actor/life.h"
#include "core/actor/send.h"
#include "core/actor/service.h"
#include "daemon/node/logger.h"
#include "daemon/node/logsink.h"

/* [any] the user's log service, 0 = none. Relaxed: a handle, checked by every send. */
static atomic_uint_least32_t user_logger;

static int on_message(struct service *s, void *ud, int type, int session, uint32_t source,
		      const void *msg, size_t size)
{
	if (type == PTYPE_TEXT)
		log_write(NULL, LOG_LEVEL_INFO, source, size ? msg : "", size);
	else if (type == PTYPE_SYSTEM)
		log_reopen();
	else if (ptype_wants_answer(type, session))
		service_send_error_text(service_handle(s), source, session,
					"the logger answers nothing");
	return 0;
}

static int init(void *instance, struct service *s, const char *args)
{
	service_set_callback(s, NULL, on_message);
	return 0;
}

static const struct module logger_module = { .name = "logger", .init = init };

void logger_init(void)
{
	module_add(&logger_module);
}

static void service_write(void *ud, const struct log_record *r)
{
	uint32_t handle = atomic_load_explicit(&user_logger, memory_order_relaxed);
	struct msg *m;

	if (handle) {
		m = msg_create_copy(r->text, r->size);
		m->source = r->source;
		m->dest = handle;
		m->type = PTYPE_TEXT;
		if (service_send(m) == SEND_OK)
			return;
	}
	logsink_write(r);
}

/* Ours opens its file; a user's keeps files of its own, and is told. */
static int service_reopen(void *ud)
{
	struct msg *m = msg_create(0);

	m->dest = atomic_load_explicit(&user_logger, memory_order_relaxed);
	m->type = PTYPE_SYSTEM;
	if (m->dest)
		service_forward(m);
	else
		msg_destroy(m);
	return logsink_reopen();
}

static const struct log_sink service_sink = { .write = service_write, .reopen = service_reopen };

uint32_t logger_launch(const char *service, const char *parm)
{
	bool ours = !service || strcmp(service, "logger") == 0;
	/* It is the first service of all. Named before it is launched: one in Lua runs at
	 * once, and may look. */
	uint32_t first = (uint32_t)service_harbor() << 24 | 1, handle;

	names_register("logger", first);
	handle = service_launch(ours ? "logger" : service, ours ? NULL : parm);
	if (handle != first)
		names_remove_handle(first);
	if (!handle)
		return 0;
	names_register("logger", handle);
	if (!ours) {
		atomic_store_explicit(&user_logger, handle, memory_order_relaxed);
		log_set_sink(&service_sink, NULL);
	}
	return handle;
}

void logger_detach(void)
{
	atomic_store_explicit(&user_logger, 0, memory_order_relaxed);
}

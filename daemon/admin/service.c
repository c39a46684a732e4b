/* SPDX-License-Identifier: MIT */
/*
 * `.daemon`: see service.h. The watchdog's question arrives as PTYPE_SYSTEM from source 0. It is
 * a number and no pointer: any service can forge such a message, and must gain nothing.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "core/node/env.h"
#include "core/base/lock.h"
#include "core/log/log.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/actor/module.h"
#include "core/actor/names.h"
#include "core/actor/life.h"
#include "core/actor/send.h"
#include "core/actor/service.h"
#include "daemon/admin/call.h"
#include "daemon/admin/commands.h"
#include "daemon/admin/service.h"

#define MODULE "harbord"
#define START_DONE "start_done"
#define START_FAILED "start_failed"
#define BOOT_FAILED "boot_failed"

static void (*wake_main)(void);
/* set by admin_service_launch, then constant */
/* a lone value, relaxed everywhere; 0: not launched yet, and requests go to nobody */
static atomic_uint self;
/* [any] a lone number that only grows; relaxed */
static atomic_uint_least64_t pong;
/* release by the service / acquire by readers: error_text is complete */
static atomic_int state;
static struct lock error_lock = LOCK_INIT(start);
static char error_text[ADMIN_START_ERROR_MAX];

static void started(enum admin_start st, const char *text, size_t n)
{
	int pending = ADMIN_START_PENDING;

	lock_take(&error_lock);
	if (atomic_load_explicit(&state, memory_order_relaxed) == pending)
		snprintf(error_text, sizeof(error_text), "%.*s", (int)(n < 65536 ? n : 65536),
			 text);
	atomic_compare_exchange_strong_explicit(&state, &pending, st, memory_order_release,
						memory_order_relaxed);
	lock_release(&error_lock);
	wake_main();
}

/* A word, alone or with text behind it. */
static void on_text(const char *p, size_t n)
{
	const char *blank = memchr(p, ' ', n);
	size_t word = blank ? (size_t)(blank - p) : n, skip = blank ? word + 1 : word;

	if (word == strlen(START_DONE) && memcmp(p, START_DONE, word) == 0)
		started(ADMIN_START_DONE, "", 0);
	else if (word == strlen(START_FAILED) && memcmp(p, START_FAILED, word) == 0)
		started(ADMIN_START_FAILED, p + skip, n - skip);
	else if (word == strlen(BOOT_FAILED) && memcmp(p, BOOT_FAILED, word) == 0)
		started(ADMIN_BOOT_FAILED, p + skip, n - skip);
}

static void on_request(const void *p, size_t n)
{
	uint64_t number;

	if (n != sizeof(number))
		return;
	memcpy(&number, p, n);
	atomic_store_explicit(&pong, number, memory_order_relaxed);
}

/* '+' or '-', then the body: what asker_relay reads at the other node. */
static void answer_node(const struct asker *a, bool well, const char *body, size_t n)
{
	struct msg *m = msg_create(n + 1);
	char *to = msg_payload(m);

	to[0] = well ? '+' : '-';
	memcpy(to + 1, body, n);
	service_forward(msg_address_answer(m, atomic_load_explicit(&self, memory_order_relaxed),
					   a->source, a->session, PTYPE_RESPONSE));
}

/* A command of another node's harborctl. */
static void on_command(uint32_t source, int32_t session, const char *p, size_t n)
{
	const struct asker who = {
		.answer = answer_node, .is_node = true, .source = source, .session = session
	};
	cleanup(mem_freep) char *line = mem_strndup(p, n);

	if (strlen(line) != n)
		asker_refuse(&who, "malformed request");
	else
		commands_serve(&who, line);
}

static int on_message(struct service *s, void *ud, int type, int session, uint32_t source,
		      const void *msg, size_t size)
{
	switch (type) {
	case PTYPE_TEXT:
		if (session)
			on_command(source, session, size ? msg : "", size);
		else
			on_text(size ? msg : "", size);
		break;
	case PTYPE_SYSTEM:
		if (source == 0)
			on_request(msg, size);
		break;
	case PTYPE_RESPONSE:
	case PTYPE_ERROR:
		call_answer(type, source, session, msg, size);
		break;
	default:
		if (ptype_wants_answer(type, session))
			service_send_error_text(service_handle(s), source, session,
						"no such request");
	}
	return 0;
}

static int init(void *instance, struct service *s, const char *args)
{
	if (atomic_load_explicit(&self, memory_order_relaxed))
		return -1; /* one a process: Lua could launch another by name */
	service_set_callback(s, NULL, on_message);
	return 0;
}

static void release(void *instance)
{
	call_close();
}

static const struct module module = { .name = MODULE, .init = init, .release = release };

void admin_service_init(void (*wake)(void))
{
	must(wake);
	wake_main = wake;
	module_add(&module);
}

uint32_t admin_service_launch(void)
{
	uint32_t handle = service_launch(MODULE, NULL);

	atomic_store_explicit(&self, handle, memory_order_relaxed);
	if (handle) {
		names_register("daemon", handle);
		service_set_node(handle);
	}
	return handle;
}

void admin_service_open_calls(void)
{
	call_open(atomic_load_explicit(&self, memory_order_relaxed));
}

enum admin_start admin_service_start_state(void)
{
	/* the message is the rule; a bootstrap of an older kind sets the environment only */
	if (env_get(START_FAILED))
		return ADMIN_START_FAILED;
	if (env_get(BOOT_FAILED))
		return ADMIN_BOOT_FAILED;
	if (env_get(START_DONE))
		return ADMIN_START_DONE;
	return (enum admin_start)atomic_load_explicit(&state, memory_order_acquire);
}

void admin_service_start_error(char *ret_text, size_t size)
{
	const char *env = env_get(START_FAILED);

	if (!env)
		env = env_get(BOOT_FAILED);
	lock_take(&error_lock);
	snprintf(ret_text, size, "%s", error_text[0] || !env ? error_text : env);
	lock_release(&error_lock);
}

/* ---- the watchdog ---- */

void admin_service_ping(uint64_t number)
{
	struct msg *m = msg_create_copy(&number, sizeof(number));

	m->dest = atomic_load_explicit(&self, memory_order_relaxed);
	m->type = PTYPE_SYSTEM;
	/* unanswered before `.daemon` is launched and after its end, as the watchdog expects */
	service_forward(m);
}

uint64_t admin_service_pong(void)
{
	return atomic_load_explicit(&pong, memory_order_relaxed);
}

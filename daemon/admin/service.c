/* SPDX-License-Identifier: MIT */
/*
 * `.daemon`. What the process itself asks of it arrives as PTYPE_SYSTEM from source 0. Such a message
 * holds numbers and text only, no pointer: any service can forge one, and must gain nothing.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "core/node/env.h"
#include "core/base/lock.h"
#include "core/log/log.h"
#include "core/base/mem.h"
#include "core/actor/module.h"
#include "core/actor/names.h"
#include "core/actor/life.h"
#include "core/actor/send.h"
#include "core/actor/service.h"
#include "daemon/admin/call.h"
#include "daemon/admin/commands.h"
#include "daemon/admin/service.h"
#include "daemon/admin/words.h"

#define MODULE "harbord"
#define START_DONE "start_done"
#define START_FAILED "start_failed"
#define BOOT_FAILED "boot_failed"

enum { REQUEST_PING = 1, REQUEST_CALL, REQUEST_ADMIN, REQUEST_NODE };

#define ADMIN_SERVICE "harboradmin"

struct request {
	uint32_t kind;
	struct asker who;
	uint64_t number;
	char words[]; /* NUL-terminated, one after the other */
};

static void (*wake_main)(void);
/* set by control_launch, then constant */
static atomic_uint self; /* a lone value, relaxed everywhere; 0: not launched yet, and requests go to nobody */
/* [any] a lone number that only grows; relaxed */
static atomic_uint_least64_t pong;
/* release by the service / acquire by readers: error_text is complete */
static atomic_int state;
static struct lock error_lock = LOCK_INIT(start);
static char error_text[CONTROL_ERROR_MAX];

static void started(enum control_start st, const char *text, size_t n)
{
	int pending = CONTROL_START_PENDING;

	lock_take(&error_lock);
	if (atomic_load_explicit(&state, memory_order_relaxed) == pending)
		snprintf(error_text, sizeof(error_text), "%.*s", (int)(n < 65536 ? n : 65536), text);
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
		started(CONTROL_START_DONE, "", 0);
	else if (word == strlen(START_FAILED) && memcmp(p, START_FAILED, word) == 0)
		started(CONTROL_START_FAILED, p + skip, n - skip);
	else if (word == strlen(BOOT_FAILED) && memcmp(p, BOOT_FAILED, word) == 0)
		started(CONTROL_BOOT_FAILED, p + skip, n - skip);
}

/* 0: it cannot be launched. */
static uint32_t admin_service(void)
{
	uint32_t handle = names_find(ADMIN_SERVICE);

	if (!handle) {
		handle = service_launch("snlua", ADMIN_SERVICE);
		if (handle)
			names_register(ADMIN_SERVICE, handle);
	}
	return handle;
}

static void on_request(struct service *s, const void *p, size_t n)
{
	const struct request *r = p;

	if (n < sizeof(*r))
		return;
	if (r->kind == REQUEST_PING)
		atomic_store_explicit(&pong, r->number, memory_order_relaxed);
	if (n == sizeof(*r) || r->words[n - sizeof(*r) - 1] != 0)
		return;
	n -= sizeof(*r);
	if (r->kind == REQUEST_CALL)
		call_begin(s, &r->who, CALL_SERVICE, 0, r->words, n);
	else if (r->kind == REQUEST_ADMIN)
		call_begin(s, &r->who, CALL_ADMIN, admin_service(), r->words, n);
	else if (r->kind == REQUEST_NODE)
		call_begin(s, &r->who, CALL_NODE, (uint32_t)r->number << 24, r->words, n);
}

/* A command of another node's harborctl: words, each NUL-terminated. */
static void on_command(uint32_t source, int32_t session, const char *p, size_t n)
{
	const struct asker who = { .source = source, .session = session };
	cleanup(mem_freep) char *copy = NULL;
	char *words[COMMANDS_WORDS_MAX];
	const char *why = NULL;
	struct json j;
	int count;

	copy = mem_alloc(n);
	memcpy(copy, p, n);
	count = words_of_block(copy, n, words, array_len(words));
	/* it may not be passed on to yet another node */
	if (count < 1 || words[0][0] == '@') {
		asker_refuse(&who, "malformed request");
		return;
	}
	json_init(&j);
	switch (commands_run(&who, (unsigned)count, words, &j, &why)) {
	case COMMANDS_DONE:
		asker_answer(&who, &j);
		break;
	case COMMANDS_FAILED:
		asker_refuse(&who, why);
		break;
	case COMMANDS_LATER:
		break;
	}
	json_fini(&j);
}

static int on_message(struct service *s, void *ud, int type, int session, uint32_t source, const void *msg,
		      size_t size)
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
			on_request(s, msg, size);
		break;
	case PTYPE_RESPONSE:
	case PTYPE_ERROR:
		call_answer(type, source, session, msg, size);
		break;
	default:
		if (session)
			service_send_error_text(service_handle(s), source, session, "no such request");
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
	call_end_all();
}

static const struct module module = { .name = MODULE, .init = init, .release = release };

void control_init(void (*wake)(void))
{
	wake_main = wake;
	module_add(&module);
}

uint32_t control_launch(void)
{
	uint32_t handle = service_launch(MODULE, NULL);

	atomic_store_explicit(&self, handle, memory_order_relaxed);
	if (handle) {
		names_register("daemon", handle);
		service_set_node(handle);
	}
	return handle;
}

enum control_start control_start_state(void)
{
	/* the message is the rule; a bootstrap of an older kind sets the environment only */
	if (env_get(START_FAILED))
		return CONTROL_START_FAILED;
	if (env_get(BOOT_FAILED))
		return CONTROL_BOOT_FAILED;
	if (env_get(START_DONE))
		return CONTROL_START_DONE;
	return (enum control_start)atomic_load_explicit(&state, memory_order_acquire);
}

void control_start_error(char *ret_text, size_t size)
{
	const char *env = env_get(START_FAILED);

	if (!env)
		env = env_get(BOOT_FAILED);
	lock_take(&error_lock);
	snprintf(ret_text, size, "%s", error_text[0] || !env ? error_text : env);
	lock_release(&error_lock);
}

/* ---- what the process sends ---- */

static struct msg *request(uint32_t kind, size_t words)
{
	struct msg *m = msg_create(sizeof(struct request) + words);
	struct request *r = msg_payload(m);

	r->kind = kind;
	r->who = (struct asker){ 0 };
	r->number = 0;
	m->dest = atomic_load_explicit(&self, memory_order_relaxed);
	m->type = PTYPE_SYSTEM;
	return m;
}

void control_ping(uint64_t number)
{
	struct msg *m = request(REQUEST_PING, 0);

	((struct request *)msg_payload(m))->number = number;
	service_forward(m); /* unanswered before `.daemon` is launched and after its end, as the watchdog expects */
}

uint64_t control_pong(void)
{
	return atomic_load_explicit(&pong, memory_order_relaxed);
}

static void ask(uint32_t kind, const struct asker *who, uint64_t number, unsigned n, char *const *words)
{
	size_t bytes = 0;
	struct msg *m;
	char *to;

	for (unsigned i = 0; i < n; i++)
		bytes += strlen(words[i]) + 1;
	m = request(kind, bytes);
	((struct request *)msg_payload(m))->who = *who;
	((struct request *)msg_payload(m))->number = number;
	to = ((struct request *)msg_payload(m))->words;
	for (unsigned i = 0; i < n; i++)
		to = stpcpy(to, words[i]) + 1;
	if (service_send(m) != SEND_OK)
		asker_refuse(who, "the node is not ready for calls");
}

void control_call(const struct asker *who, unsigned n, char *const *words)
{
	ask(REQUEST_CALL, who, 0, n, words);
}

void control_admin(const struct asker *who, unsigned n, char *const *words)
{
	ask(REQUEST_ADMIN, who, 0, n, words);
}

void control_forward(const struct asker *who, unsigned harbor, unsigned n, char *const *words)
{
	ask(REQUEST_NODE, who, harbor, n, words);
}

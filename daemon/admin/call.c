/* SPDX-License-Identifier: MIT */
/*
 * Calls for commands: see call.h. A call's session is also the session of its deadline: whatever
 * comes first, answer, error or timer (source 0), finishes it, and the others find no entry.
 * `.daemon` makes no other requests, so the sessions are counted here and not by the service,
 * whose counter only its own turn may touch.
 */
#include <string.h>

#include "core/actor/handle.h"
#include "core/actor/life.h"
#include "core/actor/move.h"
#include "core/actor/names.h"
#include "core/actor/send.h"
#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/sched/timeout.h"
#include "daemon/admin/call.h"

#define LUA_SERVICE "harboradmin"

struct call {
	int32_t session; /* 0 = free */
	struct asker who;
	unsigned harbor; /* the node that is asked; 0: a service of this one */
	struct msg *deadline;
};

/* [lock] */
static struct lock lock = LOCK_INIT(calls);
static struct call calls[CALLS_MAX];
static int32_t last_session;
static uint32_t self; /* 0: no calls yet, or no more */

static struct call *find_locked(int32_t session)
{
	lock_held(&lock);
	for (unsigned i = 0; i < CALLS_MAX; i++)
		if (calls[i].session == session)
			return &calls[i];
	return NULL;
}

void call_open(uint32_t handle)
{
	must(handle);
	lock_take(&lock);
	self = handle;
	lock_release(&lock);
}

void call_close(void)
{
	struct call waiting[CALLS_MAX];

	lock_take(&lock);
	self = 0;
	/* their deadlines may have died in the closed mailbox already, so they are left alone */
	memcpy(waiting, calls, sizeof(calls));
	memset(calls, 0, sizeof(calls));
	lock_release(&lock);
	for (unsigned i = 0; i < CALLS_MAX; i++)
		if (waiting[i].session)
			asker_refuse(&waiting[i].who, "the node is stopping");
}

/* Takes the entry out; false: it is no call of ours, or has its answer already. Its deadline
 * still comes, unless `.daemon` cancels it, and finds no entry. */
static bool take(int32_t session, struct call *ret)
{
	struct call *c;

	if (session <= 0)
		return false;
	lock_take(&lock);
	c = find_locked(session);
	if (c) {
		*ret = *c;
		c->session = 0;
	}
	lock_release(&lock);
	return c;
}

/* ---- the request ---- */

/* Enters a call and its deadline. NULL, or why there is none. */
static const char *enter_locked(const struct asker *who, unsigned harbor, uint64_t patience_ns,
				int32_t *ret_session)
{
	struct service *s = self ? service_grab(self) : NULL;
	struct call *c = find_locked(0);

	if (!s)
		return "the node is not ready for calls";
	if (c) {
		last_session = last_session == INT32_MAX ? 1 : last_session + 1;
		*c = (struct call){ .session = last_session, .who = *who, .harbor = harbor };
		c->deadline = service_timeout_fixed(s, c->session, patience_ns);
		*ret_session = c->session;
	}
	service_unref(s);
	return c ? NULL : "too many calls wait for an answer";
}

/* 0: it cannot be launched. Of two that are launched at once the second ends before it has
 * done anything. */
static uint32_t lua_service(void)
{
	uint32_t handle = names_find(LUA_SERVICE);

	if (handle)
		return handle;
	handle = service_launch("snlua", LUA_SERVICE);
	if (handle && names_register(LUA_SERVICE, handle) < 0) {
		(void)service_retire(handle);
		handle = names_find(LUA_SERVICE);
	}
	return handle;
}

static void begin(const struct asker *who, unsigned harbor, uint64_t patience_ns, const char *line)
{
	int32_t session = 0;
	uint32_t source;
	const char *why;
	struct msg *m;
	int r;

	lock_take(&lock);
	why = enter_locked(who, harbor, patience_ns, &session);
	source = self;
	lock_release(&lock);
	if (why) {
		asker_refuse(who, why);
		return;
	}
	m = msg_create_copy(line, strlen(line));
	m->source = source;
	m->dest = harbor ? (uint32_t)harbor << 24 : lua_service();
	m->session = session;
	m->type = PTYPE_TEXT;
	r = service_send(m);
	/* refused by a link or a full mailbox: the reason is in the mailbox of `.daemon` already */
	if (r != SEND_OK && r != SEND_REFUSED && take(session, &(struct call){ 0 }))
		asker_refuse(who, "no such service");
}

void call_lua(const struct asker *who, const char *line)
{
	begin(who, 0, CALL_DEADLINE_NS, line);
}

void call_lua_within(const struct asker *who, const char *line, uint64_t patience_ns)
{
	begin(who, 0, patience_ns, line);
}

void call_node(const struct asker *who, unsigned harbor, const char *line)
{
	must(harbor > 0 && harbor < 256);
	begin(who, harbor, CALL_NODE_DEADLINE_NS, line);
}

/* ---- the answer ---- */

/* Why there is no answer: an error of a node names it, unless the asker does. */
static void refuse(const struct call *c, const char *why)
{
	char node[MOVE_CALLED_MAX];
	cleanup(mem_freep) char *text = NULL;

	if (!c->harbor || c->who.names_node) {
		asker_refuse(&c->who, why);
		return;
	}
	move_get()->called(c->harbor, node);
	text = mem_printf("%s: %s", node, why);
	asker_refuse(&c->who, text);
}

void call_answer(int type, uint32_t source, int32_t session, const void *p, size_t n)
{
	struct call c;
	cleanup(mem_freep) char *why = NULL;

	if (!take(session, &c))
		return;
	if (type == PTYPE_RESPONSE && source == 0) {
		refuse(&c, "no answer in time");
		return;
	}
	(void)service_timeout_cancel(c.deadline);
	if (type == PTYPE_RESPONSE && n > CALL_ANSWER_MAX) {
		asker_refuse(&c.who, "the answer is too large to be shown");
	} else if (type == PTYPE_RESPONSE) {
		asker_relay(&c.who, p, n);
	} else {
		why = n ? mem_printf("call failed: %.*s", (int)(n < 4096 ? n : 4096),
				     (const char *)p)
			: mem_strdup("call failed");
		refuse(&c, why);
	}
}

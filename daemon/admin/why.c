/* SPDX-License-Identifier: MIT */
/*
 * harborctl why. What the worker shows of the turn (core/actor/turn.h) is known at any time; the
 * rest is a look at the service (lua/host/look.h), which waits for a second at most.
 */
#include "daemon/admin/why.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/actor/handle.h"
#include "core/actor/module.h"
#include "core/actor/title.h"
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/sched/sched.h"
#include "daemon/admin/errand.h"
#include "daemon/admin/target.h"
#include "lua/host/host.h"
#include "lua/host/look.h"

#define PATIENCE_NS NS_PER_SEC

/* ---- the turn ---- */

/* What it was started with, if it is one of this node's that lives. */
static void write_service(struct json *j, const char *key, uint32_t handle)
{
	struct service *s = service_grab(handle);

	if (s && s->args)
		json_string(j, key, s->args);
	if (s)
		service_unref(s);
}

static void write_type(struct json *j, const char *key, int type)
{
	if (msg_type_name(type))
		json_string(j, key, msg_type_name(type));
	else
		json_printf(j, key, "%d", type);
}

static double seconds_since(uint64_t then_ns, uint64_t now)
{
	return then_ns && now > then_ns ? (double)((now - then_ns) / NS_PER_MS) / 1000 : 0;
}

/* The message that a worker is at if it is the service's. Returns false if no worker runs it. */
static bool write_turn(struct json *j, uint32_t handle)
{
	for (unsigned i = 0; i < sched_workers(); i++) {
		struct worker_view v;

		sched_view(i, &v);
		if (v.handle != handle || !v.turn_began_ns)
			continue;
		json_uint(j, "worker", i);
		json_double(j, "turn_seconds", seconds_since(v.turn_began_ns, clock_mono_ns()));
		write_type(j, "message_type", v.type);
		json_handle(j, "message_source", v.source);
		json_int(j, "message_session", v.session);
		return true;
	}
	return false;
}

static void write_head(struct json *j, const struct service *s)
{
	json_handle(j, "handle", service_handle(s));
	json_string(j, "service", s->args);
	json_uint(j, "mailbox_messages", mailbox_length(&s->mailbox));
}

/* ---- stacks ---- */

static void write_code(struct text *t, const struct frame *f)
{
	Dl_info info;
	const char *file;

	if (!f->code || !dladdr((const void *)(uintptr_t)f->code, &info) || !info.dli_fname)
		return;
	file = strrchr(info.dli_fname, '/');
	text_printf(t, " (%s%s%s)", info.dli_sname ? info.dli_sname : "",
		    info.dli_sname ? ", " : "", file ? file + 1 : info.dli_fname);
}

/* As luaL_traceback writes it, as far as that is known from without. */
static void write_frame(struct text *t, const struct frame *f)
{
	text_puts(t, f->source);
	if (f->line > 0)
		text_printf(t, ":%d", f->line);
	if (f->name[0])
		text_printf(t, ": in function '%s'", f->name);
	else if (f->defined == 0)
		text_puts(t, ": in main chunk");
	else if (f->is_c)
		text_puts(t, ": in ?");
	else
		text_printf(t, ": in function <%s:%d>", f->source, f->defined);
	if (f->is_c)
		write_code(t, f);
	text_puts(t, "\n");
}

static void write_stack(struct json *j, const struct look_stack *s)
{
	cleanup(text_fini) struct text t = { 0 };
	unsigned left_out = s->depth > s->frames ? s->depth - s->frames : 0;

	for (unsigned i = 0; i < s->frames; i++) {
		if (left_out && i + FRAMES_OUTER == s->frames)
			text_printf(&t, "...\t(%u levels are left out)\n", left_out);
		write_frame(&t, &s->frame[i]);
	}
	if (!s->frames)
		text_puts(&t, "(its stack cannot be read)\n");
	json_string(j, "stack", text_string(&t));
}

/* ---- what for, and for whom ---- */

/* What a task that only another task wakes up stands in tells what it waits for. */
static const char *kind_of_wait(const struct look_stack *s)
{
	static const struct {
		const char *file, *kind;
	} known[] = {
		{ "skynet/socketchannel.lua", "socketchannel" },
		{ "skynet/socket.lua", "socket" },
		{ "skynet/queue.lua", "queue" },
		{ "skynet/mqueue.lua", "queue" },
		{ "skynet/service.lua", "start of a service" },
	};

	for (unsigned i = 0; i < s->frames && i < 6; i++)
		for (unsigned k = 0; k < array_len(known); k++)
			if (strstr(s->frame[i].source, known[k].file))
				return known[k].kind;
	return "wakeup";
}

static void write_message(struct json *j, const char *prefix, const struct look_message *m)
{
	char key[40];

	(void)snprintf(key, sizeof(key), "%sprotocol", prefix);
	if (m->proto[0])
		json_string(j, key, m->proto);
	(void)snprintf(key, sizeof(key), "%scommand", prefix);
	if (m->command[0])
		json_string(j, key, m->command);
	(void)snprintf(key, sizeof(key), "%ssession", prefix);
	json_int(j, key, m->session);
}

static void write_call(struct json *j, const struct look_stack *s)
{
	json_string(j, "waits_for", "call");
	if (s->dest)
		json_handle(j, "to", s->dest);
	if (s->dest)
		write_service(j, "to_service", s->dest);
	if (s->name[0])
		json_string(j, "to_name", s->name);
	write_message(j, "", &s->call);
}

static void write_wait(struct json *j, const struct look_stack *s, uint64_t now)
{
	switch ((enum wait_kind)s->wait) {
	case WAIT_CALL:
		write_call(j, s);
		break;
	case WAIT_SLEEP:
		json_string(j, "waits_for", "sleep");
		break;
	case WAIT_WAKEUP:
		json_string(j, "waits_for", kind_of_wait(s));
		break;
	case WAIT_NEVER:
		json_string(j, "waits_for", "nothing, it is never resumed");
		break;
	default:
		json_string(j, "waits_for", "its turn");
		break;
	}
	if (s->due_ns)
		json_double(j, s->wait == WAIT_CALL ? "limit_seconds" : "until_seconds",
			    seconds_since(now, s->due_ns));
}

static void write_entry(struct json *j, const struct look *l, const struct look_stack *s,
			uint64_t now)
{
	json_object(j, NULL);
	json_string(j, "state", s->runs ? "runs" : "waits");
	if (s->count > 1)
		json_uint(j, "count", s->count);
	if (s->runs && l->how != LOOK_RESTED)
		json_string(j, "code", l->how == LOOK_C ? "C" : "Lua");
	if (!s->runs) {
		json_double(j, "wait_seconds",
			    seconds_since(s->wait_ns ? s->wait_ns : s->began_ns, now));
		write_wait(j, s, now);
	}
	if (s->serves) {
		json_handle(j, "asked_by", s->source);
		write_service(j, "asked_by_service", s->source);
		write_message(j, "asked_", &s->request);
	}
	json_double(j, "task_seconds", seconds_since(s->began_ns, now));
	write_stack(j, s);
	json_object_end(j);
}

static int by_wait(const void *a, const void *b)
{
	const struct look_stack *x = a, *y = b;

	if (x->runs != y->runs)
		return x->runs ? -1 : 1;
	return (x->wait_ns > y->wait_ns) - (x->wait_ns < y->wait_ns);
}

static void write_look(struct json *j, struct look *l)
{
	uint64_t now = clock_mono_ns();

	qsort(l->stacks, l->entries, sizeof(*l->stacks), by_wait);
	json_uint(j, "tasks", l->tasks);
	json_uint(j, "timeouts", l->timeouts);
	if (l->left_out + (l->tasks - l->looked_at))
		json_uint(j, "tasks_left_out", l->left_out + (l->tasks - l->looked_at));
	json_array(j, "stacks");
	for (unsigned i = 0; i < l->entries; i++)
		write_entry(j, l, &l->stacks[i], now);
	json_array_end(j);
}

/* ---- the command ---- */

static void write_result(struct errand *e, enum look_result r, struct look *l, bool in_turn)
{
	switch (r) {
	case LOOK_DONE:
		json_string(&e->j, "state", l->how == LOOK_RESTED ? "answers" : "busy");
		write_look(&e->j, l);
		break;
	case LOOK_NOT_LUA:
		json_string(&e->j, "state", in_turn ? "busy" : "answers");
		json_string(&e->j, "note", "a service of a C module: there is no Lua stack");
		break;
	case LOOK_TOO_MANY:
		json_string(&e->j, "state", "unknown");
		json_string(&e->j, "note", "too many others look at services just now");
		break;
	default:
		json_string(&e->j, "state", "silent");
		json_string(&e->j, "note",
			    in_turn ? "in C code or in the kernel, no answer within 1 s"
				    : "no worker has come to it within 1 s: are all of them busy?");
		break;
	}
}

static void tell_why(struct errand *e)
{
	struct service *s = service_grab(e->handle);
	struct look *look = NULL;
	enum look_result r;
	bool in_turn;

	if (!s) {
		e->why = "no such service";
		return;
	}
	json_object(&e->j, NULL);
	write_head(&e->j, s);
	in_turn = write_turn(&e->j, e->handle);
	r = look_take(e->handle, PATIENCE_NS, errand_stops, &look);
	write_result(e, r, look, in_turn);
	json_object_end(&e->j);
	mem_free(look);
	service_unref(s);
}

enum result run_why(struct request *r)
{
	struct errand e = { .who = *r->who, .run = tell_why };
	enum result found = target_find(r, r->args[0], "why", "", &e.handle);
	const char *why;

	if (found != DONE)
		return found;
	why = errand_start(&e);
	return why ? request_fail(r, why) : LATER;
}

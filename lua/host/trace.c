/* SPDX-License-Identifier: MIT */
/* Trace tags: a task with a tag logs what becomes of it, and the tag follows its calls.
 *
 * A PTYPE_TRACE message with the tag goes out before each call of a tagged task; it marks the next
 * request that comes from there. A service that never saw a tag has no struct trace, which is all
 * that the way of a message asks; a task without a tag costs the test of a pointer where it waits
 * and where it ends.
 */
#include "lua/host/trace.h"

#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/log/log.h"
#include "core/base/mem.h"
#include "core/actor/send.h"
#include "lua/host/proto.h"
#include "lua/host/seri.h"
#include "lua/host/tracering.h"

#define TAG_MAX 255u
#define PENDING_MAX 64u /* tags whose request has not come; the oldest is forgotten */
#define FRAMES 3
#define WATCHED_MAX 100

struct trace {
	struct pending {
		uint32_t source; /* 0: free */
		char *tag;
	} pending[PENDING_MAX];
	unsigned next;
	uint32_t counter;
	unsigned watched; /* so many of the next requests get a tag of their own, see core_watch */
};

static struct trace *trace_of(struct host *h)
{
	if (!h->trace)
		h->trace = mem_zalloc(sizeof(*h->trace));
	return h->trace;
}

void trace_release(struct host *h)
{
	if (!h->trace)
		return;
	for (unsigned i = 0; i < PENDING_MAX; i++)
		mem_free(h->trace->pending[i].tag);
	mem_free(h->trace);
	h->trace = NULL;
}

/* ---- lines ---- */

/* "<TRACE tag> nanoseconds text : file:line file:line file:line" of co's stack from `level` on;
 * NULL: without. */
static void write_line(struct host *h, const char *tag, const char *text, lua_State *co, int level)
{
	char where[FRAMES * (LUA_IDSIZE + 16) + 4] = "";
	size_t n = 0;
	int frames = 0;
	lua_Debug ar;

	for (; co && frames < FRAMES && lua_getstack(co, level, &ar); level++) {
		(void)lua_getinfo(co, "Sl", &ar);
		if (ar.currentline < 0)
			continue;
		n += (size_t)snprintf(where + n, sizeof(where) - n, "%s%s:%d", frames ? " " : " : ",
				      ar.short_src, ar.currentline);
		frames++;
	}
	log_printf(LOG_LEVEL_INFO, service_handle(h->s), "<TRACE %s> %llu %s%s", tag,
		   (unsigned long long)clock_mono_ns(), text, where);
}

/* A tag that begins so is only kept in memory, and not logged. */
#define QUIET '~'

/* Records go through lines of text: what would break one there becomes a question mark. */
static void note_command(char ret[TRACERING_COMMAND], const char *p, size_t n)
{
	size_t i = 0;

	for (; i < n && i + 1 < TRACERING_COMMAND; i++)
		ret[i] = (unsigned char)p[i] < ' ' || strchr(";\"\\", p[i]) ? '?' : p[i];
	ret[i] = 0;
}

static void keep(const struct task *t, char event, uint32_t to, int32_t session,
		 const char *command)
{
	struct trace_record r = { .event = event,
				  .handle = service_handle(t->host->s),
				  .source = t->source,
				  .session = t->request_session,
				  .to = to,
				  .to_session = session };

	snprintf(r.tag, sizeof(r.tag), "%s", t->tag);
	note_command(r.command, command ? command : "", command ? strlen(command) : 0);
	tracering_add(&r);
}

/* The request of a task: its command is the first value of the message, if that is a short text. */
static void keep_request(const struct task *t)
{
	struct trace_record r = { .event = 'q',
				  .handle = service_handle(t->host->s),
				  .source = t->source,
				  .session = t->request_session };
	const struct msg *m = t->request;
	const char *command = NULL;
	size_t n = 0;

	if (m && m->type == PTYPE_LUA)
		command = seri_first_text(msg_payload(m), m->size, &n);
	snprintf(r.tag, sizeof(r.tag), "%s", t->tag);
	note_command(r.command, command ? command : "", n);
	tracering_add(&r);
}

void trace_event(struct task *t, const char *event, lua_State *co)
{
	static const char *const names[] = { "sleep", "resume", "response", "end", "error" };

	for (unsigned i = 0; i < array_len(names); i++)
		if (strcmp(event, names[i]) == 0)
			keep(t, "sraex"[i], 0, 0, NULL);
	if (*t->tag != QUIET)
		write_line(t->host, t->tag, event, co, 0);
}

/* ---- tags ---- */

void trace_set_tag(struct task *t, const char *tag, size_t size)
{
	mem_free(t->tag);
	t->tag = tag ? mem_strndup(tag, size) : NULL;
}

static void new_tag(struct host *h, const char *prefix, char *ret, size_t size)
{
	snprintf(ret, size, "%s:%08x-%u", prefix, service_handle(h->s), ++trace_of(h)->counter);
}

/* Whether the request is one that somebody waits for, by core_watch. */
static bool is_watched(const struct task *t)
{
	struct trace *tr = t->host->trace;
	uint8_t type = t->request_proto->id;

	if (!tr->watched || type == PTYPE_DEBUG || type == PTYPE_SOCKET || type == PTYPE_SYSTEM)
		return false;
	tr->watched--;
	return true;
}

void trace_pending(struct host *h, const struct msg *m)
{
	struct trace *tr = trace_of(h);
	struct pending *p = NULL;

	if (!m->size || m->size > TAG_MAX || !m->source)
		return;
	for (unsigned i = 0; i < PENDING_MAX; i++)
		if (tr->pending[i].source == m->source)
			p = &tr->pending[i];
	if (!p)
		p = &tr->pending[tr->next++ % PENDING_MAX];
	mem_free(p->tag);
	p->source = m->source;
	p->tag = mem_strndup(msg_payload(m), m->size);
}

/* The tag that was announced for the next request of that source, the caller's to free, or NULL. */
static char *take_pending(struct trace *tr, uint32_t source)
{
	for (unsigned i = 0; i < PENDING_MAX; i++) {
		struct pending *p = &tr->pending[i];

		if (p->source != source)
			continue;
		p->source = 0;
		return steal(p->tag);
	}
	return NULL;
}

void trace_request(struct task *t)
{
	struct host *h = t->host;
	char *tag = take_pending(h->trace, t->source), text[32];

	if (t->request_proto->trace == TRACE_NEVER) {
		mem_free(tag);
		return;
	}
	if (!tag && t->request_proto->trace == TRACE_ALWAYS) {
		new_tag(h, "", text, sizeof(text));
		tag = mem_strdup(text);
	}
	if (!tag && is_watched(t)) {
		new_tag(h, "~", text, sizeof(text));
		tag = mem_strdup(text);
	}
	if (!tag)
		return;
	mem_free(t->tag);
	t->tag = tag;
	keep_request(t);
	if (*t->tag != QUIET)
		write_line(h, t->tag, "request", NULL, 0);
}

void trace_call(lua_State *L, struct task *t, int arg, int32_t session)
{
	const char *command = lua_type(L, arg + 2) == LUA_TSTRING ? lua_tostring(L, arg + 2) : NULL;
	struct msg *m = msg_create_copy(t->tag, strlen(t->tag));
	uint32_t to = 0; /* of a name of the cluster: unknown */

	m->source = service_handle(t->host->s);
	m->type = PTYPE_TRACE;
	if (lua_type(L, arg) == LUA_TNUMBER && lua_tointeger(L, arg) != 0) {
		m->dest = to = (uint32_t)lua_tointeger(L, arg);
		service_forward(m);
	} else if (lua_type(L, arg) == LUA_TSTRING) {
		to = service_find(lua_tostring(L, arg));
		service_forward_name(lua_tostring(L, arg), m);
	} else {
		msg_destroy(m); /* the call is about to raise */
		return;
	}
	keep(t, 'c', to, session, command);
	if (*t->tag != QUIET)
		write_line(t->host, t->tag, "call", L, 0);
}

/* ---- skynet.trace.core ---- */

/* The tag of the running task: a string; nil; false if its protocol is never traced. */
static int core_tag(lua_State *L)
{
	struct task *t = host_of(L)->current;

	if (t && t->tag)
		lua_pushstring(L, t->tag);
	else if (t && t->request_state != REQUEST_NONE && t->request_proto->trace == TRACE_NEVER)
		lua_pushboolean(L, 0);
	else
		lua_pushnil(L);
	return 1;
}

/* Makes a new tag for the running task and returns it. */
static int core_new(lua_State *L)
{
	struct host *h = host_of(L);
	char tag[32];

	if (!h->current)
		return luaL_error(L, "skynet.trace must run in a task of the service");
	new_tag(h, "", tag, sizeof(tag));
	trace_set_tag(h->current, tag, strlen(tag));
	keep(h->current, 'q', 0, 0, NULL);
	lua_pushstring(L, tag);
	return 1;
}

/* log(tag, text[, co[, level]]) */
int trace_log(lua_State *L)
{
	lua_State *co = lua_isthread(L, 3) ? lua_tothread(L, 3) : L;

	write_line(host_of(L), luaL_checkstring(L, 1), luaL_checkstring(L, 2), co,
		   (int)luaL_optinteger(L, 4, 0));
	return 0;
}

void trace_set_proto(lua_State *L, struct proto *p, int flag)
{
	p->trace = lua_isnoneornil(L, flag) ? TRACE_TAGGED
		   : lua_toboolean(L, flag) ? TRACE_ALWAYS
					    : TRACE_NEVER;
	(void)trace_of(host_of(L));
}

/* watch(n): the next n requests get tags whose events are kept and not logged. */
static int core_watch(lua_State *L)
{
	lua_Integer n = luaL_checkinteger(L, 1);

	luaL_argcheck(L, n >= 0 && n <= WATCHED_MAX, 1, "0 to 100 requests");
	trace_of(host_of(L))->watched = (unsigned)n;
	return 0;
}

struct listing {
	lua_State *L;
	lua_Integer n;
};

static void list_record(const struct trace_record *r, void *ud)
{
	struct listing *l = ud;

	lua_pushfstring(l->L, "%s %c %I %I %I %d %I %d %s", r->tag, r->event,
			(LUAI_UACINT)r->mono_ns, (LUAI_UACINT)r->handle, (LUAI_UACINT)r->source,
			(int)r->session, (LUAI_UACINT)r->to, (int)r->to_session, r->command);
	lua_rawseti(l->L, 1, ++l->n);
}

/* records([tag]): a list of "tag event nanoseconds handle source session to session command". */
static int core_records(lua_State *L)
{
	struct listing l = { L, 0 };
	const char *tag = luaL_optstring(L, 1, NULL);

	lua_settop(L, 1);
	lua_newtable(L);
	lua_insert(L, 1);
	tracering_find(tag, list_record, &l);
	lua_settop(L, 1);
	return 1;
}

/* proto(typename, flag) */
static int core_proto(lua_State *L)
{
	trace_set_proto(L, proto_check(L, 1), 2);
	return 0;
}

int luaopen_skynet_trace_core(lua_State *L)
{
	static const luaL_Reg functions[] = { { "tag", core_tag },     { "new", core_new },
					      { "log", trace_log },    { "proto", core_proto },
					      { "watch", core_watch }, { "records", core_records },
					      { NULL, NULL } };

	luaL_newlib(L, functions);
	return 1;
}

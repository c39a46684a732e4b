/* SPDX-License-Identifier: MIT */
/* Packets to readers without a task between: see inbox.h. */
#include "lua/modules/socket/inbox.h"

#include "core/actor/msg.h"
#include "core/base/base.h"
#include "core/base/mem.h"
#include "lua/host/block.h"
#include "lua/host/proto.h"
#include "lua/host/task.h"
#include "lua/host/trace.h"
#include "lua/modules/socket/sockbuf_lua.h"
#include "lua/vm/yield.h"
#include "net/net.h"

#define PAUSE_AT ((size_t)128 << 10)
/* A line longer than that is none, unless socket.limit says so. */
#define LINE_MAX_SIZE ((size_t)16 << 20)
#define TABLE_FIRST 8u

/* ---- the table ---- */

struct inboxes {
	unsigned count, size; /* size is a power of two */
	struct inbox *at[];
};

static struct inbox **place_of(const struct inboxes *t, int id)
{
	return (struct inbox **)&t->at[(unsigned)id & (t->size - 1)];
}

static void add(struct inboxes *t, struct inbox *in)
{
	struct inbox **at = place_of(t, in->id);

	in->next = *at;
	*at = in;
	t->count++;
}

static struct inboxes *make_room(struct inboxes *old)
{
	unsigned size = old ? old->size * 2 : TABLE_FIRST;
	struct inboxes *t;

	if (old && old->count < old->size)
		return old;
	t = mem_zalloc(sizeof(*t) + size * sizeof(t->at[0]));
	t->size = size;
	for (unsigned i = 0; old && i < old->size; i++)
		for (struct inbox *in = old->at[i], *next; in; in = next) {
			next = in->next;
			add(t, in);
		}
	mem_free(old);
	return t;
}

static struct inbox *find(const struct host *h, int id)
{
	struct inbox *in = h->inboxes ? *place_of(h->inboxes, id) : NULL;

	while (in && in->id != id)
		in = in->next;
	return in;
}

static void detach(struct inbox *in)
{
	struct inbox **at;

	if (!in->id)
		return;
	for (at = place_of(in->host->inboxes, in->id); *at != in; at = &(*at)->next)
		;
	*at = in->next;
	in->host->inboxes->count--;
	in->id = 0;
}

void inbox_release(struct host *h)
{
	mem_free(steal(h->inboxes));
}

/* ---- bytes ---- */

static struct sockbuf *queue_of(struct inbox *in)
{
	return &container_of(in, struct buffer, inbox)->queue;
}

/* A reader who was killed, or woken already, does not. */
static bool somebody_waits(const struct inbox *in)
{
	return in->reader && in->reader->wait == WAIT_WAKEUP && in->reader->token == in;
}

static bool satisfied(const struct inbox *in, struct sockbuf *b)
{
	size_t at;

	switch (in->need) {
	case NEED_LINE:
		return sockbuf_find(b, in->sep, in->sep_size, &at);
	case NEED_SIZE:
		if (b->size < in->size)
			sockbuf_expect(b, in->size);
		return b->size >= in->size;
	case NEED_SOME:
	case NEED_NEWS:
		return true;
	default:
		return false;
	}
}

/* He keeps waiting until his turn: what is there is his, and nobody else may read. */
static void wake(struct inbox *in, bool got)
{
	if (!somebody_waits(in) || in->called)
		return;
	in->called = true;
	in->got = got;
	fifo_push(&in->host->wakeups, in->reader, in);
	in->reader->queued++;
}

enum verdict { FITS, PAUSE, OVERFLOW };

/* What is to be done when the buffer holds `size` bytes. Whoever asks for a number of bytes knows
 * what he does. */
static enum verdict judge(const struct inbox *in, size_t size)
{
	bool waits = somebody_waits(in);
	size_t limit = in->limit;

	if (in->overflow)
		return OVERFLOW;
	if (waits && in->need == NEED_SIZE)
		return FITS;
	if (limit == INBOX_NO_LIMIT && waits && in->need == NEED_LINE)
		limit = LINE_MAX_SIZE;
	if (size > limit)
		return OVERFLOW;
	return size > PAUSE_AT && !waits && !in->paused ? PAUSE : FITS;
}

static void append(struct inbox *in, struct sockbuf *b, void *block_take, size_t size)
{
	sockbuf_push(b, block_take, size);
	if (somebody_waits(in) && satisfied(in, b))
		wake(in, true);
}

bool inbox_deliver(struct host *h, struct msg *m)
{
	struct socket_message *sm = msg_payload(m);
	struct inbox *in;
	struct sockbuf *b;

	if (m->size < sizeof(*sm) || sm->type != SOCKET_DATA || !sm->buffer)
		return false;
	in = find(h, sm->id);
	if (unlikely(!in))
		return false;
	b = queue_of(in);
	if (unlikely(judge(in, b->size + (size_t)sm->ud) != FITS))
		return false;
	append(in, b, steal(sm->buffer), (size_t)sm->ud);
	return true;
}

/* ---- for skynet.socket ---- */

static struct inbox *inbox_at(lua_State *L, int arg)
{
	struct inbox *in = &buffer_at(L, arg)->inbox;

	luaL_argcheck(L, in->host, arg, "the buffer has no inbox");
	return in;
}

/* attach(buffer, id): packets of the socket go into the buffer from now on. */
static int l_attach(lua_State *L)
{
	struct inbox *in = &buffer_at(L, 1)->inbox;
	lua_Integer id = luaL_checkinteger(L, 2);
	struct host *h = host_of(L);
	struct inbox *old;

	luaL_argcheck(L, !in->host, 1, "the buffer has an inbox");
	luaL_argcheck(L, id > 0 && id <= INT32_MAX, 2, "not an id");
	if ((old = find(h, (int)id)))
		detach(old);
	h->inboxes = make_room(h->inboxes);
	in->host = h;
	in->id = (int)id;
	in->gone = detach;
	add(h->inboxes, in);
	return 0;
}

/* detach(buffer): no more. */
static int l_detach(lua_State *L)
{
	detach(inbox_at(L, 1));
	return 0;
}

/* feed(buffer, block, size) -> nil, or what is to be done: "pause", "overflow"; bytes in the
 * buffer, and what it may hold. The long way of a packet. */
static int l_feed(lua_State *L)
{
	static const char *const names[] = { [PAUSE] = "pause", [OVERFLOW] = "overflow" };
	struct inbox *in = inbox_at(L, 1);
	struct sockbuf *b = queue_of(in);
	void *block = lua_touserdata(L, 2);
	lua_Integer size = luaL_checkinteger(L, 3);
	enum verdict v;

	luaL_argcheck(L, lua_islightuserdata(L, 2) && block, 2, "need message block");
	luaL_argcheck(L, size >= 0, 3, "size must not be negative");
	v = judge(in, b->size + (size_t)size);
	append(in, b, block, (size_t)size);
	block_hold(L, NULL);
	in->paused = in->paused || v == PAUSE;
	in->overflow = v == OVERFLOW;
	lua_pushstring(L, v == FITS ? NULL : names[v]);
	lua_pushinteger(L, (lua_Integer)b->size);
	lua_pushinteger(L, (lua_Integer)(in->limit != INBOX_NO_LIMIT ? in->limit : LINE_MAX_SIZE));
	return 3;
}

/* limit(buffer, n): so many bytes at most; nil: any number. */
static int l_limit(lua_State *L)
{
	struct inbox *in = inbox_at(L, 1);
	lua_Number n = luaL_optnumber(L, 2, (lua_Number)LUA_MAXINTEGER);

	luaL_argcheck(L, n >= 0, 2, "must not be negative");
	in->limit = n < (lua_Number)PTRDIFF_MAX ? (size_t)n : INBOX_NO_LIMIT;
	return 0;
}

/* pausing(buffer [, paused]) -> whether it was: the program pauses the socket, or goes on. */
static int l_pausing(lua_State *L)
{
	struct inbox *in = inbox_at(L, 1);

	lua_pushboolean(L, in->paused);
	if (!lua_isnone(L, 2))
		in->paused = lua_toboolean(L, 2);
	return 1;
}

/* waits(buffer) -> whether a reader waits. */
static int l_waits(lua_State *L)
{
	lua_pushboolean(L, somebody_waits(inbox_at(L, 1)));
	return 1;
}

/* wake(buffer): the reader shall see what has become of the socket. */
static int l_wake(lua_State *L)
{
	wake(inbox_at(L, 1), false);
	return 0;
}

static void set_need(lua_State *L, struct inbox *in, int arg)
{
	lua_Integer n;

	if (lua_type(L, arg) == LUA_TSTRING) {
		in->need = NEED_LINE;
		in->sep = lua_tolstring(L, arg, &in->sep_size);
		luaL_argcheck(L, in->sep_size > 0, arg, "empty separator");
	} else if (lua_type(L, arg) == LUA_TBOOLEAN) {
		in->need = NEED_SOME;
	} else {
		n = luaL_checkinteger(L, arg);
		in->need = n > 0 ? NEED_SIZE : n == 0 ? NEED_NEWS : NEED_END;
		in->size = n > 0 ? (size_t)n : 0;
	}
}

static int awaited(lua_State *L, int status, lua_KContext ctx)
{
	struct inbox *in = inbox_at(L, 1);
	struct task *t = task_of(L);

	(void)status;
	(void)ctx;
	in->reader = NULL;
	t->woken = false;
	task_check_failed(L, t);
	lua_pushboolean(L, in->got);
	return 1;
}

/* await(buffer, need) -> true when the buffer holds it, false: the wait ended otherwise. need: a
 * separator; a number of bytes, 0 for any news, less for the end; true for whatever comes. */
static int l_await(lua_State *L)
{
	struct task *t = task_blocking(L, "wait");
	struct inbox *in = inbox_at(L, 1);

	if (somebody_waits(in))
		return luaL_error(L, "assertion failed!");
	set_need(L, in, 2);
	if (unlikely(t->tag))
		trace_event(t, "sleep", L);
	in->reader = t;
	in->called = in->got = false;
	t->token = in;
	t->wait = WAIT_WAKEUP;
	return vm_yield(L, 0, 0, awaited);
}

/* native(): the protocol of sockets, as it is registered now, lets packets go the short way. */
static int l_native(lua_State *L)
{
	struct proto *p = proto_find_id(host_of(L), PTYPE_SOCKET);

	if (p)
		p->native = true;
	return 0;
}

const luaL_Reg inbox_functions[] = {
	{ "attach", l_attach },	  { "detach", l_detach }, { "feed", l_feed }, { "limit", l_limit },
	{ "pausing", l_pausing }, { "waits", l_waits },	  { "wake", l_wake }, { "await", l_await },
	{ "native", l_native },	  { NULL, NULL },
};

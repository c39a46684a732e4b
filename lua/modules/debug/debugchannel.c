/* SPDX-License-Identifier: MIT */
/* skynet.debugchannel: texts from one service to another past their mailboxes, for the remote
 * debugger.
 *
 *   create()      -> channel, id      connect(id) -> channel, or nil: there is none of that id
 *   channel:write(text) -> true; false: the other end is gone, or CHANNEL_BYTES_MAX wait to be
 *                          read
 *   channel:read()      -> text; false: nothing there now; nil: nor will there be, for nobody
 *                          writes any more
 *   channel:close()     also by __gc and __close
 *
 * The id travels in a message. It is a number that is looked up, no pointer: a service that makes
 * one up gets nil.
 *
 * Threads:   any; a channel's lock guards it, the list's lock its place in the list. The
 * list's, then a channel's own.
 * Ownership: two ends at most, one reference each; the last frees it.
 */
#include "lua/modules/debug/debugchannel.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/ds/list.h"

#define META "harbord.debugchannel"
#define CHANNEL_BYTES_MAX (1u << 20)

struct text {
	struct text *next;
	size_t size;
	char bytes[];
};

struct channel {
	struct channel *next; /* in the list */
	lua_Integer id;
	unsigned ends;	/* 1 or 2; under the list's lock */
	bool connected; /* under the list's lock: there was a second end */

	struct lock lock;
	LIST_OF(struct text) texts;
	size_t bytes;
	bool alone; /* one of two ends is gone */
};

static struct {
	struct lock lock;
	struct channel *first;
	lua_Integer last_id;
} channels = { .lock = LOCK_INIT(channels) };

static struct channel **box_at(lua_State *L)
{
	return luaL_checkudata(L, 1, META);
}

static struct channel *channel_at(lua_State *L)
{
	struct channel *c = *box_at(L);

	luaL_argcheck(L, c, 1, "the channel is closed");
	return c;
}

static void leave(struct channel *c)
{
	bool last;

	lock_take(&channels.lock);
	last = --c->ends == 0;
	if (last) {
		struct channel **at = &channels.first;

		while (*at != c)
			at = &(*at)->next;
		*at = c->next;
	}
	lock_release(&channels.lock);
	if (!last) {
		lock_take(&c->lock);
		c->alone = true;
		lock_release(&c->lock);
		return;
	}
	for (struct text *t = c->texts.first, *next; t; t = next) {
		next = t->next;
		mem_free(t);
	}
	lock_fini(&c->lock);
	mem_free(c);
}

static int channel_close(lua_State *L)
{
	struct channel **box = box_at(L), *c = *box;

	*box = NULL;
	if (c)
		leave(c);
	return 0;
}

static int channel_write(lua_State *L)
{
	struct channel *c = channel_at(L);
	size_t n;
	const char *s = luaL_checklstring(L, 2, &n);
	struct text *t = mem_alloc(sizeof(*t) + n);
	bool taken;

	t->size = n;
	memcpy(t->bytes, s, n);
	lock_take(&c->lock);
	taken = !c->alone && n <= CHANNEL_BYTES_MAX - c->bytes;
	if (taken) {
		list_append(&c->texts, t, next);
		c->bytes += n;
	}
	lock_release(&c->lock);
	if (!taken)
		mem_free(t);
	lua_pushboolean(L, taken);
	return 1;
}

static int channel_read(lua_State *L)
{
	struct channel *c = channel_at(L);
	struct text *t;
	luaL_Buffer b;
	bool over;
	size_t n;

	lock_take(&c->lock);
	n = c->texts.first ? c->texts.first->size : 0;
	lock_release(&c->lock);
	/* Room first, for that may raise: only we take from it, so the first stays the first. */
	char *room = luaL_buffinitsize(L, &b, n);

	lock_take(&c->lock);
	over = c->alone && !c->texts.first;
	t = c->texts.first && c->texts.first->size == n ? c->texts.first : NULL;
	if (t) {
		(void)list_take(&c->texts, next);
		c->bytes -= n;
		memcpy(room, t->bytes, n);
	}
	lock_release(&c->lock);
	if (t) {
		mem_free(t);
		luaL_pushresultsize(&b, n);
	} else if (over) {
		lua_pushnil(L);
	} else { /* one that came between the looks is for the next read */
		lua_pushboolean(L, 0);
	}
	return 1;
}

/* Pushes an empty box. */
static struct channel **push_box(lua_State *L)
{
	static const luaL_Reg methods[] = {
		{ "write", channel_write },   { "read", channel_read },
		{ "close", channel_close },   { "__gc", channel_close },
		{ "__close", channel_close }, { NULL, NULL },
	};
	struct channel **box = lua_newuserdatauv(L, sizeof(*box), 0);

	*box = NULL;
	if (luaL_newmetatable(L, META)) {
		luaL_setfuncs(L, methods, 0);
		lua_pushvalue(L, -1);
		lua_setfield(L, -2, "__index");
	}
	lua_setmetatable(L, -2);
	return box;
}

static int create(lua_State *L)
{
	struct channel **box = push_box(L), *c = mem_zalloc(sizeof(*c));

	lock_init(&c->lock, LOCK_channel);
	c->ends = 1;
	lock_take(&channels.lock);
	c->id = ++channels.last_id;
	c->next = channels.first;
	channels.first = c;
	lock_release(&channels.lock);
	*box = c;
	lua_pushinteger(L, c->id);
	return 2;
}

static int connect_to(lua_State *L)
{
	lua_Integer id = luaL_checkinteger(L, 1);
	struct channel **box = push_box(L), *c;

	lock_take(&channels.lock);
	c = channels.first;
	while (c && (c->id != id || c->connected))
		c = c->next;
	if (c) {
		c->connected = true;
		c->ends++;
	}
	lock_release(&channels.lock);
	*box = c;
	if (!c)
		lua_pushnil(L);
	return 1;
}

int luaopen_skynet_debugchannel(lua_State *L)
{
	static const luaL_Reg functions[] = { { "create", create },
					      { "connect", connect_to },
					      { NULL, NULL } };

	luaL_newlib(L, functions);
	return 1;
}

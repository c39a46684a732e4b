/* SPDX-License-Identifier: MIT */
/* skynet.stm: one writer publishes versions of some bytes, many readers look at the newest.
 *
 * The writer and all readers share a cell. The cell points to the current version; a reader that
 * sees another pointer than the one it read last takes a reference under the cell's lock, which is
 * held for a few instructions only. So a reader keeps its version until it reads a newer one, and
 * it compares addresses of versions that it keeps alive: an address cannot come back as another
 * version unnoticed.
 */
#include "lua/modules/share/stm.h"

#include <lauxlib.h>
#include <stdatomic.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/actor/msg.h"
#include "lua/host/tables.h"

struct version {
	atomic_uint refs; /* released with release, acquired by who frees */
	size_t size;
	void *data; /* made by payload_alloc */
};

struct cell {
	atomic_uint refs; /* the writer, the readers, the pointers on their way */
	struct lock lock;
	struct version *current; /* under lock; NULL: the writer is gone */
};

struct reader {
	struct cell *cell;
	struct version *seen;
};

static const char writer_meta, reader_meta;

static void version_unref(struct version *v)
{
	/* acq_rel with itself: whoever frees comes after all who read */
	if (!v || atomic_fetch_sub_explicit(&v->refs, 1, memory_order_acq_rel) != 1)
		return;
	payload_free(v->data);
	mem_free(v);
}

static void cell_unref(struct cell *c)
{
	if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return;
	version_unref(c->current);
	lock_fini(&c->lock);
	mem_free(c);
}

static void cell_set(struct cell *c, struct version *v_take)
{
	struct version *old;

	lock_take(&c->lock);
	old = c->current;
	c->current = v_take;
	lock_release(&c->lock);
	version_unref(old);
}

static struct version *cell_get(struct cell *c)
{
	struct version *v;

	lock_take(&c->lock);
	v = c->current;
	if (v) /* relaxed: the cell holds one */
		atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);
	lock_release(&c->lock);
	return v;
}

static struct version *version_new(void *data_take, size_t n)
{
	struct version *v = mem_alloc(sizeof(*v));

	atomic_init(&v->refs, 1);
	v->size = n;
	v->data = data_take;
	return v;
}

static struct version *version_copy(const void *bytes, size_t n)
{
	void *data = payload_alloc(n);

	memcpy(data, bytes, n);
	return version_new(data, n);
}

static struct cell *cell_new(struct version *v_take)
{
	struct cell *c = mem_alloc(sizeof(*c));

	atomic_init(&c->refs, 1);
	lock_init(&c->lock, LOCK_stm);
	c->current = v_take;
	return c;
}

/* Of the string at arg, or (pointer, size), which is taken. */
static struct version *make_version(lua_State *L, int arg)
{
	size_t n;

	if (lua_type(L, arg) == LUA_TSTRING) {
		const char *s = lua_tolstring(L, arg, &n);

		return version_copy(s, n);
	} else {
		lua_Integer size = luaL_checkinteger(L, arg + 1);

		luaL_checktype(L, arg, LUA_TLIGHTUSERDATA);
		luaL_argcheck(L, size >= 0, arg + 1, "a size is not negative");
		return version_new(lua_touserdata(L, arg), (size_t)size);
	}
}

static void *check(lua_State *L, int index, const void *key, const char *what)
{
	void *p = lua_touserdata(L, index);
	bool ours = false;

	if (p && lua_getmetatable(L, index)) {
		lua_rawgetp(L, LUA_REGISTRYINDEX, key);
		ours = lua_rawequal(L, -1, -2);
		lua_pop(L, 2);
	}
	if (!ours)
		luaL_typeerror(L, index, what);
	return p;
}

/* ---- the writer ---- */

static int writer_gc(lua_State *L)
{
	struct cell **w = lua_touserdata(L, 1);

	if (*w) {
		cell_set(*w, NULL);
		cell_unref(steal(*w));
	}
	return 0;
}

/* w(string) or w(pointer, size), which is taken: the new version. */
static int writer_call(lua_State *L)
{
	struct cell **w = check(L, 1, &writer_meta, "stm writer");

	luaL_argcheck(L, *w != NULL, 1, "closed");
	cell_set(*w, make_version(L, 2));
	return 0;
}

/* new(string) or new(pointer, size): the writer; its first version is that. */
static int new (lua_State *L)
{
	static const luaL_Reg functions[] = { { "__gc", writer_gc },
					      { "__call", writer_call },
					      { NULL, NULL } };
	struct cell **w;

	w = lua_newuserdatauv(L, sizeof(struct cell *), 0);
	*w = NULL;
	tables_set_class(L, &writer_meta, functions);
	*w = cell_new(make_version(L, 1));
	return 1;
}

/* copy(w): what another service gives to newcopy, once. */
static int copy(lua_State *L)
{
	struct cell **w = check(L, 1, &writer_meta, "stm writer");

	luaL_argcheck(L, *w != NULL, 1, "closed");
	/* relaxed: the writer holds one */
	atomic_fetch_add_explicit(&(*w)->refs, 1, memory_order_relaxed);
	lua_pushlightuserdata(L, *w);
	return 1;
}

/* ---- readers ---- */

static struct reader *check_reader(lua_State *L, int index)
{
	return check(L, index, &reader_meta, "stm reader");
}

static int reader_gc(lua_State *L)
{
	struct reader *r = lua_touserdata(L, 1);

	version_unref(steal(r->seen));
	cell_unref(steal(r->cell));
	return 0;
}

/* See stm_hand_over. */
static int hand_over(lua_State *L, const struct version *v)
{
	lua_pushboolean(L, 1);
	lua_pushvalue(L, 2);
	lua_pushlightuserdata(L, v->data);
	lua_pushinteger(L, (lua_Integer)v->size);
	lua_pushvalue(L, 3);
	/* the reader stays below: it is what keeps the bytes */
	lua_call(L, 3, LUA_MULTRET);
	return lua_gettop(L) - 3;
}

int stm_hand_over(lua_State *L)
{
	return hand_over(L, check_reader(L, 1)->seen);
}

/* r(f[, ud]): true and what f(pointer, size, ud) returns if there is a version that was not read;
 * else false. */
static int reader_call(lua_State *L)
{
	struct reader *r = check_reader(L, 1);
	struct version *v;

	luaL_checktype(L, 2, LUA_TFUNCTION);
	luaL_argcheck(L, r->cell != NULL, 1, "closed");
	lua_settop(L, 3);
	v = cell_get(r->cell);
	if (!v || v == r->seen) {
		version_unref(v);
		lua_pushboolean(L, 0);
		return 1;
	}
	version_unref(r->seen);
	r->seen = v;
	return hand_over(L, v);
}

/* Pushes a reader of nothing. */
static struct reader *push_reader(lua_State *L)
{
	static const luaL_Reg functions[] = { { "__gc", reader_gc },
					      { "__call", reader_call },
					      { NULL, NULL } };
	struct reader *r = lua_newuserdatauv(L, sizeof(*r), 0);

	*r = (struct reader){ NULL, NULL };
	tables_set_class(L, &reader_meta, functions);
	return r;
}

/* newcopy(pointer): the reader; the pointer is taken. */
static int newcopy(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TLIGHTUSERDATA);
	push_reader(L)->cell = lua_touserdata(L, 1);
	return 1;
}

void stm_push_readers(lua_State *L)
{
	(void)push_reader(L);
	(void)lua_getmetatable(L, -1);
	lua_remove(L, -2);
}

void stm_publish_to(lua_State *L, int index, const void *bytes, size_t size)
{
	struct reader *r = check_reader(L, index);
	struct version *v = version_copy(bytes, size);

	if (r->cell)
		cell_set(r->cell, v);
	else
		r->cell = cell_new(v);
}

int luaopen_skynet_stm(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "new", new }, { "copy", copy }, { "newcopy", newcopy }, { NULL, NULL }
	};

	luaL_newlib(L, functions);
	return 1;
}

/* SPDX-License-Identifier: MIT */
/* skynet.sharetable.core: images (image.h) as read-only tables of a service.
 *
 * A proxy is a table that holds one hidden pair: &here -> where its data is in the image. All
 * proxies of a version share a metatable, whose functions have three upvalues: the holder (a
 * userdata with the reference to the image), the cache (weak: id of a table of the image -> its
 * proxy) and the metatable. So a proxy that lives keeps its version alive, two reads of a subtable
 * return the same proxy while one of them lives, and an update moves a proxy to another version in
 * place, wherever it is referred to. Proxies are made when they are first read.
 *
 * All that is for a stock VM; one that shares reads the tables itself: sharetable_native.c.
 *
 * When a state closes, finalizers may still read proxies after the holder let go: then holder->im
 * is NULL.
 */
#include "lua/modules/share/sharetable.h"

#include <lauxlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/mem.h"
#include "lua/host/tables.h"
#include "lua/modules/share/image.h"
#include "lua/modules/share/image_names.h"
#include "lua/modules/share/sharetable_load.h"
#include "lua/modules/share/sharetable_native.h"
#include "lua/vm/share.h"

struct holder {
	struct image *im;
};

static const char here, holder_meta, versions, mark;

static int holder_gc(lua_State *L)
{
	struct holder *h = lua_touserdata(L, 1);

	image_unref(steal(h->im));
	return 0;
}

/* Pushes a userdata for the reference that the caller puts into it at once. */
static struct holder *push_holder(lua_State *L)
{
	struct holder *h = lua_newuserdatauv(L, sizeof(*h), 0);

	h->im = NULL;
	tables_set_gc(L, &holder_meta, holder_gc);
	return h;
}

/* ---- proxies; HOLDER, CACHE and META are upvalues of what runs ---- */

enum { HOLDER = lua_upvalueindex(1), CACHE = lua_upvalueindex(2), META = lua_upvalueindex(3) };

/* The data of the proxy at index, or NULL if it is none. */
static const struct image_table *data_of(lua_State *L, int index)
{
	const struct image_table *t = NULL;

	if (lua_istable(L, index)) {
		if (lua_rawgetp(L, index, &here) == LUA_TLIGHTUSERDATA)
			t = lua_touserdata(L, -1);
		lua_pop(L, 1);
	}
	return t;
}

static const struct image *image_here(lua_State *L)
{
	const struct holder *h = lua_touserdata(L, HOLDER);

	if (unlikely(!h->im))
		luaL_error(L, "the shared table was let go");
	return h->im;
}

static const struct image_table *check_data(lua_State *L, int index)
{
	const struct image_table *t = data_of(L, index);

	if (unlikely(!t))
		luaL_argerror(L, index, "shared table expected");
	return t;
}

/* cache and meta: stack indices. Pushes the proxy of t. */
static void push_proxy(lua_State *L, const struct image_table *t, int cache, int meta)
{
	if (lua_rawgeti(L, cache, (lua_Integer)t->id + 1) == LUA_TTABLE)
		return;
	lua_pop(L, 1);
	lua_createtable(L, 0, 1);
	lua_pushlightuserdata(L, (void *)t);
	lua_rawsetp(L, -2, &here);
	lua_pushvalue(L, meta);
	lua_setmetatable(L, -2);
	lua_pushvalue(L, -1);
	lua_rawseti(L, cache, (lua_Integer)t->id + 1);
}

/* A function is loaded when it is read, and stays the same one while somebody holds it. */
static void push_bytecode(lua_State *L, const struct image *im, uint64_t offset, int cache)
{
	const struct image_string *s = image_string_at(im, offset);

	if (lua_rawgetp(L, cache, s) == LUA_TFUNCTION)
		return;
	lua_pop(L, 1);
	if (luaL_loadbufferx(L, s->text, s->size, "=shared", "b") != LUA_OK)
		lua_error(L);
	lua_pushvalue(L, -1);
	lua_rawsetp(L, cache, s);
}

static void push_value(lua_State *L, const struct image *im, struct image_value v, int cache,
		       int meta)
{
	switch (v.type) {
	case IMAGE_FALSE:
	case IMAGE_TRUE:
		lua_pushboolean(L, v.type == IMAGE_TRUE);
		break;
	case IMAGE_INTEGER:
		lua_pushinteger(L, (lua_Integer)v.v);
		break;
	case IMAGE_FLOAT: {
		double d;

		memcpy(&d, &v.v, sizeof(d));
		lua_pushnumber(L, d);
		break;
	}
	case IMAGE_STRING: {
		const struct image_string *s = image_string_at(im, v.v);

		lua_pushlstring(L, s->text, s->size);
		break;
	}
	case IMAGE_TABLE:
		push_proxy(L, image_table_at(im, v.v), cache, meta);
		break;
	case IMAGE_POINTER:
		lua_pushlightuserdata(L, (void *)(uintptr_t)v.v);
		break;
	case IMAGE_CFUNCTION: {
		lua_CFunction f;

		memcpy(&f, &v.v, sizeof(f));
		lua_pushcfunction(L, f);
		break;
	}
	case IMAGE_BYTECODE:
		push_bytecode(L, im, v.v, cache);
		break;
	default:
		lua_pushnil(L);
	}
}

static int proxy_index(lua_State *L)
{
	const struct image *im = image_here(L);

	push_value(L, im, image_get(L, 2, im, check_data(L, 1)), CACHE, META);
	return 1;
}

static int proxy_len(lua_State *L)
{
	(void)image_here(L);
	lua_pushinteger(L, check_data(L, 1)->n);
	return 1;
}

static int proxy_next(lua_State *L)
{
	const struct image *im = image_here(L);
	const struct image_table *t = check_data(L, 1);
	struct image_value k, v;
	int64_t at;

	lua_settop(L, 2);
	at = image_place_after(L, 2, im, t);
	if (at < 0)
		return luaL_error(L, "invalid key to 'next'");
	for (uint32_t i = (uint32_t)at; i < image_places(t); i++)
		if (image_entry(t, i, &k, &v)) {
			push_value(L, im, k, CACHE, META);
			push_value(L, im, v, CACHE, META);
			return 2;
		}
	lua_pushnil(L);
	return 1;
}

static int proxy_pairs(lua_State *L)
{
	(void)check_data(L, 1);
	lua_getfield(L, META, "__next");
	lua_pushvalue(L, 1);
	lua_pushnil(L);
	return 3;
}

static int proxy_newindex(lua_State *L)
{
	return luaL_error(L, "attempt to change a shared table");
}

/* After an update, two proxies may stand for one table. */
static int proxy_eq(lua_State *L)
{
	const struct image_table *t = data_of(L, 1);

	lua_pushboolean(L, t && t == data_of(L, 2));
	return 1;
}

void sharetable_mark(lua_State *L, int index)
{
	index = lua_absindex(L, index);
	lua_pushboolean(L, 1);
	lua_rawsetp(L, index, &mark);
}

int sharetable_redirect(lua_State *L, enum sharetable_look look)
{
	if (look == SHARETABLE_NONE || lua_type(L, 1) != LUA_TTABLE || !lua_getmetatable(L, 1))
		return -1;
	if (lua_rawgetp(L, -1, &mark) == LUA_TNIL) {
		lua_pop(L, 2);
		return -1;
	}
	switch (look) {
	case SHARETABLE_SETMETATABLE:
		return luaL_error(L, "can't setmetatable to shared table");
	case SHARETABLE_RAWSET:
		return luaL_error(L, "attempt to change a shared table");
	case SHARETABLE_GETMETATABLE:
		lua_pushnil(L);
		return 1;
	default:
		break;
	}
	lua_pop(L, 2);
	if (look == SHARETABLE_RAWGET)
		luaL_checkany(L, 2);
	lua_settop(L, 2);
	lua_getmetatable(L, 1);
	lua_getfield(L, -1, look == SHARETABLE_NEXT ? "__next" : "__index");
	lua_replace(L, -2);
	lua_insert(L, 1);
	lua_call(L, 2, look == SHARETABLE_NEXT ? 2 : 1);
	return lua_gettop(L);
}

/* ---- versions that this state uses ---- */

/* Pushes the metatable for the image; the reference is taken. */
static void push_meta(lua_State *L, struct image *im_take)
{
	static const luaL_Reg functions[] = { { "__index", proxy_index },
					      { "__len", proxy_len },
					      { "__next", proxy_next },
					      { "__pairs", proxy_pairs },
					      { NULL, NULL } };
	struct holder *h = push_holder(L);
	int base = lua_gettop(L); /* the holder */

	h->im = im_take;
	luaL_checkstack(L, 12, NULL);
	if (lua_rawgetp(L, LUA_REGISTRYINDEX, &versions) == LUA_TNIL) {
		lua_pop(L, 1);
		lua_newtable(L);
		tables_set_weak(L, "v");
		lua_pushvalue(L, -1);
		lua_rawsetp(L, LUA_REGISTRYINDEX, &versions);
	}
	if (lua_rawgetp(L, -1, im_take) == LUA_TTABLE) {
		lua_replace(L, base);
		lua_settop(L, base);
		image_unref(steal(h->im)); /* the metatable has one of its own */
		return;
	}
	lua_pop(L, 1);
	lua_newtable(L); /* base + 2: the cache */
	tables_set_weak(L, "v");
	lua_createtable(L, 0, 8); /* base + 3: the metatable */
	for (const luaL_Reg *f = functions; f->name; f++) {
		lua_pushvalue(L, base);
		lua_pushvalue(L, base + 2);
		lua_pushvalue(L, base + 3);
		lua_pushcclosure(L, f->func, 3);
		lua_setfield(L, base + 3, f->name);
	}
	lua_pushcfunction(L, proxy_newindex);
	lua_setfield(L, -2, "__newindex");
	lua_pushcfunction(L, proxy_eq);
	lua_setfield(L, -2, "__eq");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_pushvalue(L, base);
	lua_rawsetp(L, -2, &mark);
	lua_pushvalue(L, base + 2);
	lua_rawseti(L, -2, 1);
	lua_pushvalue(L, -1);
	lua_rawsetp(L, base + 1, im_take);
	lua_replace(L, base);
	lua_settop(L, base);
}

static void push_root(lua_State *L, struct image *im_take)
{
	push_meta(L, im_take);
	lua_rawgeti(L, -1, 1);
	push_proxy(L, image_root(im_take), lua_gettop(L), lua_gettop(L) - 1);
}

/* query(name): the root of the current version and the number of that, or nil. */
static int query(lua_State *L)
{
	struct image *im = image_find(luaL_checkstring(L, 1));

	if (!im)
		return 0;
	if (image_native(im))
		return sharetable_native_query(L, im);
	push_root(L, im);
	lua_pushinteger(L, (lua_Integer)image_version(im));
	return 2;
}

/* current(name): the number of the current version, or 0. */
static int current_version(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)image_current(luaL_checkstring(L, 1)));
	return 1;
}

static int withdraw(lua_State *L)
{
	lua_pushboolean(L, image_withdraw(luaL_checkstring(L, 1)));
	return 1;
}

/* names(prefix): the list of names that begin so. */
static int names(lua_State *L)
{
	size_t n;
	const char *prefix = luaL_checklstring(L, 1, &n);
	lua_Integer i = 0;
	char *at = NULL;

	lua_settop(L, 1);
	lua_newtable(L);
	for (;;) {
		at = image_next_name(i ? lua_tostring(L, -1) : prefix);
		if (i)
			lua_pop(L, 1);
		if (!at || strncmp(at, prefix, n) != 0)
			break;
		lua_pushstring(L, at);
		mem_free(at);
		lua_pushvalue(L, -1);
		lua_rawseti(L, 2, ++i);
	}
	mem_free(at);
	return 1;
}

/* count(): how many versions the process holds. size(name): bytes of the current one, or nil. */
static int count(lua_State *L)
{
	lua_pushinteger(L, image_count());
	return 1;
}

static int size(lua_State *L)
{
	struct image *im = image_find(luaL_checkstring(L, 1));

	if (!im)
		return 0;
	lua_pushinteger(L, (lua_Integer)image_size(im));
	image_unref(im);
	return 1;
}

static int is_shared(lua_State *L)
{
	lua_pushboolean(L, share_is_table(L, 1) || data_of(L, 1) != NULL);
	return 1;
}

/* ---- plain copies ---- */

static void push_copy(lua_State *L, const struct image *im, const struct image_table *t, int memo)
{
	struct image_value k, v;

	luaL_checkstack(L, 6, NULL);
	if (lua_rawgetp(L, memo, t) == LUA_TTABLE)
		return;
	lua_pop(L, 1);
	lua_createtable(L, (int)t->n, (int)t->pairs);
	lua_pushvalue(L, -1);
	lua_rawsetp(L, memo, t);
	for (uint32_t i = 0; i < image_places(t); i++) {
		if (!image_entry(t, i, &k, &v))
			continue;
		push_value(L, im, k, memo, memo);
		if (v.type == IMAGE_TABLE)
			push_copy(L, im, image_table_at(im, v.v), memo);
		else
			push_value(L, im, v, memo, memo);
		lua_rawset(L, -3);
	}
}

/* copy(proxy): an ordinary table with the same content. */
static int copy(lua_State *L)
{
	const struct image_table *t;
	const struct holder *h;

	if (share_is_table(L, 1))
		return sharetable_native_copy(L);
	t = check_data(L, 1);
	lua_settop(L, 1);
	lua_newtable(L);
	lua_getmetatable(L, 1);
	lua_rawgetp(L, -1, &mark);
	h = lua_touserdata(L, -1);
	lua_settop(L, 2);
	push_copy(L, h->im, t, 2);
	return 1;
}

/* ---- update ---- */

/* Where update() keeps things. */
enum { NAME = 1, VANISHED, NEW_META, NEW_CACHE, VERSIONS, OLD_KEY, OLD_META, OLD_CACHE };

/* The proxy on top, whose table was that with the old id, stands for t from now on. */
static void move_proxy(lua_State *L, uint32_t old_id, const struct image_table *t)
{
	lua_pushnil(L);
	lua_rawseti(L, OLD_CACHE, (lua_Integer)old_id + 1);
	lua_pushlightuserdata(L, (void *)t);
	lua_rawsetp(L, -2, &here);
	lua_pushvalue(L, NEW_META);
	lua_setmetatable(L, -2);
	if (lua_rawgeti(L, NEW_CACHE, (lua_Integer)t->id + 1) == LUA_TNIL) {
		lua_pushvalue(L, -2);
		lua_rawseti(L, NEW_CACHE, (lua_Integer)t->id + 1);
	}
	lua_pop(L, 1);
}

/* Moves the live proxies of `old` to the tables at the same paths in im; the others become
 * vanished. */
static void move_proxies(lua_State *L, const struct image *old, const struct image *im)
{
	struct step {
		const struct image_table *from, *to;
	} *queue = lua_newuserdatauv(L, (size_t)image_tables(old) * sizeof(*queue), 0);
	uint8_t *met = lua_newuserdatauv(L, image_tables(old), 0);
	size_t first = 0, last = 0;

	memset(met, 0, image_tables(old));
	met[0] = 1;
	queue[last++] = (struct step){ image_root(old), image_root(im) };
	while (first < last) {
		struct step s = queue[first++];

		if (lua_rawgeti(L, OLD_CACHE, (lua_Integer)s.from->id + 1) == LUA_TTABLE)
			move_proxy(L, s.from->id, s.to);
		lua_pop(L, 1);
		for (uint32_t i = 0; i < image_places(s.from); i++) {
			struct image_value k, v, w;
			const struct image_table *t;

			if (!image_entry(s.from, i, &k, &v) || v.type != IMAGE_TABLE)
				continue;
			t = image_table_at(old, v.v);
			w = image_get_key(im, s.to, old, k);
			if (met[t->id] || w.type != IMAGE_TABLE)
				continue;
			met[t->id] = 1;
			queue[last++] = (struct step){ t, image_table_at(im, w.v) };
		}
	}
	lua_pushnil(L);
	while (lua_next(L, OLD_CACHE)) {
		if (lua_istable(L, -1))
			lua_rawseti(L, VANISHED, (lua_Integer)lua_rawlen(L, VANISHED) + 1);
		else
			lua_pop(L, 1);
	}
	lua_pop(L, 2);
}

/* update(name): every proxy of an older version of the name stands for the current one. Returns the
 * list of the proxies whose table is no more: they keep the old version. */
static int update(lua_State *L)
{
	const char *name = luaL_checkstring(L, NAME);
	struct image *im = image_find(name);

	lua_settop(L, NAME);
	lua_newtable(L);
	if (!im)
		return 1;
	if (image_native(im))
		return sharetable_native_update(L, im);
	push_meta(L, im);
	lua_rawgeti(L, NEW_META, 1);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &versions);
	luaL_checkstack(L, 12, NULL);
	lua_pushnil(L);
	while (lua_next(L, VERSIONS)) {
		const struct image *old = lua_touserdata(L, OLD_KEY); /* its metatable keeps it */
		const struct holder *h;

		lua_rawgetp(L, OLD_META, &mark);
		h = lua_touserdata(L, -1);
		lua_pop(L, 1);
		if (old != im && h->im && strcmp(image_name(old), name) == 0) {
			lua_rawgeti(L, OLD_META, 1);
			move_proxies(L, old, im);
		}
		lua_settop(L, OLD_KEY);
	}
	lua_settop(L, VANISHED);
	return 1;
}

int luaopen_skynet_sharetable_core(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "query", query },
		{ "current", current_version },
		{ "withdraw", withdraw },
		{ "names", names },
		{ "count", count },
		{ "size", size },
		{ "is_shared", is_shared },
		{ "copy", copy },
		{ "update", update },
		{ "held", sharetable_held },
		{ "publish", sharetable_publish },
		{ "load", sharetable_load },
		{ NULL, NULL },
	};

	luaL_newlib(L, functions);
	return 1;
}

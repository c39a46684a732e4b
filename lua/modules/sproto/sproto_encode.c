/* SPDX-License-Identifier: MIT */
/* sproto: a Lua table becomes bytes.
 *
 * The bytes grow in a buffer: a small one on the C stack, then userdata, so that an error anywhere
 * (a value of the wrong type, a metamethod that raises, no memory) leaves nothing behind. It may
 * move whenever it grows, so places in it are offsets.
 *
 * The header of a struct lies in front of its data, and its size is known only when all fields were
 * looked at. So the most that the type can need is kept free, and the data moves to the front at
 * the end.
 */
#include "lua/modules/sproto/sproto.h"

#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "lua/host/shown.h"
#include "lua/modules/sproto/sproto_wire.h"

#define FIRST_ROOM 2048u
#define SMALL_MAX 32766
/* All that can be needed: a message, and the headers of the structs that are not finished, at their
 * largest. */
#define ROOM_MAX (SPROTO_SIZE_MAX + SPROTO_DEPTH_MAX * (2u + 2u * (SPROTO_TAG_MAX + 2u)))

struct out {
	lua_State *L;
	uint8_t *p;
	size_t used, room;
	int box;		 /* where the userdata lies that p is in; nil before there is one */
	const struct source *at; /* the struct in work; for the texts of errors */
};

/* Fields of a struct: of something at an index, or, in a map, the key and the value at theirs. */
struct source {
	int table; /* 0: a map's pair */
	int key, value;
	const struct sproto_field *key_field;
	/* Which field of the struct around it this one is, and its place in an array. The
	 * outermost one has none. */
	const struct source *outer;
	const struct sproto_field *field;
	int index;
};

static void too_large(lua_State *L)
{
	luaL_error(L, "object is too large (>%d)", (int)SPROTO_SIZE_MAX);
}

static noinline void out_grow(struct out *o, size_t n)
{
	size_t room = o->room;
	uint8_t *p;

	if (n > ROOM_MAX - o->used)
		too_large(o->L);
	while (room < o->used + n)
		room += room / 2;
	if (room > ROOM_MAX)
		room = ROOM_MAX;
	p = lua_newuserdatauv(o->L, room, 0);
	memcpy(p, o->p, o->used);
	lua_replace(o->L, o->box);
	o->p = p;
	o->room = room;
}

/* n more bytes; the pointer is good until the next call. */
static uint8_t *out_more(struct out *o, size_t n)
{
	uint8_t *p;

	if (unlikely(o->room - o->used < n))
		out_grow(o, n);
	p = o->p + o->used;
	o->used += n;
	return p;
}

static size_t open_block(struct out *o)
{
	size_t at = o->used;

	(void)out_more(o, 4);
	return at;
}

static void close_block(struct out *o, size_t at)
{
	little_put32(o->p + at, (uint32_t)(o->used - at - 4));
}

static void put_bytes(struct out *o, const char *s, size_t n)
{
	uint8_t *p;

	if (n > SPROTO_SIZE_MAX)
		too_large(o->L);
	p = out_more(o, 4 + n);
	little_put32(p, (uint32_t)n);
	memcpy(p + 4, s, n);
}

static void encode_struct(struct out *o, const struct sproto_type *t, struct source *src,
			  unsigned depth);

/* ---- single values; they lie on the top of the stack, i is their place in an array or 0 ---- */

/* "list[3].pos.": the way from the outermost struct to one inside of it. */
static void put_way(struct shown *text, const struct source *at)
{
	char place[16] = "";

	if (!at || !at->field)
		return;
	put_way(text, at->outer);
	shown_puts(text, at->field->name);
	if (at->index && at->field->key)
		shown_puts(text, "[...]"); /* pairs of a map have no order */
	else if (at->index)
		shown_put(text, place, (size_t)snprintf(place, sizeof(place), "[%d]", at->index));
	shown_puts(text, ".");
}

/* Pushes the way to a field, where its struct is not the outermost one: the text of the error only
 * names its type. */
static const char *push_way(const struct out *o, const struct sproto_field *f)
{
	struct shown way = { .size = 0 };

	if (o->at && o->at->field) {
		shown_puts(&way, " at ");
		put_way(&way, o->at);
		shown_puts(&way, f->name);
	}
	return shown_push_text(o->L, &way);
}

static void wrong(const struct out *o, const struct sproto_field *f, int i, const char *wanted)
{
	const char *got = luaL_typename(o->L, -1);

	luaL_error(o->L, "%s.%s[%d] is not %s (Is a %s)%s", f->owner->name, f->name, i, wanted, got,
		   push_way(o, f));
}

static int64_t to_integer(const struct out *o, const struct sproto_field *f, int i)
{
	int64_t v;
	int good;

	if (f->scale != 0) {
		double d = round(lua_tonumber(o->L, -1) * f->scale); /* halves go away from 0 */

		/* the same test as Lua's own, which refuses NaN too */
		if (!(d >= -0x1p63 && d < 0x1p63))
			luaL_error(o->L, "%s.%s[%d] is out of range (%f)", f->owner->name, f->name,
				   i, lua_tonumber(o->L, -1));
		return (int64_t)d;
	}
	v = lua_tointegerx(o->L, -1, &good);
	if (!good)
		wrong(o, f, i, "an integer");
	return v;
}

static uint64_t to_double_bits(lua_State *L)
{
	double d = lua_tonumber(L, -1);
	uint64_t bits;

	memcpy(&bits, &d, sizeof(bits));
	return bits;
}

static const char *to_string(const struct out *o, const struct sproto_field *f, int i,
			     size_t *ret_size)
{
	if (lua_type(o->L, -1) != LUA_TSTRING)
		wrong(o, f, i, "a string");
	return lua_tolstring(o->L, -1, ret_size);
}

static bool to_boolean(const struct out *o, const struct sproto_field *f, int i)
{
	if (!lua_isboolean(o->L, -1))
		wrong(o, f, i, "a boolean");
	return lua_toboolean(o->L, -1);
}

/* A table, or a userdata that has the metamethod. */
static bool is_table_like(lua_State *L, int index, const char *metamethod)
{
	if (lua_istable(L, index))
		return true;
	if (lua_type(L, index) != LUA_TUSERDATA ||
	    luaL_getmetafield(L, index, metamethod) == LUA_TNIL)
		return false;
	lua_pop(L, 1);
	return true;
}

/* The struct on the top of the stack as a block. */
static void put_struct(struct out *o, const struct sproto_field *f, int i, unsigned depth)
{
	struct source src = { .table = lua_gettop(o->L), .field = f, .index = i };
	size_t at = open_block(o);

	if (!is_table_like(o->L, src.table, "__index"))
		wrong(o, f, i, "a table");
	encode_struct(o, f->type, &src, depth + 1);
	close_block(o, at);
}

/* ---- arrays: at `array`, which is an absolute index; a block is open ---- */

static void put_integers(struct out *o, const struct sproto_field *f, int array)
{
	size_t width = o->used; /* place of the size byte */
	unsigned size = 4;

	for (lua_Integer i = 1; lua_geti(o->L, array, i) != LUA_TNIL; i++) {
		int64_t v = to_integer(o, f, (int)i);

		if (i == 1)
			*out_more(o, 1) = 4;
		if (size == 4 && v != (int32_t)v) {
			size_t n = (size_t)(i - 1);
			uint8_t *p;

			size = 8;
			(void)out_more(o, n * 4);
			p = o->p + width;
			*p++ = 8;
			while (n--) /* from behind: the wide ones lie over the narrow ones */
				little_put64(p + n * 8,
					     (uint64_t)(int64_t)(int32_t)little_get32(p + n * 4));
		}
		if (size == 4)
			little_put32(out_more(o, 4), (uint32_t)v);
		else
			little_put64(out_more(o, 8), (uint64_t)v);
		lua_pop(o->L, 1);
	}
	lua_pop(o->L, 1);
}

static void put_doubles(struct out *o, int array)
{
	for (lua_Integer i = 1; lua_geti(o->L, array, i) != LUA_TNIL; i++) {
		uint64_t bits = to_double_bits(o->L);

		if (i == 1)
			*out_more(o, 1) = 8;
		little_put64(out_more(o, 8), bits);
		lua_pop(o->L, 1);
	}
	lua_pop(o->L, 1);
}

static void put_elements(struct out *o, const struct sproto_field *f, int array, unsigned depth)
{
	for (lua_Integer i = 1; lua_geti(o->L, array, i) != LUA_TNIL; i++) {
		const char *s;
		size_t n;

		if (f->kind == SPROTO_BOOLEAN) {
			bool v = to_boolean(o, f, (int)i);

			*out_more(o, 1) = v;
		} else if (f->kind == SPROTO_STRING) {
			s = to_string(o, f, (int)i, &n);
			put_bytes(o, s, n);
		} else {
			put_struct(o, f, (int)i, depth);
		}
		lua_pop(o->L, 1);
	}
	lua_pop(o->L, 1);
}

/* ---- maps ---- */

/* One pair: key and value are the two on the top of the stack. */
static void put_pair(struct out *o, const struct sproto_field *f, int i, unsigned depth)
{
	struct source src = { .value = lua_gettop(o->L),
			      .key = lua_gettop(o->L) - 1,
			      .key_field = f->key,
			      .field = f,
			      .index = i };
	size_t at;

	if (!f->value) {
		put_struct(o, f, i, depth);
		return;
	}
	at = open_block(o);
	encode_struct(o, f->type, &src, depth + 1);
	close_block(o, at);
}

static void put_map(struct out *o, const struct sproto_field *f, int map, unsigned depth)
{
	lua_State *L = o->L;
	int i = 0;

	if (luaL_getmetafield(L, map, "__pairs") == LUA_TNIL) {
		lua_pushnil(L);
		while (lua_next(L, map)) {
			put_pair(o, f, ++i, depth);
			lua_pop(L, 1);
		}
		return;
	}
	lua_pushvalue(L, map);
	lua_call(L, 1, 3); /* f, state, control */
	for (;;) {
		lua_pushvalue(L, -3);
		lua_insert(L, -2);
		lua_pushvalue(L, -3);
		lua_insert(L, -2); /* f, state, f, state, control */
		lua_call(L, 2, 2); /* f, state, key, value */
		if (lua_isnil(L, -2))
			break;
		put_pair(o, f, ++i, depth);
		lua_pop(L, 1);
	}
	lua_pop(L, 4);
}

/* The array or map on the top of the stack as a block. */
static void put_array(struct out *o, const struct sproto_field *f, unsigned depth)
{
	int array = lua_gettop(o->L);
	size_t at;

	if (!is_table_like(o->L, array, f->key ? "__pairs" : "__index"))
		luaL_error(o->L,
			   "%s.%s(1) should be a table or an userdata with metamethods (Is a %s)%s",
			   f->owner->name, f->name, luaL_typename(o->L, array), push_way(o, f));
	at = open_block(o);
	if (f->key)
		put_map(o, f, array, depth);
	else if (f->kind == SPROTO_INTEGER)
		put_integers(o, f, array);
	else if (f->kind == SPROTO_DOUBLE)
		put_doubles(o, array);
	else
		put_elements(o, f, array, depth);
	close_block(o, at);
}

/* ---- structs ---- */

static void put_number_block(struct out *o, uint64_t v, unsigned size)
{
	uint8_t *p = out_more(o, 4 + size);

	little_put32(p, size);
	if (size == 4)
		little_put32(p + 4, (uint32_t)v);
	else
		little_put64(p + 4, v);
}

/* The value on the top of the stack: returns its entry in the header. */
static uint16_t encode_field(struct out *o, const struct sproto_field *f, unsigned depth)
{
	const char *s;
	int64_t v;
	size_t n;

	if (f->array) {
		put_array(o, f, depth);
		return 0;
	}
	switch (f->kind) {
	case SPROTO_INTEGER:
		v = to_integer(o, f, 0);
		if (v >= 0 && v <= SMALL_MAX)
			return (uint16_t)((v + 1) * 2);
		put_number_block(o, (uint64_t)v, v == (int32_t)v ? 4 : 8);
		return 0;
	case SPROTO_BOOLEAN:
		return to_boolean(o, f, 0) ? 4 : 2;
	case SPROTO_DOUBLE:
		put_number_block(o, to_double_bits(o->L), 8);
		return 0;
	case SPROTO_STRING:
		s = to_string(o, f, 0, &n);
		put_bytes(o, s, n);
		return 0;
	default:
		put_struct(o, f, 0, depth);
		return 0;
	}
}

static void push_field(lua_State *L, const struct sproto_field *f, const struct source *src)
{
	if (src->table)
		lua_getfield(L, src->table, f->name);
	else
		lua_pushvalue(L, f == src->key_field ? src->key : src->value);
}

static void encode_struct(struct out *o, const struct sproto_type *t, struct source *src,
			  unsigned depth)
{
	size_t head = o->used, data, kept = 2 + (size_t)t->entries_max * 2;
	unsigned entries = 0;
	int next = 0; /* tag */

	if (depth >= SPROTO_DEPTH_MAX)
		luaL_error(o->L, "The table is too deep");
	luaL_checkstack(o->L, 12, NULL);
	src->outer = o->at;
	o->at = src;
	(void)out_more(o, kept);
	for (const struct sproto_field *f = t->fields; f < t->fields + t->count; f++) {
		uint16_t entry;

		push_field(o->L, f, src);
		if (!lua_isnil(o->L, -1)) {
			entry = encode_field(o, f, depth);
			if (f->tag > next)
				little_put16(o->p + head + 2 + 2 * entries++,
					     (uint16_t)(2 * (f->tag - next) - 1));
			little_put16(o->p + head + 2 + 2 * entries++, entry);
			next = f->tag + 1;
		}
		lua_pop(o->L, 1);
	}
	little_put16(o->p + head, (uint16_t)entries);
	data = head + 2 + 2 * (size_t)entries;
	memmove(o->p + data, o->p + head + kept, o->used - head - kept);
	o->used -= head + kept - data;
	o->at = src->outer;
}

void sproto_encode(lua_State *L, const struct sproto_type *t, int index)
{
	uint8_t first[FIRST_ROOM];
	struct out o = { L, first, 0, sizeof(first), 0 };
	struct source src = { .table = lua_absindex(L, index) };

	lua_pushnil(L);
	o.box = lua_gettop(L);
	encode_struct(&o, t, &src, 0);
	if (o.used > SPROTO_SIZE_MAX)
		too_large(L);
	lua_pushlstring(L, (const char *)o.p, o.used);
	lua_replace(L, o.box);
}

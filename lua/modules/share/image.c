/* SPDX-License-Identifier: MIT */
/* Immutable images of Lua tables: see image.h.
 *
 * The builder walks the table once. Each table reserves its place (head, array, hash) as soon as
 * its sizes are known and fills it while it walks on into its subtables, so an offset is all that
 * anybody needs to know of it. The buffer moves while it grows: pointers into it live only between
 * two calls of room(). Strings and tables that occur twice are stored once; a Lua table that lives
 * as long as the build knows where.
 */
#include "lua/modules/share/image.h"

#include <lauxlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/mem.h"
#include "core/base/text.h"
#include "lua/modules/share/image_check.h"
#include "lua/modules/share/image_names.h"
#include "lua/vm/share.h"

static uint64_t align8(uint64_t n)
{
	return (n + 7) & ~UINT64_C(7);
}

static uint32_t fold(uint64_t h)
{
	h *= UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(h >> 32);
}

static uint32_t hash_text(const char *s, size_t n)
{
	uint64_t h = n, w;

	for (; n >= 8; s += 8, n -= 8) {
		memcpy(&w, s, 8);
		h = (h ^ w) * UINT64_C(0xff51afd7ed558ccd);
		h ^= h >> 29;
	}
	w = 0;
	memcpy(&w, s, n);
	return fold((h ^ w) ^ (h >> 32));
}

/* ---- reading ---- */

const struct image_table *image_table_at(const struct image *im, uint64_t offset)
{
	return (const struct image_table *)((const char *)im + offset);
}

const struct image_string *image_string_at(const struct image *im, uint64_t offset)
{
	return (const struct image_string *)((const char *)im + offset);
}

const struct image_table *image_root(const struct image *im)
{
	return image_table_at(im, im->root);
}

uint32_t image_tables(const struct image *im)
{
	return im->tables;
}

size_t image_size(const struct image *im)
{
	return im->size;
}

static const uint64_t *array_of(const struct image_table *t)
{
	return (const uint64_t *)(t + 1);
}

static const uint8_t *types_of(const struct image_table *t)
{
	return (const uint8_t *)(array_of(t) + t->n);
}

static const struct image_node *nodes_of(const struct image_table *t)
{
	return (const struct image_node *)(types_of(t) + align8(t->n));
}

/* A key that is looked for. */
struct probe {
	uint64_t key; /* unless it is a string */
	const char *text;
	size_t size;
	uint32_t hash;
	uint8_t type;
};

static const struct image_node *find(const struct image *im, const struct image_table *t,
				     const struct probe *k)
{
	const struct image_node *nodes = nodes_of(t);

	if (!t->slots)
		return NULL;
	for (uint32_t i = k->hash & (t->slots - 1);; i = (i + 1) & (t->slots - 1)) {
		const struct image_node *n = &nodes[i];

		if (n->key_type == IMAGE_NIL)
			return NULL;
		if (n->hash != k->hash || n->key_type != k->type)
			continue;
		if (k->type != IMAGE_STRING) {
			if (n->key == k->key)
				return n;
			continue;
		}
		const struct image_string *s = image_string_at(im, n->key);

		if (s->size == k->size && memcmp(s->text, k->text, k->size) == 0)
			return n;
	}
}

/* False: no table of an image has such a key. */
static bool make_probe(lua_State *L, int index, struct probe *k)
{
	switch (lua_type(L, index)) {
	case LUA_TSTRING:
		k->type = IMAGE_STRING;
		k->key = 0;
		k->text = lua_tolstring(L, index, &k->size);
		k->hash = hash_text(k->text, k->size);
		return true;
	case LUA_TNUMBER: {
		int is_integer;
		lua_Integer i = lua_tointegerx(L, index, &is_integer);

		if (is_integer) {
			k->type = IMAGE_INTEGER;
			k->key = (uint64_t)i;
		} else {
			double d = lua_tonumber(L, index);

			k->type = IMAGE_FLOAT;
			memcpy(&k->key, &d, sizeof(d));
		}
		break;
	}
	case LUA_TBOOLEAN:
		k->type = lua_toboolean(L, index) ? IMAGE_TRUE : IMAGE_FALSE;
		k->key = 0;
		break;
	case LUA_TLIGHTUSERDATA:
		k->type = IMAGE_POINTER;
		k->key = (uintptr_t)lua_touserdata(L, index);
		break;
	default:
		return false;
	}
	k->hash = fold(k->key ^ k->type);
	return true;
}

static struct image_value get(const struct image *im, const struct image_table *t,
			      const struct probe *k)
{
	const struct image_node *n;

	if (k->type == IMAGE_INTEGER && k->key - 1 < t->n)
		return (struct image_value){ array_of(t)[k->key - 1], types_of(t)[k->key - 1] };
	n = find(im, t, k);
	return n ? (struct image_value){ n->value, n->value_type }
		 : (struct image_value){ 0, IMAGE_NIL };
}

struct image_value image_get(lua_State *L, int index, const struct image *im,
			     const struct image_table *t)
{
	struct probe k;

	if (!make_probe(L, index, &k))
		return (struct image_value){ 0, IMAGE_NIL };
	return get(im, t, &k);
}

struct image_value image_get_key(const struct image *im, const struct image_table *t,
				 const struct image *from, struct image_value key)
{
	struct probe k = { .key = key.v, .type = key.type };

	if (k.type == IMAGE_STRING) {
		const struct image_string *s = image_string_at(from, key.v);

		k.text = s->text;
		k.size = s->size;
		k.hash = s->hash;
	} else {
		k.hash = fold(k.key ^ k.type);
	}
	return get(im, t, &k);
}

uint32_t image_places(const struct image_table *t)
{
	return t->n + t->slots;
}

bool image_entry(const struct image_table *t, uint32_t place, struct image_value *ret_key,
		 struct image_value *ret_value)
{
	if (place < t->n) {
		*ret_key = (struct image_value){ (uint64_t)place + 1, IMAGE_INTEGER };
		*ret_value = (struct image_value){ array_of(t)[place], types_of(t)[place] };
	} else {
		const struct image_node *n = &nodes_of(t)[place - t->n];

		*ret_key = (struct image_value){ n->key, n->key_type };
		*ret_value = (struct image_value){ n->value, n->value_type };
	}
	return ret_value->type != IMAGE_NIL;
}

int64_t image_place_after(lua_State *L, int index, const struct image *im,
			  const struct image_table *t)
{
	const struct image_node *n;
	struct probe k;

	if (lua_isnil(L, index))
		return 0;
	if (!make_probe(L, index, &k))
		return -1;
	if (k.type == IMAGE_INTEGER && k.key - 1 < t->n)
		return (int64_t)k.key;
	n = find(im, t, &k);
	return n ? (int64_t)t->n + (n - nodes_of(t)) + 1 : -1;
}

/* ---- building ---- */

struct builder {
	lua_State *L;
	struct text data; /* freed with the userdata that this is, unless taken */
	int known;	  /* stack index: string or table -> offset */
	uint32_t tables;
};

static int builder_gc(lua_State *L)
{
	struct builder *b = lua_touserdata(L, 1);

	text_fini(&b->data);
	return 0;
}

/* Makes zeroed, 8-aligned room and returns its offset. */
static uint64_t room(struct builder *b, uint64_t n)
{
	uint64_t at = b->data.size;

	n = align8(n);
	memset(text_room(&b->data, n), 0, n);
	return at;
}

static uint64_t put_bytes(struct builder *b, const char *s, size_t n)
{
	uint64_t at;
	struct image_string *to;

	if (n >= UINT32_MAX)
		luaL_error(b->L, "a string of %I bytes is too long to be shared", (lua_Integer)n);
	at = room(b, sizeof(*to) + n + 1);
	to = (struct image_string *)(b->data.bytes + at);
	to->size = (uint32_t)n;
	to->hash = hash_text(s, n);
	memcpy(to->text, s, n);
	return at;
}

/* Whether the string or table at index was stored before; if not, remember(at) follows. */
static bool was_put(struct builder *b, int index, uint64_t *ret_at)
{
	bool found;

	lua_pushvalue(b->L, index);
	found = lua_rawget(b->L, b->known) != LUA_TNIL;
	if (found)
		*ret_at = (uint64_t)lua_tointeger(b->L, -1);
	lua_pop(b->L, 1);
	return found;
}

static void remember(struct builder *b, int index, uint64_t at)
{
	lua_pushvalue(b->L, index);
	lua_pushinteger(b->L, (lua_Integer)at);
	lua_rawset(b->L, b->known);
}

static uint64_t put_string(struct builder *b, int index)
{
	uint64_t at;
	size_t n;
	const char *s;

	if (was_put(b, index, &at))
		return at;
	s = lua_tolstring(b->L, index, &n);
	at = put_bytes(b, s, n);
	remember(b, index, at);
	return at;
}

static int append_code(lua_State *L, const void *p, size_t n, void *ud)
{
	(void)L;
	text_add(ud, p, n);
	return 0;
}

static struct image_value put_function(struct builder *b, int index)
{
	lua_State *L = b->L;
	struct image_value v;
	struct text code = { 0 };

	if (lua_iscfunction(L, index)) {
		lua_CFunction f = lua_tocfunction(L, index);

		v.type = IMAGE_CFUNCTION;
		v.v = 0;
		memcpy(&v.v, &f, sizeof(f));
		return v;
	}
	v.type = IMAGE_BYTECODE;
	if (was_put(b, index, &v.v))
		return v;
	lua_pushvalue(L, index);
	(void)lua_dump(L, append_code, &code, false);
	lua_pop(L, 1);
	v.v = put_bytes(b, code.bytes, code.size);
	text_fini(&code);
	remember(b, index, v.v);
	return v;
}

static uint64_t put_table(struct builder *b, int index);

static struct image_value put_value(struct builder *b, int index)
{
	lua_State *L = b->L;
	struct image_value v = { 0, IMAGE_NIL };

	switch (lua_type(L, index)) {
	case LUA_TBOOLEAN:
		v.type = lua_toboolean(L, index) ? IMAGE_TRUE : IMAGE_FALSE;
		return v;
	case LUA_TNUMBER:
		if (lua_isinteger(L, index)) {
			v.type = IMAGE_INTEGER;
			v.v = (uint64_t)lua_tointeger(L, index);
		} else {
			double d = lua_tonumber(L, index);

			v.type = IMAGE_FLOAT;
			memcpy(&v.v, &d, sizeof(d));
		}
		return v;
	case LUA_TSTRING:
		v.type = IMAGE_STRING;
		v.v = put_string(b, index);
		return v;
	case LUA_TTABLE:
		v.type = IMAGE_TABLE;
		v.v = put_table(b, index);
		return v;
	case LUA_TLIGHTUSERDATA:
		v.type = IMAGE_POINTER;
		v.v = (uintptr_t)lua_touserdata(L, index);
		return v;
	case LUA_TFUNCTION:
		return put_function(b, index);
	}
	return v; /* there is nothing else: image_check */
}

static bool in_array(lua_State *L, int index, uint32_t n)
{
	return lua_isinteger(L, index) && (uint64_t)lua_tointeger(L, index) - 1 < n;
}

static void put_pair(struct builder *b, uint64_t at, int key, struct image_value k,
		     struct image_value v)
{
	struct image_table *t = (struct image_table *)(b->data.bytes + at);
	struct image_node *nodes = (struct image_node *)nodes_of(t);
	struct probe p = { .type = IMAGE_NIL };

	(void)make_probe(b->L, key, &p);
	for (uint32_t i = p.hash & (t->slots - 1);; i = (i + 1) & (t->slots - 1))
		if (nodes[i].key_type == IMAGE_NIL) {
			nodes[i] = (struct image_node){ k.v, v.v, p.hash, k.type, v.type };
			return;
		}
}

static uint64_t put_table(struct builder *b, int index)
{
	lua_State *L = b->L;
	uint64_t pairs = 0, slots = 0, at;
	lua_Unsigned n = lua_rawlen(L, index);
	struct image_table *t;

	if (was_put(b, index, &at))
		return at;
	luaL_checkstack(L, 12, NULL);
	lua_pushnil(L);
	while (lua_next(L, index)) {
		pairs += n >= UINT32_MAX / 2 || !in_array(L, -2, (uint32_t)n);
		lua_pop(L, 1);
	}
	if (n >= UINT32_MAX / 2 || pairs >= UINT32_MAX / 4)
		luaL_error(L, "a table is too large to be shared");
	for (slots = pairs != 0; slots * 3 < pairs * 4;)
		slots *= 2;
	at = room(b, sizeof(*t) + n * 8 + align8(n) + slots * sizeof(struct image_node));
	t = (struct image_table *)(b->data.bytes + at);
	*t = (struct image_table){ b->tables++, (uint32_t)n, (uint32_t)slots, (uint32_t)pairs };
	remember(b, index, at);
	lua_pushnil(L);
	while (lua_next(L, index)) {
		int value = lua_gettop(L);
		struct image_value k, v;

		if (in_array(L, value - 1, (uint32_t)n)) {
			size_t i = (size_t)lua_tointeger(L, value - 1) - 1;

			v = put_value(b, value);
			t = (struct image_table *)(b->data.bytes + at);
			((uint64_t *)(t + 1))[i] = v.v;
			((uint8_t *)((uint64_t *)(t + 1) + n))[i] = v.type;
		} else {
			k = put_value(b, value - 1);
			v = put_value(b, value);
			put_pair(b, at, value - 1, k, v);
		}
		lua_settop(L, value - 1);
	}
	return at;
}

/* As a tree of the VM's own. */
static struct image *build_native(lua_State *L, int index)
{
	struct share_root *r = share_table(L, index);
	struct image *im;

	if (!r)
		luaL_error(L, "not enough memory");
	im = mem_zalloc(sizeof(*im));
	im->native = r;
	im->size = sizeof(*im) + share_size(r);
	im->tables = share_tables(r);
	share_set_end(r, image_end, im);
	return im;
}

static struct image *build_proxied(lua_State *L, int index)
{
	struct builder *b;
	struct image *im;

	luaL_checkstack(L, 12, NULL);
	b = lua_newuserdatauv(L, sizeof(*b), 0);
	*b = (struct builder){ .L = L };
	lua_createtable(L, 0, 1);
	lua_pushcfunction(L, builder_gc);
	lua_setfield(L, -2, "__gc");
	lua_setmetatable(L, -2);
	lua_newtable(L);
	b->known = lua_gettop(L);
	(void)room(b, sizeof(*im));
	uint64_t root = put_table(b, index);

	size_t size = b->data.size;

	im = (struct image *)text_take(&b->data);
	im->native = NULL;
	im->size = size;
	im->root = root;
	im->tables = b->tables;
	im->version = 0;
	im->name = NULL;
	im->log = false;
	im->source = 0;
	atomic_init(&im->refs, 1);
	return im;
}

struct image *image_build(lua_State *L, int index, enum image_rule rule)
{
	struct image *im;
	int top = lua_gettop(L);

	index = lua_absindex(L, index);
	image_check(L, index, rule);
	im = share_is_here() ? build_native(L, index) : build_proxied(L, index);
	image_born();
	lua_settop(L, top);
	return im;
}

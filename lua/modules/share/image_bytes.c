/* SPDX-License-Identifier: MIT */
/* Images as bytes: see image_bytes.h. Both ways work in a Lua state of their own, so that nothing
 * of it touches the heap of a service. */
#include "lua/modules/share/image_bytes.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/hash.h"
#include "core/base/little.h"
#include "lua/modules/share/image.h"
#include "lua/modules/share/image_names.h"
#include "lua/vm/share.h"

enum {
	B_NIL,
	B_FALSE,
	B_TRUE,
	B_INTEGER,
	B_FLOAT,
	B_STRING,
	B_POINTER,
	B_OLD, /* a table or a function of Lua's */
	B_TABLE,
	B_FUNCTION,
	B_OF_LIBRARY
};

#define KNOWN 1 /* stack index: what has a number by it, or the numbers by what has them */

/* ---- the functions of Lua's libraries ---- */

/* Pushes package.loaded of a state that is used for nothing else. */
static void push_libraries(lua_State *L)
{
	if (lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE) == LUA_TTABLE)
		return;
	lua_pop(L, 1);
	luaL_openlibs(L);
	(void)lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
}

/* Whether the table on top has the function; *ret_name, which is the table's. */
static bool has_function(lua_State *L, lua_CFunction f, const char **ret_name)
{
	bool found = false;

	for (lua_pushnil(L); !found && lua_next(L, -2); lua_pop(L, 1))
		if (lua_type(L, -2) == LUA_TSTRING && lua_tocfunction(L, -1) == f) {
			*ret_name = lua_tostring(L, -2);
			found = true;
			lua_pop(L, 1); /* the value; the loop pops the key */
		}
	return found;
}

/* ---- writing ---- */

struct writer {
	struct image *im;
	struct text *to;
	uint32_t known;
	const char *why;
};

static void put8(struct writer *w, uint8_t v)
{
	text_add(w->to, &v, 1);
}

static void put32(struct writer *w, uint64_t v)
{
	uint8_t b[4];

	little_put32(b, (uint32_t)v);
	text_add(w->to, b, sizeof(b));
}

static void put64(struct writer *w, uint64_t v)
{
	uint8_t b[8];

	little_put64(b, v);
	text_add(w->to, b, sizeof(b));
}

static void put_number(lua_State *L, struct writer *w)
{
	lua_Number number = lua_tonumber(L, -1);
	uint64_t bits;

	if (lua_isinteger(L, -1)) {
		put8(w, B_INTEGER);
		put64(w, (uint64_t)lua_tointeger(L, -1));
		return;
	}
	memcpy(&bits, &number, sizeof(bits));
	put8(w, B_FLOAT);
	put64(w, bits);
}

static void put_text(lua_State *L, struct writer *w, uint8_t type, const void *text, size_t size)
{
	if (size > UINT32_MAX)
		luaL_error(L, "too large");
	put8(w, type);
	put32(w, size);
	text_add(w->to, text, size);
}

static void put_string(lua_State *L, struct writer *w)
{
	size_t size;
	const char *text = lua_tolstring(L, -1, &size);

	put_text(L, w, B_STRING, text, size);
}

/* Whether the table or function on top was put before; if not, it has a number from here on. */
static bool put_old(lua_State *L, struct writer *w)
{
	const void *p = lua_topointer(L, -1);
	bool old = lua_rawgetp(L, KNOWN, p) == LUA_TNUMBER;

	if (old) {
		put8(w, B_OLD);
		put32(w, (uint64_t)lua_tointeger(L, -1));
	}
	lua_pop(L, 1);
	if (old)
		return true;
	lua_pushinteger(L, w->known++);
	lua_rawsetp(L, KNOWN, p);
	return false;
}

static void put_of_library(lua_State *L, struct writer *w)
{
	lua_CFunction f = lua_tocfunction(L, -1);
	const char *name;
	char text[128];
	int n = 0;

	push_libraries(L);
	for (lua_pushnil(L); !n && lua_next(L, -2); lua_pop(L, 1))
		if (lua_istable(L, -1) && has_function(L, f, &name))
			n = snprintf(text, sizeof(text), "%s.%s", lua_tostring(L, -2), name);
	if (!n) {
		w->why = "it holds a function of C that is none of Lua's libraries";
		luaL_error(L, "a function");
	}
	lua_pop(L, 2); /* the library's name, and all of them */
	put_text(L, w, B_OF_LIBRARY, text, (size_t)n);
}

static int add_code(lua_State *L, const void *p, size_t n, void *ud)
{
	(void)L;
	text_add(ud, p, n);
	return 0;
}

/* It is dumped into the bytes themselves; then what stands before it is known. */
static void put_function(lua_State *L, struct writer *w)
{
	size_t at, size;
	uint8_t *head;

	if (lua_iscfunction(L, -1)) {
		put_of_library(L, w);
		return;
	}
	if (put_old(L, w))
		return;
	put_text(L, w, B_FUNCTION, "", 0);
	put64(w, 0);
	at = w->to->size;
	(void)lua_dump(L, add_code, w->to, false);
	size = w->to->size - at;
	if (size > UINT32_MAX)
		luaL_error(L, "too large");
	head = (uint8_t *)w->to->bytes + at - 12;
	little_put32(head, (uint32_t)size);
	little_put64(head + 4, hash64(HASH64_START, w->to->bytes + at, size));
}

static void put_table(lua_State *L, struct writer *w);

/* What is on top. */
static void put_value(lua_State *L, struct writer *w)
{
	switch (lua_type(L, -1)) {
	case LUA_TBOOLEAN:
		put8(w, lua_toboolean(L, -1) ? B_TRUE : B_FALSE);
		return;
	case LUA_TNUMBER:
		put_number(L, w);
		return;
	case LUA_TSTRING:
		put_string(L, w);
		return;
	case LUA_TLIGHTUSERDATA:
		put8(w, B_POINTER);
		put64(w, (uintptr_t)lua_touserdata(L, -1));
		return;
	case LUA_TTABLE:
		put_table(L, w);
		return;
	default: /* there is nothing else: image_check */
		put_function(L, w);
	}
}

static void put_pair(lua_State *L, void *ud)
{
	luaL_checkstack(L, 12, NULL);
	lua_pushvalue(L, -2);
	put_value(L, ud);
	lua_pop(L, 1);
	put_value(L, ud);
}

static void put_table(lua_State *L, struct writer *w)
{
	struct share_sizes sizes;
	int at = lua_gettop(L);

	luaL_checkstack(L, 6, NULL);
	if (put_old(L, w))
		return;
	share_get_sizes(L, at, &sizes);
	put8(w, B_TABLE);
	put32(w, sizes.list);
	put32(w, sizes.in_list);
	put32(w, sizes.others);
	share_walk(L, at, put_pair, w);
}

static int write_image(lua_State *L)
{
	struct writer *w = lua_touserdata(L, 1);

	lua_settop(L, 0);
	lua_newtable(L);
	share_push_table(L, image_native(w->im));
	put_value(L, w);
	return 0;
}

/* Runs f(arg) in a state of its own. Returns whether it came to its end. */
static bool run_apart(lua_CFunction f, void *arg)
{
	lua_State *L = luaL_newstate();
	bool done;

	if (!L)
		return false;
	lua_pushcfunction(L, f);
	lua_pushlightuserdata(L, arg);
	done = lua_pcall(L, 1, 0, 0) == LUA_OK;
	lua_close(L);
	return done;
}

const char *image_to_bytes(struct image *im, struct text *to)
{
	struct writer w = { .im = im, .to = to };

	if (!image_native(im))
		return "it is none of the VM's own";
	if (!run_apart(write_image, &w))
		return w.why ? w.why : "there is no memory for its bytes";
	return NULL;
}

/* ---- reading ---- */

struct reader {
	const uint8_t *at, *end;
	uint32_t known;
	uint64_t pairs_left; /* each has two bytes at least */
	struct image *im;
};

static int wrong(lua_State *L)
{
	return luaL_error(L, "no image");
}

static const uint8_t *take(lua_State *L, struct reader *r, size_t n)
{
	const uint8_t *at = r->at;

	if ((size_t)(r->end - at) < n)
		wrong(L);
	r->at += n;
	return at;
}

static uint32_t take32(lua_State *L, struct reader *r)
{
	return little_get32(take(L, r, 4));
}

static void push_table(lua_State *L, struct reader *r, unsigned depth);

static void push_float(lua_State *L, struct reader *r)
{
	uint64_t bits = little_get64(take(L, r, 8));
	lua_Number number;

	memcpy(&number, &bits, sizeof(number));
	lua_pushnumber(L, number);
}

static void push_string(lua_State *L, struct reader *r)
{
	size_t size = take32(L, r);

	lua_pushlstring(L, (const char *)take(L, r, size), size);
}

static void push_of_library(lua_State *L, struct reader *r)
{
	const char *name, *dot;

	push_string(L, r);
	name = lua_tostring(L, -1);
	dot = strchr(name, '.');
	if (!dot)
		wrong(L);
	push_libraries(L);
	lua_pushlstring(L, name, (size_t)(dot - name));
	if (lua_rawget(L, -2) != LUA_TTABLE)
		wrong(L);
	lua_pushstring(L, dot + 1);
	if (lua_rawget(L, -2) != LUA_TFUNCTION)
		wrong(L);
	lua_replace(L, -4);
	lua_pop(L, 2);
}

static void push_old(lua_State *L, struct reader *r)
{
	int type = lua_rawgeti(L, KNOWN, take32(L, r));

	if (type != LUA_TTABLE && type != LUA_TFUNCTION)
		wrong(L);
}

/* What is on top has the next number. */
static void keep(lua_State *L, struct reader *r)
{
	lua_pushvalue(L, -1);
	lua_rawseti(L, KNOWN, r->known++);
}

/* Lua does not look at what it loads: the hash says that it is what was dumped. */
static void push_function(lua_State *L, struct reader *r)
{
	size_t size = take32(L, r);
	uint64_t hash = little_get64(take(L, r, 8));
	const char *code = (const char *)take(L, r, size);

	if (hash != hash64(HASH64_START, code, size) ||
	    luaL_loadbufferx(L, code, size, "=shared", "b") != LUA_OK)
		wrong(L);
	keep(L, r);
}

static void push_value(lua_State *L, struct reader *r, unsigned depth)
{
	uint8_t type = *take(L, r, 1);

	luaL_checkstack(L, 12, NULL);
	switch (type) {
	case B_FALSE:
	case B_TRUE:
		lua_pushboolean(L, type == B_TRUE);
		break;
	case B_INTEGER:
		lua_pushinteger(L, (lua_Integer)little_get64(take(L, r, 8)));
		break;
	case B_FLOAT:
		push_float(L, r);
		break;
	case B_STRING:
		push_string(L, r);
		break;
	case B_POINTER:
		lua_pushlightuserdata(L, (void *)(uintptr_t)little_get64(take(L, r, 8)));
		break;
	case B_OLD:
		push_old(L, r);
		break;
	case B_FUNCTION:
		push_function(L, r);
		break;
	case B_OF_LIBRARY:
		push_of_library(L, r);
		break;
	case B_TABLE:
		push_table(L, r, depth);
		break;
	default:
		wrong(L);
	}
}

/* Keys that Lua refuses (a NaN) raise. */
static void push_table(lua_State *L, struct reader *r, unsigned depth)
{
	uint32_t list = take32(L, r), in_list = take32(L, r), others = take32(L, r);
	uint64_t pairs = (uint64_t)in_list + others;

	/* more than half of a list is in use */
	if (depth > IMAGE_DEPTH_MAX || pairs > r->pairs_left || list > in_list * (uint64_t)2)
		wrong(L);
	r->pairs_left -= pairs;
	lua_createtable(L, (int)list, (int)others);
	keep(L, r);
	for (uint64_t i = 0; i < pairs; i++) {
		push_value(L, r, depth + 1);
		push_value(L, r, depth + 1);
		lua_rawset(L, -3);
	}
}

static int read_image(lua_State *L)
{
	struct reader *r = lua_touserdata(L, 1);

	lua_settop(L, 0);
	lua_newtable(L);
	push_value(L, r, 0);
	if (r->at != r->end)
		wrong(L);
	r->im = image_build(L, -1, IMAGE_ANY);
	return 0;
}

struct image *image_of_bytes(const void *bytes, size_t size)
{
	struct reader r = { .at = bytes,
			    .end = (const uint8_t *)bytes + size,
			    .pairs_left = size / 2 };

	if (!run_apart(read_image, &r))
		image_unref(steal(r.im));
	return r.im;
}

/* SPDX-License-Identifier: MIT */
/* The functions whose results a program cannot foresee, and what a recording and a replay put
 * around them. See tape.h. */
#include "lua/load/tape_functions.h"

#include <lauxlib.h>
#include <string.h>

#include "core/actor/msg.h"
#include "core/base/hash.h"
#include "lua/host/host.h"
#include "lua/load/tape.h"
#include "lua/load/tape_objects.h"
#include "lua/modules/share/image_names.h"
#include "lua/modules/share/stm.h"

enum how {
	VALUE,	/* a replay does not run it: it only returns what it returned */
	BOTH,	/* a replay runs it as well */
	SEED,	/* a replay runs it with what it returned */
	TOLD,	/* as VALUE; what it is told is compared; it never runs in a replay */
	TAKES,	/* as TOLD; a block of memory that it is told becomes its own */
	SHARED, /* a replay runs it, on the shared data that it looked at; their name comes first */
	ALONE,	/* a replay runs it with NULL for a pointer that it is told, which is another's */
	READS,	/* a reader of skynet.stm is called */
	SCHEMA, /* what it returns is a schema of sproto */
};

/* What a recording keeps the results of. The place in the table is part of the format. */
static const struct covered {
	const char *module; /* "": the function is a global */
	const char *name;
	enum how how;
	const char *class; /* the function is a method of these objects of the module */
} covered[] = {
#define COVERED(module, name, how, class) { module, name, how, class },
#include "lua/load/tape_functions.def"
#undef COVERED
};

const char *tape_function(unsigned i)
{
	return i < array_len(covered) ? covered[i].name : "?";
}

/* ---- what a function is told ---- */

static uint64_t hash_value(lua_State *L, int i, uint64_t h);

static uint64_t hash_items(lua_State *L, int i, uint64_t h)
{
	for (lua_Integer at = 1; lua_rawgeti(L, i, at) != LUA_TNIL; at++) {
		if (!lua_istable(L, -1))
			h = hash_value(L, lua_gettop(L), h);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	return h;
}

/* A block's size stands behind it. */
static uint64_t hash_block(lua_State *L, int i, uint64_t h)
{
	const void *block = lua_touserdata(L, i);
	lua_Integer size = lua_isinteger(L, i + 1) ? lua_tointeger(L, i + 1) : 0;

	return block && size > 0 ? hash64(h, block, (size_t)size) : h;
}

static uint64_t hash_value(lua_State *L, int i, uint64_t h)
{
	uint8_t type = (uint8_t)lua_type(L, i);
	lua_Number number;
	const char *text;
	size_t size;

	h = hash64(h, &type, sizeof(type));
	switch (type) {
	case LUA_TBOOLEAN:
		type = (uint8_t)lua_toboolean(L, i);
		return hash64(h, &type, sizeof(type));
	case LUA_TNUMBER:
		number = lua_tonumber(L, i);
		return hash64(h, &number, sizeof(number));
	case LUA_TSTRING:
		text = lua_tolstring(L, i, &size);
		return hash64(h, text, size);
	case LUA_TTABLE:
		return hash_items(L, i, h);
	case LUA_TLIGHTUSERDATA:
		return hash_block(L, i, h);
	default:
		return h;
	}
}

static uint64_t hash_arguments(lua_State *L, const struct covered *c)
{
	uint64_t h = HASH64_START;

	if (c->how != TOLD && c->how != TAKES)
		return 0;
	luaL_checkstack(L, 2, NULL);
	for (int i = 1, n = lua_gettop(L); i <= n; i++)
		h = hash_value(L, i, h);
	return h;
}

/* What the function would have freed. */
static void free_blocks(lua_State *L, int top)
{
	for (int i = 1; i <= top; i++)
		if (lua_islightuserdata(L, i))
			payload_free(lua_touserdata(L, i));
}

/* ---- a recording ---- */

/* Replaces what is on the stack by the results, or the error. Returns Lua's status. */
static int run_original(lua_State *L)
{
	int n = lua_gettop(L);

	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	return lua_pcall(L, n, LUA_MULTRET, 0);
}

static int finish(lua_State *L, int status)
{
	return status == LUA_OK ? lua_gettop(L) : lua_error(L);
}

static struct tape *tape_here(lua_State *L)
{
	return tape_of_service(host_service(L));
}

/* Runs it with the arguments, which stay, until nobody has published what it looks at meanwhile. */
static int run_on_shared(lua_State *L, struct tape *t)
{
	const char *name = luaL_checkstring(L, 1);
	int top = lua_gettop(L), status;
	uint64_t version;

	luaL_checkstack(L, top + 1, NULL);
	do {
		lua_settop(L, top);
		version = t->ops->share(t, name);
		lua_pushvalue(L, lua_upvalueindex(1));
		for (int i = 1; i <= top; i++)
			lua_pushvalue(L, i);
		status = lua_pcall(L, top, LUA_MULTRET, 0);
	} while (image_current(name) != version);
	return status == LUA_OK ? lua_gettop(L) - top : lua_error(L);
}

static int recorded(lua_State *L)
{
	struct tape *t = tape_here(L);
	struct tape_call call = { .function = (unsigned)lua_tointeger(L, lua_upvalueindex(2)) };
	int status;

	if (!t || t->inside)
		return finish(L, run_original(L));
	switch (covered[call.function].how) {
	case ALONE:
		return finish(L, run_original(L));
	case SHARED:
		return run_on_shared(L, t);
	case READS:
		return tape_record_reading(L, t, &call);
	case SCHEMA:
		return tape_record_schema(L, t, &call);
	default:
		break;
	}
	call.hash = hash_arguments(L, &covered[call.function]);
	t->inside = true;
	status = run_original(L);
	t->inside = false;
	call.raised = status != LUA_OK;
	t->ops->values(t, L, &call);
	t->ops->collect(t, L);
	return finish(L, status);
}

/* ---- a replay ---- */

/* Runs the original with what is on the stack from `first` on, and drops its results. */
static void run_again(lua_State *L, struct tape *t, int first, int last)
{
	lua_pushvalue(L, lua_upvalueindex(1));
	for (int i = first; i <= last; i++)
		lua_pushvalue(L, i);
	t->inside = true;
	if (lua_pcall(L, last - first + 1, 0, 0) != LUA_OK)
		lua_pop(L, 1); /* as the recorded one did */
	t->inside = false;
}

/* It is called by another covered function, or the service has ended and only its finalizers
 * run. */
static int played_aside(lua_State *L, const struct covered *c)
{
	if (c->how == TOLD || c->how == TAKES)
		return 0;
	return finish(L, run_original(L));
}

/* Takes what it returned from the file; runs it as well, if it is of that kind. */
static int play(lua_State *L, struct tape *t, struct tape_call *call)
{
	const struct covered *c = &covered[call->function];
	int top = lua_gettop(L), n;

	call->hash = hash_arguments(L, c);
	t->ops->values(t, L, call);
	n = lua_gettop(L) - top;
	luaL_checkstack(L, top + n + 1, NULL);
	if (c->how == BOTH)
		run_again(L, t, 1, top);
	else if (c->how == SEED && !call->raised)
		run_again(L, t, top + 1, top + n);
	else if (c->how == TAKES && !call->raised)
		free_blocks(L, top);
	t->ops->collect(t, L);
	return call->raised ? lua_error(L) : n;
}

static int run_alone(lua_State *L)
{
	for (int i = 1, n = lua_gettop(L); i <= n; i++)
		if (lua_islightuserdata(L, i)) {
			lua_pushlightuserdata(L, NULL);
			lua_replace(L, i);
		}
	return finish(L, run_original(L));
}

static int played(lua_State *L)
{
	struct tape *t = tape_here(L);
	struct tape_call call = { .function = (unsigned)lua_tointeger(L, lua_upvalueindex(2)) };
	const struct covered *c = &covered[call.function];

	if (!t || t->inside)
		return played_aside(L, c);
	switch (c->how) {
	case ALONE:
		return run_alone(L);
	case SHARED:
		return run_on_shared(L, t);
	case READS:
		return tape_play_reading(L, t, &call);
	case SCHEMA:
		return tape_play_schema(L, t, &call);
	default:
		return play(L, t, &call);
	}
}

/* ---- putting them there ---- */

/* Replaces the function i in the table on top. */
static void wrap(lua_State *L, const struct tape *t, unsigned i)
{
	if (lua_getfield(L, -1, covered[i].name) != LUA_TFUNCTION) {
		lua_pop(L, 1);
		return;
	}
	lua_pushinteger(L, i);
	lua_pushcclosure(L, t->ops->plays ? played : recorded, 2);
	lua_setfield(L, -2, covered[i].name);
}

/* The same in the metatable of readers. */
static void wrap_reading(lua_State *L, const struct tape *t, unsigned i)
{
	stm_push_readers(L);
	wrap(L, t, i);
	lua_pop(L, 1);
}

/* The same in the methods of a class. */
static void wrap_method(lua_State *L, const struct tape *t, unsigned i)
{
	if (luaL_getmetatable(L, covered[i].class) == LUA_TTABLE) {
		if (lua_getfield(L, -1, "__index") == LUA_TTABLE)
			wrap(L, t, i);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
}

/* The module is on top. */
static void wrap_module(lua_State *L, struct tape *t, const char *module)
{
	for (unsigned i = 0; i < array_len(covered); i++) {
		if (strcmp(covered[i].module, module) != 0)
			continue;
		if (covered[i].how == READS)
			wrap_reading(L, t, i);
		else if (covered[i].class)
			wrap_method(L, t, i);
		else
			wrap(L, t, i);
	}
}

/* Upvalues: what opens the module, its name. */
static int open_wrapped(lua_State *L)
{
	struct tape *t = tape_here(L);

	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, lua_gettop(L) - 1, 1);
	if (t && lua_istable(L, -1))
		wrap_module(L, t, lua_tostring(L, lua_upvalueindex(2)));
	return 1;
}

void tape_push_open(lua_State *L, const char *name, lua_CFunction open)
{
	lua_pushcfunction(L, open);
	if (likely(!tape_here(L)))
		return;
	lua_pushstring(L, name);
	lua_pushcclosure(L, open_wrapped, 2);
}

/* Pushes the table of a module. */
static void push_module(lua_State *L, const char *name)
{
	lua_getglobal(L, "require");
	lua_pushstring(L, name);
	lua_call(L, 1, 1);
}

/* All globals are put in at once, and modules that add functions are loaded: so a recording and its
 * replay have the same. */
static void load_all(lua_State *L)
{
	lua_getglobal(L, "pairs");
	lua_pushglobaltable(L);
	lua_call(L, 1, 0);
	push_module(L, "skynet.manager");
	lua_pop(L, 1);
}

static void set_seed(lua_State *L, const struct tape *t)
{
	push_module(L, "math");
	lua_getfield(L, -1, "randomseed");
	lua_pushinteger(L, t->random[0]);
	lua_pushinteger(L, t->random[1]);
	lua_call(L, 2, 0);
	lua_pop(L, 1);
}

void tape_wrap(lua_State *L)
{
	static const char *const there[] = { "skynet", "os", "math" };
	struct tape *t = tape_here(L);

	if (likely(!t))
		return;
	load_all(L);
	set_seed(L, t);
	lua_pushglobaltable(L);
	wrap_module(L, t, "");
	lua_pop(L, 1);
	for (unsigned i = 0; i < array_len(there); i++) {
		push_module(L, there[i]);
		wrap_module(L, t, there[i]);
		lua_pop(L, 1);
	}
}

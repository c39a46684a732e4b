/* SPDX-License-Identifier: MIT */
/* The C half of hand-over; each function's comment says how Lua calls it. */
#include "lua/api/api_handover.h"

#include <string.h>

#include "core/actor/handle.h"
#include "core/actor/life.h"
#include "core/actor/move.h"
#include "core/actor/names.h"
#include "core/base/mem.h"
#include "lua/api/api_answer.h"
#include "lua/host/host.h"
#include "lua/host/move.h"
#include "lua/host/shown.h"

/* The service that moves others (lua/service/mover.lua), and its local name. */
#define MOVER "mover"

static uint32_t check_handle(lua_State *L, int arg)
{
	lua_Integer n = luaL_checkinteger(L, arg);

	luaL_argcheck(L, n > 0 && n <= UINT32_MAX, arg, "not a handle");
	return (uint32_t)n;
}

/* wants(bits): this service can be asked for these, too (core/actor/move.h). */
static int core_wants(lua_State *L)
{
	/* relaxed: who reads it asks the service itself */
	atomic_fetch_or_explicit(&host_service(L)->wants, (unsigned)luaL_checkinteger(L, 1),
				 memory_order_relaxed);
	return 0;
}

struct listing {
	lua_State *L;
	unsigned bit;
	uint32_t *handles;
	size_t n, size;
};

static void note_service(struct service *s, void *ud)
{
	struct listing *l = ud;

	if (!(atomic_load_explicit(&s->wants, memory_order_relaxed) & l->bit))
		return;
	if (l->n == l->size) {
		l->size = l->size ? l->size * 2 : 64;
		l->handles = mem_realloc(l->handles, l->size * sizeof(*l->handles));
	}
	l->handles[l->n++] = service_handle(s);
}

static int push_handles(lua_State *L)
{
	const struct listing *l = lua_touserdata(L, 1);

	lua_createtable(L, (int)l->n, 0);
	for (size_t i = 0; i < l->n; i++) {
		lua_pushinteger(L, l->handles[i]);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}

/* wanting(bit): the services of this node that said so. */
static int core_wanting(lua_State *L)
{
	struct listing l = { .L = L, .bit = (unsigned)luaL_checkinteger(L, 1) };
	int status;

	service_foreach(note_service, &l);
	lua_pushcfunction(L, push_handles);
	lua_pushlightuserdata(L, &l);
	status = lua_pcall(L, 1, 1, 0);
	mem_free(l.handles);
	return status == LUA_OK ? 1 : lua_error(L);
}

/* hold("requests" | "all"): this service stands still. */
static int core_hold(lua_State *L)
{
	static const char *const words[] = { "requests", "all", NULL };

	move_hold(host_of(L), MOVE_HOLD_REQUESTS + luaL_checkoption(L, 1, NULL, words));
	return 0;
}

/* busy(): how many requests are being worked on, and for how many of these somebody waits. */
static int core_busy(lua_State *L)
{
	unsigned owed;

	lua_pushinteger(L, move_busy(host_of(L), &owed));
	lua_pushinteger(L, owed);
	return 2;
}

/* thaw(handle): the service goes on. */
static int core_thaw(lua_State *L)
{
	lua_pushboolean(L, move_thaw(check_handle(L, 1)));
	return 1;
}

/* leave(handle, to): the service is `to` from now on, and here is a forwarder. */
static int core_leave(lua_State *L)
{
	uint32_t handle = check_handle(L, 1), to = check_handle(L, 2);

	move_get()->left(handle, to);
	lua_pushboolean(L, move_away(handle, to));
	return 1;
}

/* launch(line, state, lives, attempt): launches a Lua service that gets the state, a string, and
 * goes on as what had these handles, the last one first; attempt: 1 .. 65534, how often that has
 * tried to move. Returns its handle, or nil. */
static int core_launch(lua_State *L)
{
	const char *line = luaL_checkstring(L, 1);
	struct move_past past = { .count = 0 };
	uint32_t handle;

	past.state = luaL_checklstring(L, 2, &past.size);
	luaL_checktype(L, 3, LUA_TTABLE);
	past.attempt = (unsigned)luaL_checkinteger(L, 4) & 0xffff;
	while (past.count < MOVE_LIVES_MAX &&
	       lua_rawgeti(L, 3, (lua_Integer)past.count + 1) == LUA_TNUMBER) {
		past.lives[past.count++] = (uint32_t)lua_tointeger(L, -1);
		lua_pop(L, 1);
	}
	move_set_past(&past);
	handle = service_launch("snlua", line);
	move_set_past(NULL);
	if (!handle)
		return 0;
	lua_pushinteger(L, handle);
	return 1;
}

/* state(): what launch gave this service, once; nil. */
static int core_state(lua_State *L)
{
	struct host *h = host_of(L);

	if (!h->state)
		return 0;
	lua_pushlstring(L, msg_payload(h->state), h->state->size);
	h->state = msg_destroy(h->state);
	return 1;
}

/* draining([on]): whether this node drains, before it is set. */
static int core_draining(lua_State *L)
{
	bool was = move_is_draining();

	if (!lua_isnoneornil(L, 1))
		(void)move_set_draining(lua_toboolean(L, 1));
	lua_pushboolean(L, was);
	return 1;
}

/* drained(yes): whether nothing that can move is left on this node. */
static int core_drained(lua_State *L)
{
	move_set_drained(lua_toboolean(L, 1));
	return 0;
}

/* targets(): harbor ids of the nodes that can take a service. */
static int core_targets(lua_State *L)
{
	uint8_t ids[256];
	unsigned n = move_get()->targets(ids);

	lua_createtable(L, (int)n, 0);
	for (unsigned i = 0; i < n; i++) {
		lua_pushinteger(L, ids[i]);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}

/* node(name or id): its harbor id, or nil. */
static int core_node(lua_State *L)
{
	unsigned id = move_get()->node(luaL_checkstring(L, 1));

	if (!id)
		return 0;
	lua_pushinteger(L, id);
	return 1;
}

/* called(id): how people call the node of that harbor id. */
static int core_called(lua_State *L)
{
	char text[MOVE_CALLED_MAX];

	move_get()->called((unsigned)luaL_checkinteger(L, 1) & 0xff, text);
	lua_pushstring(L, text);
	return 1;
}

/* now(handle): what the service is called since it moved. */
static int core_now(lua_State *L)
{
	lua_pushinteger(L, move_get()->now(check_handle(L, 1)));
	return 1;
}

/* finish(handle): senders of this node leave the forwarder, too, which has no name any more. */
static int core_finish(lua_State *L)
{
	move_get()->finish(check_handle(L, 1));
	return 0;
}

/* finished(handle): they have. */
static int core_finished(lua_State *L)
{
	lua_pushboolean(L, move_get()->finished(check_handle(L, 1)));
	return 1;
}

/* settled([handle]): nothing comes to this forwarder any more, or to any. */
static int core_settled(lua_State *L)
{
	lua_pushboolean(L, move_get()->settled((uint32_t)luaL_optinteger(L, 1, 0)));
	return 1;
}

#define NAMES_MAX 64

struct names {
	char text[NAMES_MAX][64];
	int n;
};

static void note_name(const char *name, uint32_t of, void *ud)
{
	struct names *l = ud;

	(void)of;
	if (l->n < NAMES_MAX)
		strncpy(l->text[l->n++], name, sizeof(l->text[0]) - 1);
}

static int push_names(lua_State *L, const struct names *l)
{
	lua_createtable(L, l->n, 0);
	for (int i = 0; i < l->n; i++) {
		lua_pushstring(L, l->text[i]);
		lua_rawseti(L, -2, i + 1);
	}
	return 1;
}

/* names(handle): its global names, 64 at most. */
static int core_names(lua_State *L)
{
	struct names l;

	memset(&l, 0, sizeof(l));
	move_get()->names(check_handle(L, 1), note_name, &l);
	return push_names(L, &l);
}

struct staying {
	struct names names;
	uint32_t handles[NAMES_MAX];
};

static bool can_move(uint32_t handle)
{
	struct service *s = service_grab(handle);
	unsigned wants = s ? atomic_load_explicit(&s->wants, memory_order_relaxed) : 0;

	if (s)
		service_unref(s);
	return wants & MOVE_CAN_MOVE;
}

/* A membership of a group, ":NAME:...", is no name of the service. */
static void note_staying(const char *name, uint32_t of, void *ud)
{
	struct staying *l = ud;

	if (*name == ':' || l->names.n == NAMES_MAX || can_move(of))
		return;
	l->handles[l->names.n] = of;
	note_name(name, of, &l->names);
}

/* staying(): the global names of services of this node that cannot move, and their handles; 64 at
 * most. */
static int core_staying(lua_State *L)
{
	struct staying l;

	memset(&l, 0, sizeof(l));
	move_get()->names(0, note_staying, &l);
	push_names(L, &l.names);
	lua_createtable(L, l.names.n, 0);
	for (int i = 0; i < l.names.n; i++) {
		lua_pushinteger(L, l.handles[i]);
		lua_rawseti(L, -2, i + 1);
	}
	return 2;
}

struct local_names {
	uint32_t handle;
	struct names list;
};

static void note_local_name(const char *name, uint32_t handle, uint64_t since, void *ud)
{
	struct local_names *l = ud;

	(void)since;
	if (handle == l->handle)
		note_name(name, handle, &l->list);
}

/* localnames(handle): without the dot, 64 at most. */
static int core_localnames(lua_State *L)
{
	struct local_names l;

	memset(&l, 0, sizeof(l));
	l.handle = check_handle(L, 1);
	names_foreach(note_local_name, &l);
	return push_names(L, &l.list);
}

/* mover(): the handle of this node's `.mover`, which is launched if there is none. */
static int core_mover(lua_State *L)
{
	uint32_t handle = names_find(MOVER);

	if (!handle) {
		handle = service_launch("snlua", MOVER);
		/* of two that are launched at once the second ends before it has done anything */
		if (handle && names_register(MOVER, handle) < 0) {
			(void)service_retire(handle);
			handle = names_find(MOVER);
		}
	}
	lua_pushinteger(L, handle);
	return 1;
}

/* line(handle): "name arguments" by which the Lua service was launched; nil: it is none. */
static int core_line(lua_State *L)
{
	struct service *s = service_grab(check_handle(L, 1));
	char *text;

	if (!s)
		return 0;
	text = mem_strdup(s->args);
	service_unref(s);
	if (strncmp(text, "snlua ", 6) == 0)
		lua_pushstring(L, text + 6);
	else
		lua_pushnil(L);
	mem_free(text);
	return 1;
}

int luaopen_skynet_handover_core(lua_State *L)
{
	static const luaL_Reg f[] = {
		{ "wants", core_wants },
		{ "wanting", core_wanting },
		{ "staying", core_staying },
		{ "hold", core_hold },
		{ "busy", core_busy },
		{ "thaw", core_thaw },
		{ "leave", core_leave },
		{ "launch", core_launch },
		{ "state", core_state },
		{ "draining", core_draining },
		{ "targets", core_targets },
		{ "node", core_node },
		{ "called", core_called },
		{ "settled", core_settled },
		{ "names", core_names },
		{ "line", core_line },
		{ "localnames", core_localnames },
		{ "mover", core_mover },
		{ "now", core_now },
		{ "drained", core_drained },
		{ "finish", core_finish },
		{ "finished", core_finished },
		{ "handon", api_handon },
		{ NULL, NULL },
	};

	luaL_newlib(L, f);
	return 1;
}

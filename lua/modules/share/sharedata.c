/* SPDX-License-Identifier: MIT */
/* skynet.sharedata.core: what a read of skynet.sharedata takes, in C; skynet.sharedata.corelib says
 * what trees are.
 *
 * A proxy is a table with one hidden value behind a metatable, its node: the shared table that it
 * shows (false: none), the generation of its tree that this is of, the proxy above it and its key
 * there. The proxies of a tree share a metatable and are found by the table that they show. One
 * whose tree has moved on, or was said to have a newer version, is the Lua function's business; and
 * so is a table that occurs twice in a version.
 */
#include "lua/modules/share/sharedata.h"

#include <lauxlib.h>
#include <stdbool.h>

#include "core/base/base.h"
#include "lua/modules/share/sharetable.h"

#define TREE_NAME "harbord.sharedata.tree"

struct tree {
	lua_Integer generation;
	bool dirty; /* there may be a newer version */
};

/* What a proxy holds, under a key that no program has. */
struct node {
	lua_Integer generation; /* of its tree, that its table is of */
	const void *parent;	/* the proxy above it, for comparing */
};
enum { DATA = 1, PARENT, KEY, VALUES = KEY }; /* user values of a node */
static const char NODE;

/* Of the metamethod __index. */
enum {
	TREE = lua_upvalueindex(1),
	META = lua_upvalueindex(2),
	MAP = lua_upvalueindex(3),
	SLOW = lua_upvalueindex(4)
};

/* tree() */
static int new_tree(lua_State *L)
{
	struct tree *t = lua_newuserdatauv(L, sizeof(*t), 0);

	*t = (struct tree){ 1, false };
	luaL_setmetatable(L, TREE_NAME);
	return 1;
}

/* dirty(tree[, value]): whether there may be a newer version; and from now on. */
static int dirty(lua_State *L)
{
	struct tree *t = luaL_checkudata(L, 1, TREE_NAME);

	lua_pushboolean(L, t->dirty);
	if (!lua_isnone(L, 2))
		t->dirty = lua_toboolean(L, 2);
	return 1;
}

/* generation(tree[, advance]): its number, one more if advance is true. */
static int generation(lua_State *L)
{
	struct tree *t = luaL_checkudata(L, 1, TREE_NAME);

	t->generation += lua_toboolean(L, 2);
	lua_pushinteger(L, t->generation);
	return 1;
}

/* Pushes a proxy of the table at `data` (stack index) below the proxy at `parent` with the key
 * behind it. */
static void push_proxy(lua_State *L, const struct tree *t, int data, int parent, int meta)
{
	struct node *n;
	lua_Integer k;
	int is_integer = 0;

	lua_createtable(L, 0, 1);
	n = lua_newuserdatauv(L, sizeof(*n), VALUES);
	*n = (struct node){ t->generation, lua_topointer(L, parent) };
	lua_pushvalue(L, data);
	(void)lua_setiuservalue(L, -2, DATA);
	lua_pushvalue(L, parent);
	(void)lua_setiuservalue(L, -2, PARENT);
	k = lua_type(L, parent + 1) == LUA_TNUMBER ? lua_tointegerx(L, parent + 1, &is_integer) : 0;
	if (is_integer)
		lua_pushinteger(L, k);
	else
		lua_pushvalue(L, parent + 1);
	(void)lua_setiuservalue(L, -2, KEY);
	lua_rawsetp(L, -2, &NODE);
	lua_pushvalue(L, meta);
	lua_setmetatable(L, -2);
}

/* Pushes the node of the proxy at index; NULL: it is none. */
static struct node *push_node(lua_State *L, int index)
{
	(void)lua_rawgetp(L, index, &NODE);
	return lua_touserdata(L, -1);
}

static struct node *check_node(lua_State *L)
{
	struct node *n;

	luaL_checktype(L, 1, LUA_TTABLE);
	n = push_node(L, 1);
	luaL_argcheck(L, n, 1, "shared data expected");
	return n;
}

/* proxy(tree, meta, data, parent, key) */
static int new_proxy(lua_State *L)
{
	const struct tree *t = luaL_checkudata(L, 1, TREE_NAME);

	luaL_checktype(L, 2, LUA_TTABLE);
	lua_settop(L, 5);
	push_proxy(L, t, 3, 4, 2);
	return 1;
}

/* get(proxy): data, generation, parent, key. */
static int get(lua_State *L)
{
	const struct node *n = check_node(L);
	int at = lua_gettop(L);

	(void)lua_getiuservalue(L, at, DATA);
	lua_pushinteger(L, n->generation);
	(void)lua_getiuservalue(L, at, PARENT);
	(void)lua_getiuservalue(L, at, KEY);
	return 4;
}

/* show(proxy, data or false, generation) */
static int show(lua_State *L)
{
	struct node *n = check_node(L);

	n->generation = luaL_checkinteger(L, 3);
	lua_pushvalue(L, 2);
	(void)lua_setiuservalue(L, -2, DATA);
	return 0;
}

/* The proxy on top is that of (proxy at 1, key at 2). */
static bool is_child(lua_State *L)
{
	const struct node *n = push_node(L, -1);
	bool same = n && n->parent == lua_topointer(L, 1) &&
		    (lua_getiuservalue(L, -1, KEY), lua_rawequal(L, -1, 2));

	lua_settop(L, 6);
	return same;
}

/* Pushes what can be read at once and returns true. Stack: proxy, key. */
static bool read_fast(lua_State *L)
{
	const struct tree *t = lua_touserdata(L, TREE);
	const struct node *n = push_node(L, 1);

	if (unlikely(!n || n->generation != t->generation || t->dirty))
		return false;
	if (unlikely(lua_getiuservalue(L, 3, DATA) != LUA_TTABLE))
		return false;
	lua_pushvalue(L, 2);
	if (lua_gettable(L, 4) != LUA_TTABLE)
		return true;
	lua_pushvalue(L, 5);
	if (lua_rawget(L, MAP) == LUA_TTABLE)
		return is_child(L);
	push_proxy(L, t, 5, 1, META);
	lua_pushvalue(L, 5);
	lua_pushvalue(L, -2);
	lua_rawset(L, MAP);
	return true;
}

static int index_proxy(lua_State *L)
{
	lua_settop(L, 2);
	luaL_checktype(L, 1, LUA_TTABLE);
	if (read_fast(L))
		return 1;
	lua_settop(L, 2);
	lua_pushvalue(L, SLOW);
	lua_insert(L, 1);
	lua_call(L, 2, 1);
	return 1;
}

/* prepare(meta, tree, map, slow): the metatable of a tree gets its __index. map: shared table ->
 * proxy; slow(proxy, key): for what is not read at once. Lua's raw functions see the proxies as the
 * tables that they stand for. */
static int prepare(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	(void)luaL_checkudata(L, 2, TREE_NAME);
	luaL_checktype(L, 3, LUA_TTABLE);
	luaL_checktype(L, 4, LUA_TFUNCTION);
	lua_settop(L, 4);
	lua_pushvalue(L, 2);
	lua_pushvalue(L, 1);
	lua_pushvalue(L, 3);
	lua_pushvalue(L, 4);
	lua_pushcclosure(L, index_proxy, 4);
	lua_setfield(L, 1, "__index");
	lua_settop(L, 1);
	sharetable_mark(L, 1);
	return 0;
}

int luaopen_skynet_sharedata_core(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "tree", new_tree },	{ "dirty", dirty }, { "generation", generation },
		{ "proxy", new_proxy }, { "get", get },	    { "show", show },
		{ "prepare", prepare }, { NULL, NULL },
	};

	(void)luaL_newmetatable(L, TREE_NAME);
	lua_pop(L, 1);
	luaL_newlib(L, functions);
	return 1;
}

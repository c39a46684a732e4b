/* SPDX-License-Identifier: MIT */
/* What an image may be made of: looked at before anything is built. */
#include "lua/modules/share/image_check.h"

#include <lauxlib.h>

struct check {
	lua_State *L;
	int known; /* stack index: tables that were looked at */
	enum image_rule rule;
};

static void check_table(struct check *c, int index, int depth);

static void check_value(struct check *c, int index, int depth)
{
	lua_State *L = c->L;

	switch (lua_type(L, index)) {
	case LUA_TBOOLEAN:
	case LUA_TNUMBER:
	case LUA_TSTRING:
		return;
	case LUA_TTABLE:
		check_table(c, index, depth);
		return;
	case LUA_TLIGHTUSERDATA:
		if (c->rule != IMAGE_PLAIN)
			return;
		break;
	case LUA_TFUNCTION:
		if (c->rule == IMAGE_PLAIN)
			break;
		if (lua_getupvalue(L, index, 1))
			luaL_error(L, "Invalid function with upvalue");
		return;
	}
	luaL_error(L, "Invalid type [%s]", luaL_typename(L, index));
}

static void check_key(struct check *c, int index)
{
	lua_State *L = c->L;
	int type = lua_type(L, index);

	if (type == LUA_TTABLE || type == LUA_TFUNCTION)
		luaL_error(L, "Invalid type [%s] of a key", luaL_typename(L, index));
	if (c->rule == IMAGE_PLAIN) {
		if (type == LUA_TNUMBER && !lua_isinteger(L, index))
			luaL_error(L, "Invalid key %f: a number must be an integer",
				   lua_tonumber(L, index));
		if (type == LUA_TNUMBER &&
		    lua_tointeger(L, index) != (int32_t)lua_tointeger(L, index))
			luaL_error(L, "Invalid key %I: not an integer of 32 bits",
				   lua_tointeger(L, index));
		if (type != LUA_TNUMBER && type != LUA_TSTRING)
			luaL_error(L, "Invalid type [%s] of a key", luaL_typename(L, index));
	}
	check_value(c, index, 0);
}

static void check_table(struct check *c, int index, int depth)
{
	lua_State *L = c->L;
	bool known;

	luaL_checkstack(L, 12, NULL);
	known = lua_rawgetp(L, c->known, lua_topointer(L, index)) != LUA_TNIL;
	lua_pop(L, 1);
	if (known)
		return;
	if (depth >= IMAGE_DEPTH_MAX)
		luaL_error(L, "tables are nested deeper than %d", IMAGE_DEPTH_MAX);
	if (lua_getmetatable(L, index))
		luaL_error(L, "Can't share metatable");
	lua_pushboolean(L, 1);
	lua_rawsetp(L, c->known, lua_topointer(L, index));
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
		int value = lua_gettop(L);

		check_key(c, value - 1);
		check_value(c, value, depth + 1);
	}
}

void image_check(lua_State *L, int index, enum image_rule rule)
{
	struct check c = { .L = L, .rule = rule };

	index = lua_absindex(L, index);
	if (!lua_istable(L, index))
		luaL_error(L, "Not a table, it's a %s.", luaL_typename(L, index));
	lua_newtable(L);
	c.known = lua_gettop(L);
	check_table(&c, index, 0);
	lua_settop(L, c.known - 1);
}

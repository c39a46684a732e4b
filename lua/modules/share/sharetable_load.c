/* SPDX-License-Identifier: MIT */
/* Publishing for skynet.sharetable.core: of a table of the service, and of what a chunk returns.
 *
 * The chunk runs in a Lua state of its own that is closed as soon as the image is built, so what it
 * makes never touches the heap of the service. It runs in the turn of the service: nothing in it
 * can yield, and the limits of the service do not hold there.
 */
#include "lua/modules/share/sharetable_load.h"

#include <lualib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/actor/service.h"
#include "lua/host/host.h"
#include "lua/modules/share/image.h"
#include "lua/modules/share/image_names.h"

static int publish_image(lua_State *L, const char *name, struct image *im, bool plain,
			 bool only_new)
{
	uint64_t version;

	if (only_new) {
		version = image_publish_new(name, im);
		if (!version)
			image_unref(im);
	} else {
		version = image_publish(name, im, !plain,
					plain ? 0 : service_handle(host_service(L)));
	}
	lua_pushinteger(L, (lua_Integer)version);
	return 1;
}

int sharetable_publish(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);
	bool plain = lua_toboolean(L, 3);

	return publish_image(L, name, image_build(L, 2, plain ? IMAGE_PLAIN : IMAGE_ANY), plain,
			     lua_toboolean(L, 4));
}

struct load {
	lua_State *from;
	const char *file, *source, *chunk_name;
	size_t size;
	struct image *im;
};

static void pass_argument(lua_State *from, int index, lua_State *to)
{
	switch (lua_type(from, index)) {
	case LUA_TNIL:
		lua_pushnil(to);
		return;
	case LUA_TBOOLEAN:
		lua_pushboolean(to, lua_toboolean(from, index));
		return;
	case LUA_TNUMBER:
		if (lua_isinteger(from, index))
			lua_pushinteger(to, lua_tointeger(from, index));
		else
			lua_pushnumber(to, lua_tonumber(from, index));
		return;
	case LUA_TLIGHTUSERDATA:
		lua_pushlightuserdata(to, lua_touserdata(from, index));
		return;
	case LUA_TFUNCTION:
		if (lua_iscfunction(from, index) && !lua_getupvalue(from, index, 1)) {
			lua_pushcfunction(to, lua_tocfunction(from, index));
			return;
		}
	}
	luaL_error(to, "Invalid parameter type [%s]", luaL_typename(from, index));
}

static int run_chunk(lua_State *L)
{
	struct load *l = lua_touserdata(L, 1);
	int arguments = lua_gettop(l->from);

	luaL_openlibs(L);
	if ((l->file ? luaL_loadfilex(L, l->file, NULL)
		     : luaL_loadbufferx(L, l->source, l->size, l->chunk_name, NULL)) != LUA_OK)
		return lua_error(L);
	luaL_checkstack(L, arguments, NULL);
	for (int i = 4; i < arguments; i++) /* the last one is the guard */
		pass_argument(l->from, i, L);
	lua_call(L, arguments > 4 ? arguments - 4 : 0, 1);
	l->im = image_build(L, -1, IMAGE_ANY);
	return 0;
}

static int close_guard(lua_State *L)
{
	lua_State **guard = lua_touserdata(L, 1);

	if (*guard)
		lua_close(steal(*guard));
	return 0;
}

int sharetable_load(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);
	struct load l = { .from = L, .file = luaL_optstring(L, 2, NULL) };
	lua_State **guard;
	int status;

	if (!l.file)
		l.source = luaL_checklstring(L, 3, &l.size);
	l.chunk_name = strchr(name, ':') ? strchr(name, ':') + 1 : name;
	if (lua_gettop(L) < 3)
		lua_settop(L, 3);
	luaL_checkstack(L, 8, NULL);
	guard = lua_newuserdatauv(L, sizeof(lua_State *), 0);
	*guard = NULL;
	lua_createtable(L, 0, 1);
	lua_pushcfunction(L, close_guard);
	lua_setfield(L, -2, "__gc");
	lua_setmetatable(L, -2);
	*guard = luaL_newstate();
	if (!*guard)
		return luaL_error(L, "not enough memory");
	lua_pushcfunction(*guard, run_chunk);
	lua_pushlightuserdata(*guard, &l);
	status = lua_pcall(*guard, 1, 0, 0);
	if (status != LUA_OK) {
		const char *why = lua_tostring(*guard, -1);

		lua_pushstring(L, why ? why : "error object is not a string");
	}
	lua_close(steal(*guard));
	if (status != LUA_OK)
		return lua_error(L);
	return publish_image(L, name, l.im, false, false);
}

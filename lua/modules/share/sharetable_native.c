/* SPDX-License-Identifier: MIT */
/* Shared tables on a VM that reads them itself (lua/vm): what skynet.sharetable.core does without
 * proxies. */
#include "lua/modules/share/sharetable_native.h"

#include <string.h>

#include "core/base/mem.h"
#include "lua/host/roots.h"
#include "lua/modules/share/image.h"
#include "lua/modules/share/image_names.h"
#include "lua/vm/share.h"

int sharetable_native_query(lua_State *L, struct image *im_take)
{
	lua_Integer version = (lua_Integer)image_version(im_take);

	luaL_checkstack(L, 2, NULL);
	roots_take(host_of(L), image_native(im_take));
	share_push_table(L, image_native(im_take));
	roots_watch(L);
	lua_pushinteger(L, version);
	roots_review(host_of(L));
	return 2;
}

/* Pushes a plain copy of the table at index. memo: stack index, table -> copy. */
static void push_copy(lua_State *L, int index, int memo)
{
	int copy;

	luaL_checkstack(L, 8, NULL);
	if (lua_rawgetp(L, memo, lua_topointer(L, index)) == LUA_TTABLE)
		return;
	lua_pop(L, 1);
	lua_newtable(L);
	copy = lua_gettop(L);
	lua_pushvalue(L, -1);
	lua_rawsetp(L, memo, lua_topointer(L, index));
	lua_pushnil(L);
	while (lua_next(L, index)) {
		lua_pushvalue(L, copy + 1);
		if (lua_istable(L, copy + 2))
			push_copy(L, copy + 2, memo);
		else
			lua_pushvalue(L, copy + 2);
		lua_rawset(L, copy);
		lua_settop(L, copy + 1);
	}
}

int sharetable_native_copy(lua_State *L)
{
	lua_settop(L, 1);
	lua_newtable(L);
	push_copy(L, 1, 2);
	return 1;
}

int sharetable_held(lua_State *L)
{
	const struct roots *rs = &host_of(L)->roots;
	size_t bytes = 0, count, old_bytes = roots_old(rs, &count);

	for (size_t i = 0; i < rs->count; i++)
		bytes += share_size(rs->roots[i]);
	lua_createtable(L, 0, 4);
	lua_pushinteger(L, (lua_Integer)rs->count);
	lua_setfield(L, -2, "count");
	lua_pushinteger(L, (lua_Integer)bytes);
	lua_setfield(L, -2, "bytes");
	lua_pushinteger(L, (lua_Integer)count);
	lua_setfield(L, -2, "old");
	lua_pushinteger(L, (lua_Integer)old_bytes);
	lua_setfield(L, -2, "old_bytes");
	return 1;
}

int sharetable_native_update(lua_State *L, struct image *im_take)
{
	struct host *h = host_of(L);
	const struct roots *rs = &h->roots;
	const char *name = image_name(im_take);

	roots_take(h, image_native(im_take));
	for (size_t i = 0; i < rs->count; i++) {
		const struct image *old = image_of_native(rs->roots[i]);

		if (old && old != im_take && strcmp(image_name(old), name) == 0 &&
		    !share_replace(L, rs->roots[i], image_native(im_take)))
			return luaL_error(L, "not enough memory");
	}
	roots_audit(h);
	lua_newtable(L); /* nothing is left to clear */
	return 1;
}

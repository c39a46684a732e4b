/* SPDX-License-Identifier: MIT */
/* Linked with --wrap for lua_load and luaL_openlibs: whatever a program loads runs as shared code,
 * and it has a function share that gives a shared copy of a table. For Lua's own test suite and for
 * the fuzzer. */
#include "lauxlib.h"
#include "lualib.h"
#include "lua/vm/share.h"

int __real_lua_load(lua_State *L, lua_Reader reader, void *data, const char *name,
		    const char *mode);
int __wrap_lua_load(lua_State *L, lua_Reader reader, void *data, const char *name,
		    const char *mode);

void __real_luaL_openlibs(lua_State *L);
void __wrap_luaL_openlibs(lua_State *L);

int __wrap_lua_load(lua_State *L, lua_Reader reader, void *data, const char *name, const char *mode)
{
	int r = __real_lua_load(L, reader, data, name, mode);

	if (r == LUA_OK)
		(void)share_code(L); /* kept for good: nobody tells when the state has closed */
	return r;
}

static int share(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	share_push_table(L, share_table(L, 1));
	return 1;
}

void __wrap_luaL_openlibs(lua_State *L)
{
	__real_luaL_openlibs(L);
	lua_pushcfunction(L, share);
	lua_setglobal(L, "share");
}

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Lua files, compiled once per process.
 *
 * Threads: any, each with its own state.
 */
#include <lua.h>

/* How a service uses the cache. */
enum code_mode {
	CODE_ON,    /* cached code is used, new code is kept */
	CODE_EXIST, /* cached code is used */
	CODE_OFF,   /* the file is compiled */
};

/* Is luaL_loadfile by the mode of the service. */
int codecache_load(lua_State *L, const char *file);
/* Drops all entries; services that run the code keep it. */
void codecache_clear(void);

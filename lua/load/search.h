/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Where Lua files are.
 *
 * Threads:   search_init and search_fini as luahost_init and luahost_fini; else any.
 * Ownership: what is returned is valid until search_fini.
 */
#include <lua.h>
#include <stdbool.h>

#define SEARCH_DEFAULT_PATH "./lualib/?.lua;./lualib/?/init.lua"
/* The program's own, then where the system's packages have modules for this Lua. */
#define SEARCH_DEFAULT_CPATH "./luaclib/?.so;" LUA_CDIR "?.so;" LUA_CDIR2 "?.so"

void search_init(const char *lib_dir, const char *service_dir);
void search_fini(void);
/* Forgets what the configured path was found to have. */
void search_forget(void);
/* Files of our own, NULL: we have none of that name. */
const char *search_own_module(const char *name);
const char *search_own_service(const char *name);
/* Calls f with the name of each module, or else service, of ours that is a Lua file. */
void search_each_own(bool modules, void (*f)(const char *name, void *ud), void *ud);
/* The folder of our own services. */
const char *search_service_dir(void);
/* Pushes the file of a module, ours or along the configured path, and returns true; or pushes
 * nothing. */
bool search_module(lua_State *L, const char *name);

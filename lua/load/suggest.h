/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * "did you mean" for the names of services and of modules that no file has. The folders are read
 * only then.
 */
#include <lua.h>
#include <stdbool.h>

/* Pushes the nearest name of a service to `name`, among the files of the templates and our own;
 * false: there is none, and nothing is pushed. */
bool suggest_service(lua_State *L, const char *templates, const char *name);
/* The same for modules. templates may be NULL. */
bool suggest_module(lua_State *L, const char *templates, const char *name);

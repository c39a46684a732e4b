/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The C modules that `require` finds without a file.
 *
 * Threads: any.
 */
#include <lua.h>

/* Returns the function that opens the module, or NULL. */
lua_CFunction modules_find(const char *name);
/* Calls f with the name of each. */
void modules_each(void (*f)(const char *name, void *ud), void *ud);

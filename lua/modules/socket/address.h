/* SPDX-License-Identifier: MIT */
#pragma once
/* Addresses among the arguments of skynet.socketdriver. */
#include <lauxlib.h>

/* Returns the port at `arg`: -1 when there is none and the text holds it. Raises on an address that
 * cannot be. */
int check_address(lua_State *L, const char *addr, int arg);

/* SPDX-License-Identifier: MIT */
#pragma once
/* Requests to a Redis server: arrays of strings of bytes. Threads: that of the service. */
#include <lua.h>

/* command(head, ...) -> bytes. head: the name of the command as a string of the protocol. A single
 * table in place of the arguments is the list of them; nil first: there are none. */
int redis_command(lua_State *L);
/* commands({ { name, ... }, ... }) -> the bytes of them all, how many they are */
int redis_commands(lua_State *L);

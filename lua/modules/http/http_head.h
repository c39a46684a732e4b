/* SPDX-License-Identifier: MIT */
#pragma once
#include <lauxlib.h>

/* Functions of the module http.core that read and write heads of messages; see http_head.c. */
extern const luaL_Reg http_head_functions[];

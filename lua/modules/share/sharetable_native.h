/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Shared tables that the VM itself reads (lua/vm/share.h).
 *
 * Threads: the worker that runs the service.
 */
#include <lua.h>

struct image;

/* query, copy and update for images that the VM reads. */
int sharetable_native_query(lua_State *L, struct image *im_take);
int sharetable_native_copy(lua_State *L);
int sharetable_native_update(lua_State *L, struct image *im_take);
/* held(): { count =, bytes =, old =, old_bytes = } of what this service keeps of code and tables
 * that are shared. */
int sharetable_held(lua_State *L);

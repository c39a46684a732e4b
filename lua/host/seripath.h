/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Where in its arguments a pack met what it cannot pack, for the text of the error.
 */
#include <lua.h>

#include "core/base/base.h"

/* Both raise `text` and the place of the first value, of those at stack index from to to, that
 * seri_pack refuses: "TEXT (argument 2, field pos.cb)". They walk in the order in which seri_pack
 * does, so nothing else costs anything for the place to be known. What a __pairs brings is not
 * walked. */
int seripath_refuse_type(lua_State *L, int from, int to, const char *text);
int seripath_refuse_depth(lua_State *L, int from, int to, unsigned depth_max, const char *text);

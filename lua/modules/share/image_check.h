/* SPDX-License-Identifier: MIT */
#pragma once
#include <lua.h>

#include "lua/modules/share/image_types.h"

/* Raises for what the table at index must not hold. */
void image_check(lua_State *L, int index, enum image_rule rule);

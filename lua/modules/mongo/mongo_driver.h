/* SPDX-License-Identifier: MIT */
#pragma once
#include <lua.h>

/* The module skynet.mongo.driver: messages of MongoDB's wire protocol. */
int luaopen_skynet_mongo_driver(lua_State *L);

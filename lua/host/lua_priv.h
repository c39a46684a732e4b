/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the rooms of lua/ share.
 */
#include <lua.h>
#include <lauxlib.h>
#include <stddef.h>
#include <stdint.h>

struct service;

/* The service that this Lua state (or coroutine) belongs to; raises when there is none. */
struct service *luahost_service(lua_State *L);
/* The block of a socket that the service has been handed and nobody has taken yet; NULL: it is taken. An error for want of
 * memory frees what is held. */
void luahost_hold_block(lua_State *L, void *block);

/* C modules that `require` finds without a file: lua/load/modules.c holds the one table of them. */
lua_CFunction luahost_find_module(const char *name);

int luaopen_skynet(lua_State *L);              /* lua/api/api_skynet.c: the table most programs hold */
int luaopen_skynet_core(lua_State *L);         /* lua/api/api_core.c */
int luaopen_skynet_coroutine(lua_State *L);    /* lua/host/coroutine.c */
int luaopen_skynet_profile(lua_State *L);      /* lua/host/profile.c */
int luaopen_skynet_manager(lua_State *L);      /* lua/api/manager.c */
int luaopen_skynet_harbor(lua_State *L);       /* lua/modules/cluster/harbor.c */
int luaopen_skynet_socketdriver(lua_State *L); /* lua/modules/socket/socketdriver.c */
int socketdriver_receive(lua_State *L);        /* the same: how skynet.socket unpacks */
int luaopen_skynet_trace_core(lua_State *L);   /* lua/host/trace.c */
int luaopen_skynet_debugchannel(lua_State *L); /* lua/modules/debug/debugchannel.c */
int luaopen_skynet_remotedebug_core(lua_State *L); /* lua/modules/debug/remotedebug.c */
int luaopen_skynet_memory(lua_State *L);       /* lua/modules/debug/memory.c */
int luaopen_skynet_multicast_core(lua_State *L); /* lua/modules/cluster/multicast.c */
int luaopen_skynet_sharetable_core(lua_State *L); /* lua/modules/share/sharetable.c */
int luaopen_skynet_sharedata_core(lua_State *L); /* lua/modules/share/sharedata.c */
int luaopen_skynet_datasheet_core(lua_State *L); /* lua/modules/share/datasheet.c */
int luaopen_skynet_stm(lua_State *L);          /* lua/modules/share/stm.c */
int luaopen_skynet_netpack(lua_State *L);      /* lua/modules/socket/netpack.c */
int luaopen_skynet_cluster_core(lua_State *L); /* lua/modules/cluster/cluster.c */
int luaopen_sproto_core(lua_State *L);         /* lua/modules/sproto/sproto_core.c */

/* Before the first service is launched. */
void multicast_init(void);

/* Answers of remote_ops arrive as responses: yields the running task until the answer to `session` is there,
 * as the last thing a C function does (`return luahost_wait_answer(...)`). on_answer turns the payload into results
 * (it pushes them and returns their number); an error answer is raised as "call failed: WHY". */
typedef int (*luahost_answer)(lua_State *L, const void *data, size_t size);
int luahost_wait_answer(lua_State *L, int32_t session, luahost_answer on_answer);

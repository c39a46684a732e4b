/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * skynet.crypt, also client.crypt: digests, ciphers, codes. Shared objects of their own for they
 * need OpenSSL. They use nothing of the node, so a plain Lua 5.4 can load them too.
 *
 * Threads: any; a loaded module belongs to its Lua state.
 */
#include <lauxlib.h>
#include <lua.h>
#include <stddef.h>
#include <stdint.h>

int luaopen_skynet_crypt(lua_State *L);
int luaopen_client_crypt(lua_State *L);

/* What one file of functions adds to the module. */
extern const luaL_Reg crypt_code_functions[];
extern const luaL_Reg crypt_login_functions[];
extern const luaL_Reg crypt_digest_functions[];
extern const luaL_Reg crypt_cipher_functions[];

/* Pushes the upvalue that the digest functions share, see digest.c. */
void crypt_push_digests(lua_State *L);
/* The 8 bytes of argument n; raises `error` unless there are 8. */
const uint8_t *crypt_check8(lua_State *L, int n, const char *error);
/* Room for n bytes until the function returns: `local` if it is large enough, else pushed. */
void *crypt_room(lua_State *L, void *local, size_t local_size, size_t n);
/* Raises "WHAT: REASON" with what OpenSSL says of its last failure on this thread. */
int crypt_error(lua_State *L, const char *what);

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * ltls.c: TLS 1.2 and 1.3 by OpenSSL between buffers in memory, so it does no I/O and never blocks.
 * What comes from the network is fed in, what is to be sent comes out. A shared object of its own
 * for it needs OpenSSL. ltls.init.c is there for programs that set up the library themselves:
 * today's OpenSSL needs no setting up.
 *
 * Threads: any; contexts and connections belong to their Lua state.
 * Ownership: Lua userdata, freed by the collector or by close(); a connection keeps its context.
 */
#include <lauxlib.h>
#include <lua.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#define LTLS_CONTEXT "ltls.context"
#define LTLS_CONNECTION "ltls.connection"

struct ltls_context {
	SSL_CTX *ctx;
	bool verifies;
};

int luaopen_ltls_c(lua_State *L);
int luaopen_ltls_init_c(lua_State *L);

/* newtls(method, ctx[, hostname]) and the methods of what it returns. */
int ltls_connection_new(lua_State *L);
extern const luaL_Reg ltls_connection_methods[];
int ltls_connection_gc(lua_State *L);

/* Takes what OpenSSL has noted on this thread: the text of the first failure, the cause of the
 * others; NULL: none. */
const char *ltls_reason(void);
/* Raises "WHAT error:CODE (REASON)". */
int ltls_error(lua_State *L, const char *what, int code);

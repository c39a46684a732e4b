/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * ltls.c: TLS 1.2 and 1.3 by OpenSSL between buffers in memory, so it does no I/O and never blocks.
 * What comes from the network is fed in, what is to be sent comes out. A shared object of its own
 * for it needs OpenSSL. ltls.init.c is there for programs that set up the library themselves:
 * today's OpenSSL needs no setting up.
 *
 * Threads: any; contexts and connections belong to their Lua state.
 * Ownership: Lua userdata, freed by the collector or by close(); a connection keeps its context,
 *            and a context those of its hosts.
 */
#include <lauxlib.h>
#include <lua.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#define LTLS_CONTEXT "ltls.context"
#define LTLS_CONNECTION "ltls.connection"

#define LTLS_ALPN_MAX 255u

#define LTLS_KEYS_MAX 2u

struct ltls_host;

struct ltls_key {
	char id[64];
	unsigned char bytes[32];
};

struct ltls_context {
	SSL_CTX *ctx;
	bool verifies;
	uint8_t alpn[LTLS_ALPN_MAX]; /* as they stand on the wire, the best first */
	unsigned alpn_size;
	struct ltls_host *hosts; /* see names.c */
	struct ltls_key *keys;	 /* see keys.c; LTLS_KEYS_MAX of them (secret_free), or NULL */
	unsigned key_count;
};

int luaopen_ltls_c(lua_State *L);
int luaopen_ltls_init_c(lua_State *L);

/* Argument n, which must be a context that is open. */
struct ltls_context *ltls_check_context(lua_State *L, int n);

/* What a context does with the names that peers send: methods, and what frees it. */
int ltls_set_alpn(lua_State *L);
int ltls_add_host(lua_State *L);
void ltls_free_hosts(struct ltls_context *c);

/* ctx:set_keys({ { name, bytes } ... }): both ends prove to have the first key of who connects. */
int ltls_set_keys(lua_State *L);
/* ctx:load_keys(file): the same with those of a key file (core/base/keyfile.h), which then are in
 * no core file. Raises what is wrong with it. */
int ltls_load_keys(lua_State *L);

/* newtls(method, ctx[, hostname]) and the methods of what it returns. */
int ltls_connection_new(lua_State *L);
extern const luaL_Reg ltls_connection_methods[];
int ltls_connection_gc(lua_State *L);

/* Takes what OpenSSL has noted on this thread: the text of the first failure, the cause of the
 * others; NULL: none. */
const char *ltls_reason(void);
/* Raises "WHAT error:CODE (REASON)". */
int ltls_error(lua_State *L, const char *what, int code);

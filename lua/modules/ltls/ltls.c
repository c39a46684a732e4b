/* SPDX-License-Identifier: MIT */
/* ltls.c: the module and its contexts. */
#include "lua/modules/ltls/ltls.h"

#include <openssl/err.h>
#include <string.h>

#include "net/tlskey.h"
#include "net/tlsmemory.h"

const char *ltls_reason(void)
{
	unsigned long first = ERR_peek_error();

	ERR_clear_error();
	return ERR_SYSTEM_ERROR(first) ? strerrordesc_np(ERR_GET_REASON(first))
				       : ERR_reason_error_string(first);
}

int ltls_error(lua_State *L, const char *what, int code)
{
	const char *reason = ltls_reason();

	return luaL_error(L, reason ? "%s error:%d (%s)" : "%s error:%d", what, code, reason);
}

struct ltls_context *ltls_check_context(lua_State *L, int n)
{
	struct ltls_context *c = luaL_checkudata(L, n, LTLS_CONTEXT);

	if (!c->ctx)
		luaL_error(L, "context is closed");
	ERR_clear_error();
	return c;
}

/* A key with a password is refused; OpenSSL's own function would ask the terminal. */
static int no_password(char *buf, int size, int writes, void *ud)
{
	(void)buf, (void)size, (void)writes, (void)ud;
	return -1;
}

/* Nothing older than TLS 1.2, no renegotiation, no sessions kept in memory; buffers are freed while
 * a connection is idle. */
static bool set_defaults(SSL_CTX *ctx)
{
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_default_passwd_cb(ctx, no_password);
	return SSL_CTX_set_session_id_context(ctx, tlskey_context, sizeof(tlskey_context) - 1) ==
		       1 &&
	       SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1;
}

/* newctx(): a context, which connections of one kind share. */
static int newctx(lua_State *L)
{
	struct ltls_context *c = lua_newuserdatauv(L, sizeof(*c), 1);

	*c = (struct ltls_context){ 0 };
	luaL_setmetatable(L, LTLS_CONTEXT);
	ERR_clear_error();
	c->ctx = SSL_CTX_new(TLS_method());
	if (!c->ctx || !set_defaults(c->ctx))
		return ltls_error(L, "SSL_CTX_new", 0);
	return 1;
}

/* Raises with the file that OpenSSL refuses. */
static void must_take(lua_State *L, int result, const char *what, const char *file)
{
	if (result != 1)
		ltls_error(L, lua_pushfstring(L, "%s %s", what, file), result);
}

/* ctx:set_cert(certfile, keyfile): PEM, the certificate and those that lead to its issuer. */
static int set_cert(lua_State *L)
{
	SSL_CTX *ctx = ltls_check_context(L, 1)->ctx;
	const char *cert = luaL_checkstring(L, 2), *key = luaL_checkstring(L, 3);

	must_take(L, SSL_CTX_use_certificate_chain_file(ctx, cert),
		  "SSL_CTX_use_certificate_chain_file", cert);
	must_take(L, SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM),
		  "SSL_CTX_use_PrivateKey_file", key);
	must_take(L, SSL_CTX_check_private_key(ctx), "SSL_CTX_check_private_key", key);
	return 0;
}

/* ctx:set_ciphers(list): those of TLS 1.2, in OpenSSL's words. */
static int set_ciphers(lua_State *L)
{
	SSL_CTX *ctx = ltls_check_context(L, 1)->ctx;
	const char *list = luaL_checkstring(L, 2);

	must_take(L, SSL_CTX_set_cipher_list(ctx, list), "SSL_CTX_set_cipher_list", list);
	return 0;
}

/* ctx:set_verify([cafile]): peers must show a certificate of an issuer in the file, or else of one
 * that the system trusts; servers one for the host's name, too. */
static int set_verify(lua_State *L)
{
	struct ltls_context *c = ltls_check_context(L, 1);
	const char *file = luaL_optstring(L, 2, NULL);

	if (file)
		must_take(L, SSL_CTX_load_verify_file(c->ctx, file), "SSL_CTX_load_verify_file",
			  file);
	else
		must_take(L, SSL_CTX_set_default_verify_paths(c->ctx),
			  "SSL_CTX_set_default_verify_paths", "");
	SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	c->verifies = true;
	return 0;
}

static int context_gc(lua_State *L)
{
	struct ltls_context *c = lua_touserdata(L, 1);

	ltls_free_hosts(c);
	secret_free(c->keys);
	c->keys = NULL;
	SSL_CTX_free(c->ctx);
	c->ctx = NULL;
	return 0;
}

static void new_class(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction gc)
{
	if (luaL_newmetatable(L, name)) {
		lua_newtable(L);
		luaL_setfuncs(L, methods, 0);
		lua_setfield(L, -2, "__index");
		lua_pushcfunction(L, gc);
		lua_setfield(L, -2, "__gc");
	}
	lua_pop(L, 1);
}

int luaopen_ltls_c(lua_State *L)
{
	static const luaL_Reg functions[] = { { "newctx", newctx },
					      { "newtls", ltls_connection_new },
					      { NULL, NULL } };
	static const luaL_Reg methods[] = {
		{ "set_cert", set_cert },	 { "set_ciphers", set_ciphers },
		{ "set_verify", set_verify },	 { "set_alpn", ltls_set_alpn },
		{ "add_host", ltls_add_host },	 { "set_keys", ltls_set_keys },
		{ "load_keys", ltls_load_keys }, { NULL, NULL }
	};

	new_class(L, LTLS_CONTEXT, methods, context_gc);
	new_class(L, LTLS_CONNECTION, ltls_connection_methods, ltls_connection_gc);
	luaL_newlib(L, functions);
	return 1;
}

/* constructor(), destructor(): OpenSSL sets itself up when it is first used, and stays. */
static int nothing(lua_State *L)
{
	(void)L;
	return 0;
}

int luaopen_ltls_init_c(lua_State *L)
{
	static const luaL_Reg functions[] = { { "constructor", nothing },
					      { "destructor", nothing },
					      { NULL, NULL } };

	luaL_newlib(L, functions);
	return 1;
}

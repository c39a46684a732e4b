/* SPDX-License-Identifier: MIT */
/* ltls.c: keys that both ends have in place of certificates (TLS 1.3, RFC 8446 4.2.11, with a fresh
 * exchange of Diffie and Hellman). Who connects uses the first key; who is connected to accepts
 * all, so that one can take the place of another. */
#include "lua/modules/ltls/ltls.h"

#include <stdio.h>
#include <string.h>

#include "core/base/keyfile.h"
#include "core/base/secret.h"
#include "net/tlskey.h"

#define SUITES "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"

static struct ltls_context *context_of(SSL *ssl)
{
	return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
}

static int offer_key(SSL *ssl, const EVP_MD *md, const unsigned char **id, size_t *id_size,
		     SSL_SESSION **ret)
{
	const struct ltls_key *k = &context_of(ssl)->keys[0];

	*ret = NULL;
	if (md && EVP_MD_get_type(md) != NID_sha256)
		return 1; /* the other end wants another hash: not with our key */
	*ret = tlskey_session(ssl, k->bytes);
	*id = (const unsigned char *)k->id;
	*id_size = strlen(k->id);
	return *ret != NULL;
}

static int find_key(SSL *ssl, const unsigned char *id, size_t n, SSL_SESSION **ret)
{
	const struct ltls_context *c = context_of(ssl);

	*ret = NULL;
	for (unsigned i = 0; i < c->key_count; i++) {
		const struct ltls_key *k = &c->keys[i];

		if (strlen(k->id) == n && memcmp(k->id, id, n) == 0) {
			*ret = tlskey_session(ssl, k->bytes);
			return *ret != NULL;
		}
	}
	return 1; /* no key: the handshake fails, as there is no certificate */
}

/* Nobody is known by a certificate. */
static int no_certificate(X509_STORE_CTX *store, void *ud)
{
	(void)ud;
	X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
	return 0;
}

static void check_key(lua_State *L, struct ltls_key *ret)
{
	size_t id, bytes;
	const char *text;

	lua_rawgeti(L, -1, 1);
	lua_rawgeti(L, -2, 2);
	text = lua_tolstring(L, -1, &bytes);
	if (!lua_tolstring(L, -2, &id) || id < 1 || id >= sizeof(ret->id) || !text ||
	    bytes != sizeof(ret->bytes))
		luaL_error(L, "a key is { name, %d bytes }", (int)sizeof(ret->bytes));
	memcpy(ret->bytes, text, bytes);
	snprintf(ret->id, sizeof(ret->id), "%s", lua_tostring(L, -2));
	lua_pop(L, 2);
}

/* Room for the keys of a context, which may have some already. */
static struct ltls_key *keys_of(lua_State *L, struct ltls_context *c)
{
	if (!c->keys)
		c->keys = secret_zalloc(LTLS_KEYS_MAX, sizeof(*c->keys));
	if (!c->keys)
		luaL_error(L, "not enough memory");
	return c->keys;
}

/* The keys of a context are there. */
static int use_keys(lua_State *L, struct ltls_context *c)
{
	/* a key is for one hash, and a server that prefers a suite with another leaves it out */
	if (SSL_CTX_set_min_proto_version(c->ctx, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_ciphersuites(c->ctx, SUITES) != 1)
		return ltls_error(L, "SSL_CTX_set_ciphersuites " SUITES, 0);
	/* a server that has no key of ours might show a certificate instead */
	SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(c->ctx, no_certificate, NULL);
	SSL_CTX_set_app_data(c->ctx, c);
	SSL_CTX_set_psk_use_session_callback(c->ctx, offer_key);
	SSL_CTX_set_psk_find_session_callback(c->ctx, find_key);
	return 0;
}

int ltls_set_keys(lua_State *L)
{
	struct ltls_context *c = ltls_check_context(L, 1);
	struct ltls_key *keys = keys_of(L, c);
	lua_Integer n;

	luaL_checktype(L, 2, LUA_TTABLE);
	n = luaL_len(L, 2);
	luaL_argcheck(L, n >= 1 && n <= LTLS_KEYS_MAX, 2, "one or two keys expected");
	for (lua_Integer i = 1; i <= n; i++) {
		lua_rawgeti(L, 2, i);
		luaL_checktype(L, -1, LUA_TTABLE);
		check_key(L, &keys[i - 1]);
		lua_pop(L, 1);
	}
	c->key_count = (unsigned)n;
	return use_keys(L, c);
}

int ltls_load_keys(lua_State *L)
{
	struct ltls_context *c = ltls_check_context(L, 1);
	struct ltls_key *keys = keys_of(L, c);
	const char *file = luaL_checkstring(L, 2);
	char why[KEYFILE_WHY];
	struct keyfile f;
	bool good = keyfile_read(file, &f, why);

	for (unsigned i = 0; good && i < f.count; i++) {
		memcpy(keys[i].id, f.keys[i].name, sizeof(keys[i].id));
		memcpy(keys[i].bytes, f.keys[i].bytes, sizeof(keys[i].bytes));
	}
	c->key_count = good ? f.count : c->key_count;
	explicit_bzero(&f, sizeof(f));
	return good ? use_keys(L, c) : luaL_error(L, "%s", why);
}

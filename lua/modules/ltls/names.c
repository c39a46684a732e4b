/* SPDX-License-Identifier: MIT */
/* ltls.c: the names in a handshake: of the protocol that is spoken above TLS (ALPN, RFC 7301), and
 * of the host that a client asks for (SNI, RFC 6066), by which a server chooses a certificate. */
#include <string.h>
#include <strings.h>

#include "core/base/mem.h"
#include "lua/modules/ltls/ltls.h"

/* "*.example.com" is each name with one label before ".example.com". */
struct ltls_host {
	struct ltls_host *next;
	struct ltls_context *other; /* kept by the user value of the context that has this host */
	char name[];
};

/* ---- the protocol ---- */

/* The best of ours that the client has, too; without one there is nothing to talk about. */
static int choose_protocol(SSL *ssl, const unsigned char **ret, unsigned char *ret_size,
			   const unsigned char *offered, unsigned size, void *ud)
{
	const struct ltls_context *c = ud;
	unsigned char *chosen;

	(void)ssl;
	if (SSL_select_next_proto(&chosen, ret_size, c->alpn, c->alpn_size, offered, size) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*ret = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* Adds the name on top of the stack to those that are sent, and pops it. */
static void add_protocol(lua_State *L, struct ltls_context *c)
{
	size_t n = 0;
	const char *name = lua_tolstring(L, -1, &n);

	luaL_argcheck(L, name && n > 0 && n < 256, 2, "names of 1 to 255 bytes expected");
	luaL_argcheck(L, c->alpn_size + 1 + n <= LTLS_ALPN_MAX, 2, "too many names");
	c->alpn[c->alpn_size] = (uint8_t)n;
	memcpy(c->alpn + c->alpn_size + 1, name, n);
	c->alpn_size += 1 + (unsigned)n;
	lua_pop(L, 1);
}

/* ctx:set_alpn(names): what connections speak, the best first; a server refuses clients that name
 * others only. */
int ltls_set_alpn(lua_State *L)
{
	struct ltls_context *c = ltls_check_context(L, 1);

	luaL_checktype(L, 2, LUA_TTABLE);
	c->alpn_size = 0;
	for (lua_Integer i = 1; lua_geti(L, 2, i) != LUA_TNIL; i++)
		add_protocol(L, c);
	luaL_argcheck(L, c->alpn_size > 0, 2, "no names");
	if (SSL_CTX_set_alpn_protos(c->ctx, c->alpn, c->alpn_size) != 0)
		return ltls_error(L, "SSL_CTX_set_alpn_protos", 0);
	SSL_CTX_set_alpn_select_cb(c->ctx, choose_protocol, c);
	return 0;
}

/* ---- the host ---- */

static bool is_host(const struct ltls_host *h, const char *name)
{
	const char *dot;

	if (strncmp(h->name, "*.", 2) != 0)
		return strcasecmp(h->name, name) == 0;
	dot = strchr(name, '.');
	return dot && dot > name && strcasecmp(h->name + 1, dot) == 0;
}

/* Clients that ask for another name, or for none, get the context's own certificate. */
static int choose_host(SSL *ssl, int *alert, void *ud)
{
	const struct ltls_context *c = ud;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)alert;
	for (const struct ltls_host *h = name ? c->hosts : NULL; h; h = h->next) {
		if (!is_host(h, name))
			continue;
		SSL_set_SSL_CTX(ssl, h->other->ctx);
		break;
	}
	return SSL_TLSEXT_ERR_OK;
}

/* The context at index 1 keeps the one at index 3. */
static void keep_other(lua_State *L)
{
	if (lua_getiuservalue(L, 1, 1) != LUA_TTABLE) {
		lua_pop(L, 1);
		lua_newtable(L);
		lua_pushvalue(L, -1);
		lua_setiuservalue(L, 1, 1);
	}
	lua_pushvalue(L, 3);
	lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
	lua_pop(L, 1);
}

/* ctx:add_host(name, other): clients that ask this server for the name get the certificate of the
 * other context. A name that was added before another goes before it. */
int ltls_add_host(lua_State *L)
{
	struct ltls_context *c = ltls_check_context(L, 1), *other = ltls_check_context(L, 3);
	struct ltls_host *h, **last = &c->hosts;
	size_t n;
	const char *name = luaL_checklstring(L, 2, &n);

	luaL_argcheck(L, n > 0 && n == strlen(name), 2, "a host's name expected");
	luaL_argcheck(L, c != other, 3, "another context expected");
	keep_other(L);
	h = mem_alloc(sizeof(*h) + n + 1);
	h->next = NULL;
	h->other = other;
	memcpy(h->name, name, n + 1);
	while (*last)
		last = &(*last)->next;
	*last = h;
	SSL_CTX_set_tlsext_servername_callback(c->ctx, choose_host);
	SSL_CTX_set_tlsext_servername_arg(c->ctx, c);
	return 0;
}

void ltls_free_hosts(struct ltls_context *c)
{
	while (c->hosts) {
		struct ltls_host *h = c->hosts;

		c->hosts = h->next;
		mem_free(h);
	}
}

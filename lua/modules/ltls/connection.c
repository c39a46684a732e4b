/* SPDX-License-Identifier: MIT */
/* ltls.c: connections.
 *
 * Two buffers in memory stand where the socket would be: `in`, what has come, and `out`, what is to
 * be sent. Each call moves all that can be moved, so that neither keeps more than one record that
 * is not whole. What fails, fails for good, and what OpenSSL wants to tell the peer of it is in
 * `out`.
 */
#include <arpa/inet.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "lua/modules/ltls/ltls.h"

#define RECORD_MAX 16384u
#define KEEP_MAX 65536u /* a buffer that has grown beyond this is not kept */
#define OWED_MAX 65536	/* bytes in `out` that nobody but the peer has asked for */

struct connection {
	SSL *ssl; /* NULL when closed; owns both buffers */
	BIO *in, *out;
	size_t fed;	    /* since `in` is the buffer that it is */
	const char *failed; /* the operation that did; a constant text as the reason */
	const char *reason;
	int code;
	bool unverified; /* the reason is what the peer's certificate lacks */
	bool ended;	 /* the peer has said that it sends no more */
	bool verifies;	 /* and is a client: there must be a host's name */
	bool has_name;
};

static struct connection *check_open(lua_State *L)
{
	struct connection *c = luaL_checkudata(L, 1, LTLS_CONNECTION);

	if (!c->ssl)
		luaL_error(L, "context is closed");
	ERR_clear_error();
	return c;
}

static int raise_failure(lua_State *L, const struct connection *c)
{
	return luaL_error(L, "%s error:%d (%s%s)", c->failed, c->code,
			  c->unverified ? "certificate verify failed: " : "", c->reason);
}

/* What the certificate of the peer lacks, NULL: it is not that. */
static const char *verification_failure(SSL *ssl)
{
	long result = SSL_get_verify_result(ssl);

	if (!(SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER) || result == X509_V_OK)
		return NULL;
	return X509_verify_cert_error_string(result);
}

static void fail(struct connection *c, const char *what, int code)
{
	const char *lacks = verification_failure(c->ssl), *reason = ltls_reason();

	c->failed = what;
	c->unverified = lacks != NULL;
	c->reason = lacks ? lacks : reason ? reason : "the connection is broken";
	c->code = code;
}

/* What an operation has come to that did not succeed: it wants more input, the peer has ended, or
 * it fails for good. */
static void look_at(struct connection *c, const char *what, int result)
{
	int code = SSL_get_error(c->ssl, result);

	if (code == SSL_ERROR_ZERO_RETURN)
		c->ended = true;
	else if (code != SSL_ERROR_WANT_READ && code != SSL_ERROR_WANT_WRITE)
		fail(c, what, code);
}

static BIO *new_buffer(void)
{
	BIO *b = BIO_new(BIO_s_mem());

	if (b)
		BIO_set_mem_eof_return(b, -1);
	return b;
}

/* Argument 2 into `in`, unless there is none, or nobody will read it. */
static void feed(lua_State *L, struct connection *c)
{
	size_t n;
	const char *data = luaL_optlstring(L, 2, "", &n);

	luaL_argcheck(L, n <= INT_MAX, 2, "too long");
	if (c->failed || c->ended)
		return;
	if (n && BIO_write(c->in, data, (int)n) != (int)n)
		luaL_error(L, "no memory for %I bytes", (LUAI_UACINT)n);
	c->fed += n;
}

static void shrink_in(struct connection *c)
{
	BIO *b;

	if (c->fed <= KEEP_MAX || BIO_pending(c->in) > 0)
		return;
	c->fed = 0;
	b = new_buffer();
	if (b) {
		SSL_set0_rbio(c->ssl, b);
		c->in = b;
	}
}

/* Pushes what is to be sent, maybe nothing, and returns its size. */
static size_t push_out(lua_State *L, struct connection *c)
{
	char *data;
	long n = BIO_get_mem_data(c->out, &data);
	BIO *b;

	lua_pushlstring(L, n > 0 ? data : "", n > 0 ? (size_t)n : 0);
	b = (size_t)n > KEEP_MAX ? new_buffer() : NULL;
	if (b) {
		SSL_set0_wbio(c->ssl, b);
		c->out = b;
	} else {
		(void)BIO_reset(c->out);
	}
	return n > 0 ? (size_t)n : 0;
}

/* tls:handshake([data]): feeds what has come; the bytes to send, nil: none. */
static int handshake(lua_State *L)
{
	struct connection *c = check_open(L);
	int r;

	if (c->failed)
		return raise_failure(L, c);
	if (SSL_is_init_finished(c->ssl))
		return luaL_error(L, "handshake is finished");
	if (c->verifies && !c->has_name)
		return luaL_error(L, "no host name to verify the certificate for, give newtls one");
	feed(L, c);
	r = SSL_do_handshake(c->ssl);
	if (r != 1)
		look_at(c, "SSL_do_handshake", r);
	if (c->failed)
		return raise_failure(L, c);
	if (push_out(L, c) == 0)
		luaL_pushfail(L);
	return 1;
}

/* tls:finished(): whether the handshake is done. */
static int finished(lua_State *L)
{
	lua_pushboolean(L, SSL_is_init_finished(check_open(L)->ssl));
	return 1;
}

/* TLS 1.3 answers each KeyUpdate that demands it, and `out` waits for the next write: to one who
 * only reads, a peer could make it grow for ever. */
static void bound_owed(struct connection *c)
{
	if (c->failed || BIO_pending(c->out) <= OWED_MAX)
		return;
	c->failed = "SSL_read";
	c->reason = "the peer keeps asking for new keys";
	c->code = SSL_ERROR_SSL;
}

/* tls:read([data]): feeds what has come; the text so far, "" if there is none. What stands before
 * broken bytes is returned, the next call raises. */
static int read_text(lua_State *L)
{
	struct connection *c = check_open(L);
	char text[RECORD_MAX];
	luaL_Buffer b;
	int n = 1;

	if (!c->failed && !SSL_is_init_finished(c->ssl))
		return luaL_error(L, "handshake is not finished");
	feed(L, c);
	luaL_buffinit(L, &b);
	while (!c->failed && n > 0) {
		n = SSL_read(c->ssl, text, sizeof(text));
		if (n > 0)
			luaL_addlstring(&b, text, (size_t)n);
		else
			look_at(c, "SSL_read", n);
	}
	bound_owed(c);
	if (c->failed && luaL_bufflen(&b) == 0)
		return raise_failure(L, c);
	luaL_pushresult(&b);
	shrink_in(c);
	return 1;
}

/* tls:write([text]): the text encrypted, behind all else that is to be sent. */
static int write_text(lua_State *L)
{
	struct connection *c = check_open(L);
	size_t n, written;
	const char *text = luaL_optlstring(L, 2, "", &n);

	if (n && c->failed)
		return raise_failure(L, c);
	if (n && !SSL_is_init_finished(c->ssl))
		return luaL_error(L, "handshake is not finished");
	if (n && (SSL_write_ex(c->ssl, text, n, &written) != 1 || written != n)) {
		fail(c, "SSL_write", SSL_get_error(c->ssl, 0));
		return raise_failure(L, c);
	}
	push_out(L, c);
	return 1;
}

/* tls:shutdown(): says to the peer that no more comes; the bytes to send. */
static int shutdown_tls(lua_State *L)
{
	struct connection *c = check_open(L);

	if (!c->failed && SSL_is_init_finished(c->ssl))
		(void)SSL_shutdown(c->ssl);
	push_out(L, c);
	return 1;
}

/* tls:ended(): whether the peer has said that it sends no more. Without that an end of the
 * connection may be somebody else's work. */
static int ended(lua_State *L)
{
	lua_pushboolean(L, check_open(L)->ended);
	return 1;
}

/* tls:alpn(): the protocol that both have agreed on, nil: none. */
static int alpn(lua_State *L)
{
	const unsigned char *name;
	unsigned size;

	SSL_get0_alpn_selected(check_open(L)->ssl, &name, &size);
	if (!size)
		return 0;
	lua_pushlstring(L, (const char *)name, size);
	return 1;
}

/* tls:hostname(): the name that the client asks for, nil: none. */
static int hostname(lua_State *L)
{
	lua_pushstring(L, SSL_get_servername(check_open(L)->ssl, TLSEXT_NAMETYPE_host_name));
	return 1;
}

/* tls:version(): "TLSv1.3" and the like. */
static int version(lua_State *L)
{
	lua_pushstring(L, SSL_get_version(check_open(L)->ssl));
	return 1;
}

static bool is_address(const char *name)
{
	struct in6_addr a;

	return inet_pton(AF_INET, name, &a) == 1 || inet_pton(AF_INET6, name, &a) == 1;
}

/* RFC 6066: a name goes to the server, an address does not. Both are what the certificate must be
 * for. */
static void set_name(lua_State *L, struct connection *c, const char *name)
{
	bool address = is_address(name);

	if (!address && SSL_set_tlsext_host_name(c->ssl, name) != 1)
		ltls_error(L, "SSL_set_tlsext_host_name", 0);
	if (c->verifies && (address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(c->ssl), name)
				    : SSL_set1_host(c->ssl, name)) != 1)
		ltls_error(L, "SSL_set1_host", 0);
	c->has_name = true;
}

/* tls:set_ext_host_name(name): of the server, for a client before the handshake. */
static int set_ext_host_name(lua_State *L)
{
	struct connection *c = check_open(L);

	set_name(L, c, luaL_checkstring(L, 2));
	return 0;
}

int ltls_connection_gc(lua_State *L)
{
	struct connection *c = lua_touserdata(L, 1);

	SSL_free(c->ssl);
	c->ssl = NULL;
	return 0;
}

/* tls:close(): frees all of it; every other method raises from then on. */
static int close_connection(lua_State *L)
{
	luaL_checkudata(L, 1, LTLS_CONNECTION);
	return ltls_connection_gc(L);
}

static void open_connection(lua_State *L, struct connection *c, SSL_CTX *ctx)
{
	BIO *in = new_buffer(), *out = new_buffer();

	c->ssl = in && out ? SSL_new(ctx) : NULL;
	if (!c->ssl) {
		BIO_free(in);
		BIO_free(out);
		ltls_error(L, "SSL_new", 0);
	}
	c->in = in;
	c->out = out;
	SSL_set_bio(c->ssl, in, out);
}

int ltls_connection_new(lua_State *L)
{
	static const char *const methods[] = { "client", "server", NULL };
	bool server = luaL_checkoption(L, 1, NULL, methods) == 1;
	struct ltls_context *ctx = luaL_checkudata(L, 2, LTLS_CONTEXT);
	const char *name = luaL_optstring(L, 3, NULL);
	struct connection *c = lua_newuserdatauv(L, sizeof(*c), 1);

	*c = (struct connection){ .verifies = ctx->verifies && !server };
	luaL_setmetatable(L, LTLS_CONNECTION);
	lua_pushvalue(L, 2); /* what the names of peers are compared with lies there */
	lua_setiuservalue(L, -2, 1);
	if (!ctx->ctx)
		return luaL_error(L, "context is closed");
	ERR_clear_error();
	open_connection(L, c, ctx->ctx);
	if (server)
		SSL_set_accept_state(c->ssl);
	else
		SSL_set_connect_state(c->ssl);
	if (name && !server)
		set_name(L, c, name);
	return 1;
}

const luaL_Reg ltls_connection_methods[] = {
	{ "handshake", handshake },
	{ "finished", finished },
	{ "read", read_text },
	{ "write", write_text },
	{ "set_ext_host_name", set_ext_host_name },
	{ "close", close_connection },
	{ "shutdown", shutdown_tls },
	{ "ended", ended },
	{ "version", version },
	{ "alpn", alpn },
	{ "hostname", hostname },
	{ NULL, NULL },
};

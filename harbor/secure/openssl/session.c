/* SPDX-License-Identifier: MIT */
/* Sessions: the handshake, who the other end turned out to be, and the table that harbord sees. */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harbor/secure/openssl/tls.h"

/* ---- what stands where OpenSSL would have a socket ---- */

/* Only as much as OpenSSL asks for, which is one record: what follows the handshake is not its. */
static int pipe_read(BIO *b, char *out, size_t n, size_t *ret)
{
	struct secure_session *s = BIO_get_data(b);
	size_t left = s->in ? s->in->size - s->in_used : 0;

	BIO_clear_retry_flags(b);
	*ret = n < left ? n : left;
	if (!*ret) {
		BIO_set_retry_read(b);
		return 0;
	}
	memcpy(out, s->in->bytes + s->in_used, *ret);
	s->in_used += *ret;
	return 1;
}

static int pipe_write(BIO *b, const char *bytes, size_t n, size_t *ret)
{
	struct secure_session *s = BIO_get_data(b);
	uint8_t *grown = s->out_size + n <= SECURE_HANDSHAKE_MAX ? realloc(s->out, s->out_size + n)
								 : NULL;

	BIO_clear_retry_flags(b);
	*ret = 0;
	if (!grown)
		return 0;
	memcpy(grown + s->out_size, bytes, n);
	s->out = grown;
	s->out_size += n;
	*ret = n;
	return 1;
}

static long pipe_ctrl(BIO *b, int what, long n, void *p)
{
	(void)b, (void)n, (void)p;
	return what == BIO_CTRL_FLUSH;
}

static BIO *new_pipe(struct secure_session *s)
{
	static BIO_METHOD *method;
	BIO *b;

	if (!method) {
		method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "harbor");
		if (!method)
			return NULL;
		BIO_meth_set_read_ex(method, pipe_read);
		BIO_meth_set_write_ex(method, pipe_write);
		BIO_meth_set_ctrl(method, pipe_ctrl);
	}
	b = BIO_new(method);
	if (b) {
		BIO_set_data(b, s);
		BIO_set_init(b, 1);
	}
	return b;
}

/* ---- life ---- */

static void session_destroy(struct secure_session *s)
{
	SSL_free(s->ssl);
	X509_free(s->peer);
	sk_X509_pop_free(s->chain, X509_free);
	tls_way_end(&s->rx);
	tls_way_end(&s->tx);
	tls_context_unref(s->x);
	free(s->body);
	free(s->out);
	OPENSSL_cleanse(s, sizeof(*s));
	free(s);
}

static struct secure_session *session_create(struct secure_context *x, bool connects)
{
	struct secure_session *s = calloc(1, sizeof(*s));
	BIO *pipe;

	if (!s)
		return NULL;
	/* relaxed: the caller has the context */
	atomic_fetch_add_explicit(&x->users, 1, memory_order_relaxed);
	s->x = x;
	s->connects = connects;
	s->ssl = SSL_new(x->ssl);
	pipe = s->ssl && tls_session_set(s->ssl, s) ? new_pipe(s) : NULL;
	if (!pipe) {
		session_destroy(s);
		return NULL;
	}
	SSL_set_bio(s->ssl, pipe, pipe);
	if (connects)
		SSL_set_connect_state(s->ssl);
	else
		SSL_set_accept_state(s->ssl);
	return s;
}

/* ---- the handshake ---- */

/* What the other end's refusal means, as far as TLS has a word for it. */
static const char *alert_meaning(const struct secure_session *s, int reason)
{
	if (s->x->certificates || !s->connects)
		return NULL;
	switch (reason) {
	case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
		return "it does not have it";
	case SSL_R_SSLV3_ALERT_ILLEGAL_PARAMETER:
		return "what it has under this name is another one";
	default:
		return NULL;
	}
}

/* OpenSSL says nothing to who does not speak TLS; a node without a key can tell by these bytes what
 * it lacks. */
static void tell_plain(struct secure_session *s)
{
	static const uint8_t alert[] = { 21, 3, 3, 0, 2, SSL3_AL_FATAL, SSL_AD_PROTOCOL_VERSION };
	size_t n;

	(void)pipe_write(SSL_get_wbio(s->ssl), (const char *)alert, sizeof(alert), &n);
}

static enum secure_event handshake_failed(struct secure_session *s)
{
	int reason = ERR_GET_REASON(ERR_peek_error());
	long lacks = SSL_get_verify_result(s->ssl);
	const char *meaning = alert_meaning(s, reason);

	if (s->strange_id[0])
		return tls_bad(s, "its key \"%s\" is none of this node's", s->strange_id);
	if (meaning)
		return tls_bad(s, "the other end refuses our key \"%s\": %s", s->key_id, meaning);
	if (s->x->certificates && lacks != X509_V_OK)
		return tls_bad(s, "its certificate: %s", X509_verify_cert_error_string(lacks));
	switch (reason) {
	case SSL_R_BINDER_DOES_NOT_VERIFY:
		return tls_bad(s, "its key \"%s\" is not the one that we have under this name",
			       s->key_id);
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_HTTP_REQUEST:
	case SSL_R_HTTPS_PROXY_REQUEST:
		tell_plain(s);
		return tls_bad(s, "it does not speak TLS, links of this node are encrypted");
	case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
	case SSL_R_NO_SHARED_CIPHER:
	case SSL_R_NO_CERTIFICATE_SET:
		if (!s->x->certificates)
			return tls_bad(s, "it shows no key of a cluster");
		break;
	default:
		break;
	}
	return tls_bad(s, "the handshake failed: %s", tls_reason());
}

/* The key, or the certificate, with which the other end has proven itself. */
static bool take_peer(struct secure_session *s)
{
	STACK_OF(X509) *chain = SSL_get_peer_cert_chain(s->ssl);

	if (!s->x->certificates)
		return SSL_session_reused(s->ssl) == 1;
	s->peer = SSL_get1_peer_certificate(s->ssl);
	s->chain = chain ? X509_chain_up_ref(chain) : NULL;
	return s->peer && SSL_get_verify_result(s->ssl) == X509_V_OK;
}

/* ---- may the other end come in, and stay? ---- */

static bool holds_certificate(const struct secure_session *s, struct secure_context *x,
			      char ret_why[SECURE_WHY_MAX])
{
	X509_STORE_CTX *c = X509_STORE_CTX_new();
	bool good = c && X509_STORE_CTX_init(c, x->store, s->peer, s->chain) == 1 &&
		    X509_verify_cert(c) == 1;

	if (!good)
		snprintf(ret_why, SECURE_WHY_MAX, "its certificate: %s",
			 c ? X509_verify_cert_error_string(X509_STORE_CTX_get_error(c))
			   : "no memory");
	X509_STORE_CTX_free(c);
	ERR_clear_error();
	return good;
}

static bool holds(const struct secure_session *s, struct secure_context *x,
		  char ret_why[SECURE_WHY_MAX])
{
	const struct secure_key *k;
	uint8_t print[TLS_PRINT];

	if (s->ssl)
		return true; /* the handshake will tell */
	if (s->x->certificates != x->certificates) {
		snprintf(ret_why, SECURE_WHY_MAX,
			 "the cluster has changed how nodes prove themselves");
		return false;
	}
	if (x->certificates)
		return holds_certificate(s, x, ret_why);
	k = tls_find_key(x, s->key_id, strlen(s->key_id));
	if (k)
		tls_print(k, print);
	if (k && CRYPTO_memcmp(print, s->key_print, sizeof(print)) == 0)
		return true;
	snprintf(ret_why, SECURE_WHY_MAX, "its key \"%s\" was removed", s->key_id);
	return false;
}

/* Keys may have been read again during the handshake: whose key was removed meanwhile is not to
 * come in with it. */
static bool holds_still(struct secure_session *s)
{
	struct secure_context *x = s->x, *newer;
	char why[SECURE_WHY_MAX];

	/* acquire: the release of tls_context_replace */
	while ((newer = atomic_load_explicit(&x->newer, memory_order_acquire)))
		x = newer;
	if (x == s->x || holds(s, x, why))
		return true;
	(void)tls_bad(s, "%s", why);
	return false;
}

/* ---- the end of the handshake ---- */

static const EVP_CIPHER *cipher_of(const struct secure_session *s)
{
	/* 0x1301 and 0x1303; no other suite was offered */
	return (SSL_CIPHER_get_id(SSL_get_current_cipher(s->ssl)) & 0xffff) == 0x1301
		       ? EVP_aes_128_gcm()
		       : EVP_chacha20_poly1305();
}

static enum secure_event finish(struct secure_session *s)
{
	const EVP_CIPHER *cipher = cipher_of(s);

	if (!take_peer(s))
		return tls_bad(s, "it has not proven that it is of this cluster");
	if (s->secrets != 2 || !tls_way_begin(&s->rx, cipher, s->theirs, false) ||
	    !tls_way_begin(&s->tx, cipher, s->ours, true))
		return tls_bad(s, "the keys of the connection cannot be had: %s", tls_reason());
	s->suite = SSL_CIPHER_get_name(SSL_get_current_cipher(s->ssl));
	SSL_free(s->ssl);
	s->ssl = NULL;
	OPENSSL_cleanse(s->ours, sizeof(s->ours));
	OPENSSL_cleanse(s->theirs, sizeof(s->theirs));
	return holds_still(s) ? SECURE_READY : SECURE_BAD;
}

static enum secure_event handshake(struct secure_session *s, struct secure_input *io)
{
	enum secure_event e = SECURE_MORE;
	int r;

	ERR_clear_error();
	s->in = io;
	s->in_used = 0;
	r = SSL_do_handshake(s->ssl);
	s->in = NULL;
	if (s->in_used) /* who connects begins with no bytes at all */
		io->bytes += s->in_used;
	io->size -= s->in_used;
	s->handshake_bytes += s->in_used;
	if (r == 1)
		e = finish(s);
	else if (SSL_get_error(s->ssl, r) != SSL_ERROR_WANT_READ)
		e = handshake_failed(s);
	else if (s->handshake_bytes > SECURE_HANDSHAKE_MAX)
		e = tls_bad(s, "its handshake does not end");
	io->wants_write = s->out != NULL;
	return e;
}

static enum secure_event input(struct secure_session *s, struct secure_input *io)
{
	io->wants_write = false;
	if (s->ssl && !s->bad)
		return handshake(s, io);
	return tls_open(s, io);
}

/* ---- the rest of the table ---- */

static void end(struct secure_session *s)
{
	atomic_store_explicit(&s->want_end, true, memory_order_relaxed);
}

static const char *why(const struct secure_session *s)
{
	return s->why;
}

static void info(const struct secure_session *s, struct secure_info *ret)
{
	char name[SECURE_ID_MAX] = "";

	ret->cipher = s->suite ? s->suite : "";
	if (s->peer)
		tls_first_name(s->peer, name, sizeof(name));
	if (s->ssl)
		ret->who[0] = 0;
	else if (s->peer)
		snprintf(ret->who, sizeof(ret->who), "certificate %s", name);
	else
		snprintf(ret->who, sizeof(ret->who), "key %s", s->key_id);
}

extern const struct secure_library harbor_secure_library;
const struct secure_library harbor_secure_library = {
	.interface = SECURE_INTERFACE,
	.context_create = tls_context_create,
	.context_replace = tls_context_replace,
	.context_destroy = tls_context_unref,
	.expires = tls_context_expires,
	.session_create = session_create,
	.session_destroy = session_destroy,
	.input = input,
	.seal = tls_seal,
	.end = end,
	.why = why,
	.names_node = tls_names_node,
	.names_host = tls_names_host,
	.holds = holds,
	.info = info,
};

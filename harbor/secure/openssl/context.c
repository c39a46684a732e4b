/* SPDX-License-Identifier: MIT */
/* Contexts: keys or certificates, and what is negotiated. TLS 1.3 only, its key exchange always
 * with Diffie-Hellman, so that who gets the cluster's key later cannot read what he recorded; no
 * tickets, no resumption, no early data. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/file.h"
#include "core/base/secret.h"
#include "harbor/secure/openssl/tls.h"
#include "net/tlskey.h"
#include "net/tlsmemory.h"

/* Where the processor has instructions for AES, which is nearly everywhere, it is the faster. */
#define SUITES "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"
#define GROUPS "X25519:P-256"
#define CERTIFICATES_MAX (32u << 10)
/* RFC 8446, 5.5: AES-GCM is safe for 2^24.5 full records of one key. */
#define RECORDS_PER_KEY (UINT64_C(1) << 23)

static int session_index = -1;

const char *tls_reason(void)
{
	unsigned long first = ERR_peek_error();
	const char *text = NULL;

	ERR_clear_error();
	if (ERR_SYSTEM_ERROR(first))
		text = strerrordesc_np(ERR_GET_REASON(first));
	else if (first)
		text = ERR_reason_error_string(first);
	return text ? text : "unknown error";
}

struct secure_session *tls_session_of(const SSL *ssl)
{
	return SSL_get_ex_data(ssl, session_index);
}

bool tls_session_set(SSL *ssl, struct secure_session *s)
{
	return SSL_set_ex_data(ssl, session_index, s) == 1;
}

/* ---- keys ---- */

const struct secure_key *tls_find_key(const struct secure_context *x, const char *id, size_t n)
{
	for (unsigned i = 0; i < x->key_count; i++)
		if (strlen(x->keys[i].id) == n && memcmp(x->keys[i].id, id, n) == 0)
			return &x->keys[i];
	return NULL;
}

void tls_print(const struct secure_key *k, uint8_t ret[TLS_PRINT])
{
	SHA256(k->bytes, sizeof(k->bytes), ret);
}

/* By this key the session is. */
static void keep_key(struct secure_session *s, const struct secure_key *k)
{
	memcpy(s->key_id, k->id, sizeof(s->key_id));
	tls_print(k, s->key_print);
}

/* We connect: with our first key. */
static int offer_key(SSL *ssl, const EVP_MD *md, const unsigned char **id, size_t *id_size,
		     SSL_SESSION **ret)
{
	struct secure_session *s = tls_session_of(ssl);
	const struct secure_key *k = &s->x->keys[0];

	*ret = NULL;
	if (md && EVP_MD_get_type(md) != NID_sha256)
		return 1; /* the other end's first answer wants another hash: not with our key */
	*ret = tlskey_session(ssl, k->bytes);
	*id = (const unsigned char *)k->id;
	*id_size = strlen(k->id);
	keep_key(s, k);
	return *ret != NULL;
}

/* What a stranger calls his key goes into a line for people. */
static void keep_strange(struct secure_session *s, const unsigned char *id, size_t n)
{
	size_t keep = n < sizeof(s->strange_id) - 1 ? n : sizeof(s->strange_id) - 1;

	for (size_t i = 0; i < keep; i++)
		s->strange_id[i] = id[i] > ' ' && id[i] < 127 && id[i] != '"' ? (char)id[i] : '?';
	s->strange_id[keep] = 0;
}

/* We are connected to: with any of our keys. */
static int find_key(SSL *ssl, const unsigned char *id, size_t n, SSL_SESSION **ret)
{
	struct secure_session *s = tls_session_of(ssl);
	const struct secure_key *k = tls_find_key(s->x, (const char *)id, n);

	*ret = NULL;
	if (!k) {
		keep_strange(s, id, n);
		return 1; /* no key: the handshake fails, as we have no certificate */
	}
	keep_key(s, k);
	*ret = tlskey_session(ssl, k->bytes);
	return *ret != NULL;
}

static void use_keys(struct secure_context *x)
{
	SSL_CTX_set_psk_use_session_callback(x->ssl, offer_key);
	SSL_CTX_set_psk_find_session_callback(x->ssl, find_key);
}

/* ---- certificates ---- */

/* A key with a password is refused; OpenSSL's own function would ask the terminal. */
static int no_password(char *buf, int size, int writes, void *ud)
{
	(void)buf, (void)size, (void)writes, (void)ud;
	return -1;
}

static bool file_failed(char why[SECURE_WHY_MAX], const char *key, const char *file)
{
	snprintf(why, SECURE_WHY_MAX, "%s: %s: %s", key, file, tls_reason());
	return false;
}

/* The certificates of issuers are checked as well, as far as there is a list of theirs: the one of
 * the nodes' issuer must be there. */
static int may_lack_list(int good, X509_STORE_CTX *c)
{
	if (good || X509_STORE_CTX_get_error_depth(c) == 0 ||
	    X509_STORE_CTX_get_error(c) != X509_V_ERR_UNABLE_TO_GET_CRL)
		return good;
	X509_STORE_CTX_set_error(c, X509_V_OK);
	return 1;
}

static bool load_crl(struct secure_context *x, const char *file)
{
	X509_LOOKUP *lookup = X509_STORE_add_lookup(x->store, X509_LOOKUP_file());

	return lookup && X509_load_crl_file(lookup, file, X509_FILETYPE_PEM) > 0 &&
	       X509_STORE_set_flags(x->store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
}

/* Read into memory that no core file has; OpenSSL's own function leaves a copy of the file in the
 * heap. */
static bool use_private_key(struct secure_context *x, const char *file, char why[SECURE_WHY_MAX])
{
	const char *reason;
	size_t size = 0;
	char *text = file_read_secret(file, &size, &reason);
	BIO *b = text ? BIO_new_mem_buf(text, (int)size) : NULL;
	EVP_PKEY *key = b ? PEM_read_bio_PrivateKey(b, NULL, no_password, NULL) : NULL;
	bool good = key && SSL_CTX_use_PrivateKey(x->ssl, key) == 1;

	EVP_PKEY_free(key);
	BIO_free(b);
	if (!text)
		snprintf(why, SECURE_WHY_MAX, "cluster.cert_key_file: %s: %s", file, reason);
	else if (!good)
		(void)file_failed(why, "cluster.cert_key_file", file);
	secret_free(text);
	return good;
}

static bool use_certificates(struct secure_context *x, const struct secure_config *c,
			     char why[SECURE_WHY_MAX])
{
	SSL_CTX_set_default_passwd_cb(x->ssl, no_password);
	x->store = SSL_CTX_get_cert_store(x->ssl);
	X509_STORE_set_verify_cb(x->store, may_lack_list);
	if (SSL_CTX_load_verify_file(x->ssl, c->ca_file) != 1)
		return file_failed(why, "cluster.ca_file", c->ca_file);
	if (SSL_CTX_use_certificate_chain_file(x->ssl, c->cert_file) != 1)
		return file_failed(why, "cluster.cert_file", c->cert_file);
	if (!use_private_key(x, c->cert_key_file, why))
		return false;
	if (SSL_CTX_check_private_key(x->ssl) != 1)
		return file_failed(why, "cluster.cert_key_file", c->cert_key_file);
	if (c->crl_file && !load_crl(x, c->crl_file))
		return file_failed(why, "cluster.crl_file", c->crl_file);
	return true;
}

/* ---- both ---- */

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void keep_secret(struct secure_session *s, const char *hex, uint8_t out[TLS_SECRET])
{
	if (strlen(hex) != 2 * TLS_SECRET)
		return;
	for (unsigned i = 0; i < TLS_SECRET; i++)
		out[i] = (uint8_t)(hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]));
	s->secrets++;
}

/* OpenSSL tells the secrets of a handshake to who writes logs of them: "LABEL RANDOM SECRET". */
static void take_secret(const SSL *ssl, const char *line)
{
	struct secure_session *s = tls_session_of(ssl);
	const char *secret = strrchr(line, ' ');
	bool client = strncmp(line, "CLIENT_TRAFFIC_SECRET_0 ", 24) == 0;

	if (s && secret && (client || strncmp(line, "SERVER_TRAFFIC_SECRET_0 ", 24) == 0))
		keep_secret(s, secret + 1, client == s->connects ? s->ours : s->theirs);
}

static bool set_up(SSL_CTX *ssl)
{
	SSL_CTX_set_options(ssl,
			    SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_clear_options(ssl, SSL_OP_ENABLE_MIDDLEBOX_COMPAT);
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_cert_list(ssl, CERTIFICATES_MAX);
	SSL_CTX_set_keylog_callback(ssl, take_secret);
	/* Both ends verify; with a key there is nobody whose certificate would be believed. */
	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return SSL_CTX_set_session_id_context(ssl, tlskey_context, sizeof(tlskey_context) - 1) &&
	       SSL_CTX_set_min_proto_version(ssl, TLS1_3_VERSION) &&
	       SSL_CTX_set_max_proto_version(ssl, TLS1_3_VERSION) &&
	       SSL_CTX_set_ciphersuites(ssl, SUITES) && SSL_CTX_set1_groups_list(ssl, GROUPS) &&
	       SSL_CTX_set_num_tickets(ssl, 0);
}

static void free_context(struct secure_context *x)
{
	OPENSSL_cleanse(x, sizeof(*x));
	secret_free(x);
}

struct secure_context *tls_context_create(const struct secure_config *c, char why[SECURE_WHY_MAX])
{
	struct secure_context *x = secret_zalloc(1, sizeof(*x));
	bool good;

	ERR_clear_error();
	if (session_index < 0)
		session_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	snprintf(why, SECURE_WHY_MAX, "no memory");
	if (!x)
		return NULL;
	atomic_init(&x->users, 1);
	atomic_init(&x->newer, NULL);
	x->records_per_key = c->records_per_key ? c->records_per_key : RECORDS_PER_KEY;
	x->certificates = c->key_count == 0;
	x->key_count = c->key_count;
	memcpy(x->keys, c->keys, sizeof(x->keys));
	x->ssl = SSL_CTX_new(TLS_method());
	good = x->ssl && set_up(x->ssl);
	if (!good)
		snprintf(why, SECURE_WHY_MAX, "TLS 1.3: %s", tls_reason());
	else if (x->certificates)
		good = use_certificates(x, c, why);
	else
		use_keys(x);
	if (good)
		return x;
	tls_context_unref(x);
	return NULL;
}

uint64_t tls_context_expires(const struct secure_context *x)
{
	const X509 *own = x->certificates ? SSL_CTX_get0_certificate(x->ssl) : NULL;
	struct tm end = { 0 };

	return own && ASN1_TIME_to_tm(X509_get0_notAfter(own), &end) == 1 ? (uint64_t)timegm(&end)
									  : 0;
}

void tls_context_replace(struct secure_context *x, struct secure_context *by)
{
	/* relaxed: the caller has it */
	atomic_fetch_add_explicit(&by->users, 1, memory_order_relaxed);
	atomic_store_explicit(&x->newer, by, memory_order_release); /* for finish */
	tls_context_unref(x);
}

void tls_context_unref(struct secure_context *x)
{
	struct secure_context *newer;

	/* acq_rel: who is last sees what the others have done */
	while (x && atomic_fetch_sub_explicit(&x->users, 1, memory_order_acq_rel) == 1) {
		newer = atomic_load_explicit(&x->newer, memory_order_relaxed);
		SSL_CTX_free(x->ssl);
		free_context(x);
		x = newer;
	}
}

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the files of the shared object share. OpenSSL makes the handshake; then its SSL object, some
 * 30 KiB, goes, and what stays of a connection is a key for each direction. The records are those
 * of TLS 1.3 (RFC 8446, 5): made and opened here (records.c), because an SSL object cannot be read
 * by one thread while another writes, and copies twice what it encrypts.
 */
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <stdatomic.h>

#include "harbor/secure/secure.h"

/* All suites that are offered have the hash SHA-256: so long are their secrets. */
#define TLS_SECRET 32u
#define TLS_IV 12u
#define TLS_HEADER 5u
#define TLS_TAG 16u
/* A key by which it can be known again: SHA-256. */
#define TLS_PRINT 32u
#define TLS_PLAIN_MAX 16384u
#define TLS_RECORD_MAX (TLS_PLAIN_MAX + 256u) /* without its header */

/* In memory of its own, which is not written into core files: it holds the keys. */
struct secure_context {
	atomic_uint users; /* sessions, and who made it */
	SSL_CTX *ssl;
	bool certificates;
	struct secure_key keys[SECURE_KEYS_MAX];
	unsigned key_count;
	uint64_t records_per_key;
	X509_STORE *store; /* certificates: whom we believe; the SSL_CTX's */
	/* What is used instead for new sessions; NULL: nothing yet. Held. Written once, with
	 * release, for the acquire of a handshake that ends. */
	struct secure_context *_Atomic newer;
};

/* One direction of a connection. */
struct tls_way {
	EVP_CIPHER_CTX *cipher; /* NULL: no keys yet */
	uint8_t secret[TLS_SECRET], iv[TLS_IV];
	uint64_t records; /* with this key */
};

struct secure_session {
	struct secure_context *x;
	bool connects;
	SSL *ssl;		       /* NULL: the handshake is over */
	const struct secure_input *in; /* what the SSL object reads, during input */
	size_t in_used, handshake_bytes;
	char key_id[SECURE_ID_MAX];	/* of the cluster key; "": none */
	uint8_t key_print[TLS_PRINT];	/* and its fingerprint: the key itself is in the context */
	char strange_id[SECURE_ID_MAX]; /* the key that the other end named and we do not have */
	uint8_t ours[TLS_SECRET], theirs[TLS_SECRET]; /* the first secrets of the connection */
	unsigned secrets;			      /* how many of the two are there */
	X509 *peer;
	STACK_OF(X509) * chain;
	const char *suite;
	char why[SECURE_WHY_MAX];

	/* [loop] */
	struct tls_way rx;
	uint8_t head[TLS_HEADER];
	size_t head_have;
	uint8_t *body; /* of a record that is not whole; NULL: none */
	size_t body_size, body_have;
	bool bad;

	/* [socket's lock]; set up before the first who writes hears of the session */
	struct tls_way tx;
	uint8_t *out; /* what the handshake has to say */
	size_t out_size, out_done;
	bool ended;

	/* relaxed both: a wish, which the writer sees at the latest in the seal that the loop asks
	 * for after it, and the socket's lock orders that */
	atomic_bool want_update, want_end;
};

/* ---- records.c ---- */

/* Sets up a direction with the first secret. Returns false when OpenSSL has no memory. */
bool tls_way_begin(struct tls_way *w, const EVP_CIPHER *cipher, const uint8_t *secret, bool seals);
void tls_way_end(struct tls_way *w);
enum secure_event tls_open(struct secure_session *s, struct secure_input *io);
bool tls_seal(void *session, struct net_plain *plain, uint8_t *out, size_t room, size_t *ret_size);
/* Writes what was wrong and that nothing can be believed any more. */
enum secure_event tls_bad(struct secure_session *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- context.c ---- */

struct secure_context *tls_context_create(const struct secure_config *c,
					  char ret_why[SECURE_WHY_MAX]);
/* As tls_context_unref, and tells the sessions of x what is used from now on. */
uint64_t tls_context_expires(const struct secure_context *x);
void tls_context_replace(struct secure_context *x, struct secure_context *by);
void tls_context_unref(struct secure_context *x);
/* Returns the key of that name, or NULL. */
/* Writes the key's fingerprint. */
void tls_print(const struct secure_key *k, uint8_t ret[TLS_PRINT]);
const struct secure_key *tls_find_key(const struct secure_context *x, const char *id, size_t n);
/* Returns OpenSSL's first reason, and forgets them all; never NULL. */
const char *tls_reason(void);
/* The session of an SSL object. */
struct secure_session *tls_session_of(const SSL *ssl);
bool tls_session_set(SSL *ssl, struct secure_session *s);

/* ---- names.c ---- */

bool tls_names_node(const struct secure_session *s, const char *name);
bool tls_names_host(const struct secure_session *s, const char *host);
/* The first name of a node that stands in the certificate, "" if there is none. */
void tls_first_name(X509 *cert, char *ret, size_t size);

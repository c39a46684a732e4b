/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A key that both ends of a TLS 1.3 connection have (RFC 8446, 4.2.11), as OpenSSL wants it. For
 * the shared objects that are linked with OpenSSL: harbord itself is not.
 *
 * Threads: any.
 */
#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

#define TLSKEY_BYTES 32u
/* OpenSSL wants sessions to be of a context (SSL_CTX_set_session_id_context); all of ours are. */
static const unsigned char tlskey_context[] = "harbord";

/* Returns a session that was never had, with this key, for suites with SHA-256; or NULL: there is
 * no memory. The caller's (SSL_SESSION_free). */
static inline SSL_SESSION *tlskey_session(SSL *ssl, const uint8_t bytes[TLSKEY_BYTES])
{
	static const unsigned char suite_aes128[2] = { 0x13, 0x01 };
	const SSL_CIPHER *suite = SSL_CIPHER_find(ssl, suite_aes128);
	SSL_SESSION *session = SSL_SESSION_new();

	if (session && suite && SSL_SESSION_set1_master_key(session, bytes, TLSKEY_BYTES) &&
	    SSL_SESSION_set1_id_context(session, tlskey_context, sizeof(tlskey_context) - 1) &&
	    SSL_SESSION_set_cipher(session, suite) &&
	    SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION))
		return session;
	SSL_SESSION_free(session);
	return NULL;
}

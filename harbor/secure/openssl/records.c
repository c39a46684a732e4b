/* SPDX-License-Identifier: MIT */
/* Records of TLS 1.3 after the handshake (RFC 8446, 5 and 7.3):
 *
 *   | 23 | 3 3 | size (2) | sealed: content, its type, no padding | tag (16) |
 *
 * The nonce is the number of the record mixed into the iv; the header is authenticated. A key seals
 * records_per_key records; then we tell the other end (KeyUpdate) and go on with the next, which is
 * derived from its secret. What the other end tells us so is followed at any time.
 *
 * Small parts are gathered in the record and sealed where they lie, large ones are sealed out of
 * the place where they are: nothing large is copied.
 */
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harbor/secure/openssl/tls.h"
#include "net/write.h"

/* A call to the cipher costs as much as copying so many bytes. */
#define GATHER_MAX 1024u
#define OVERHEAD (TLS_HEADER + 1u + TLS_TAG)

enum { ALERT = 21, HANDSHAKE = 22, APPLICATION = 23 };
enum { KEY_UPDATE = 24 };

/* [loop] The last record that was opened. */
static uint8_t opened[TLS_RECORD_MAX];

enum secure_event tls_bad(struct secure_session *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->why, sizeof(s->why), fmt, ap);
	va_end(ap);
	s->bad = true;
	return SECURE_BAD;
}

/* ---- keys ---- */

/* HKDF-Expand-Label with an empty context, for at most one block of the hash. */
static bool expand(const uint8_t secret[TLS_SECRET], const char *label, uint8_t *out, size_t n)
{
	uint8_t info[32], block[EVP_MAX_MD_SIZE];
	size_t size = strlen(label) + 6; /* "tls13 " */
	unsigned block_size = 0;

	info[0] = 0;
	info[1] = (uint8_t)n;
	info[2] = (uint8_t)size;
	memcpy(info + 3, "tls13 ", 6);
	memcpy(info + 9, label, size - 6);
	info[3 + size] = 0;
	info[4 + size] = 1;
	if (!HMAC(EVP_sha256(), secret, TLS_SECRET, info, 5 + size, block, &block_size) ||
	    block_size < n)
		return false;
	memcpy(out, block, n);
	OPENSSL_cleanse(block, sizeof(block));
	return true;
}

/* The key and the iv of the way's secret. cipher NULL: the same as before. */
static bool set_key(struct tls_way *w, const EVP_CIPHER *cipher, bool seals)
{
	uint8_t key[EVP_MAX_KEY_LENGTH];
	const EVP_CIPHER *c = cipher ? cipher : EVP_CIPHER_CTX_get0_cipher(w->cipher);
	bool good = expand(w->secret, "key", key, (size_t)EVP_CIPHER_get_key_length(c)) &&
		    expand(w->secret, "iv", w->iv, TLS_IV) &&
		    EVP_CipherInit_ex(w->cipher, cipher, NULL, key, NULL, seals);

	OPENSSL_cleanse(key, sizeof(key));
	w->records = 0;
	return good;
}

bool tls_way_begin(struct tls_way *w, const EVP_CIPHER *cipher, const uint8_t *secret, bool seals)
{
	w->cipher = EVP_CIPHER_CTX_new();
	memcpy(w->secret, secret, TLS_SECRET);
	return w->cipher && set_key(w, cipher, seals);
}

void tls_way_end(struct tls_way *w)
{
	EVP_CIPHER_CTX_free(w->cipher);
	OPENSSL_cleanse(w, sizeof(*w));
}

static bool next_key(struct tls_way *w, bool seals)
{
	uint8_t next[TLS_SECRET];
	bool good = expand(w->secret, "traffic upd", next, sizeof(next));

	memcpy(w->secret, next, sizeof(next));
	OPENSSL_cleanse(next, sizeof(next));
	return good && set_key(w, NULL, seals);
}

/* Begins the next record of a way. */
static bool begin(struct tls_way *w, const uint8_t header[TLS_HEADER])
{
	uint8_t nonce[TLS_IV];
	uint64_t number = w->records++;
	int n;

	memcpy(nonce, w->iv, TLS_IV);
	for (unsigned i = 0; i < 8; i++)
		nonce[TLS_IV - 1 - i] ^= (uint8_t)(number >> (8 * i));
	return EVP_CipherInit_ex(w->cipher, NULL, NULL, NULL, nonce, -1) &&
	       EVP_CipherUpdate(w->cipher, NULL, &n, header, TLS_HEADER);
}

/* ---- opening ---- */

/* The other end goes on with its next key, and may want us to do so, too. */
static enum secure_event key_update(struct secure_session *s, const uint8_t *p, size_t n,
				    struct secure_input *io)
{
	if (n != 5 || p[0] != KEY_UPDATE || p[1] || p[2] || p[3] != 1 || p[4] > 1)
		return tls_bad(s, "it sent a message of TLS that is none of ours");
	if (!next_key(&s->rx, false))
		return tls_bad(s, "no memory");
	if (p[4]) {
		atomic_store_explicit(&s->want_update, true, memory_order_relaxed);
		io->wants_write = true;
	}
	return SECURE_MORE;
}

static enum secure_event alert(struct secure_session *s, const uint8_t *p, size_t n)
{
	if (n == 2 && p[1] == SSL3_AD_CLOSE_NOTIFY)
		return SECURE_ENDED;
	return tls_bad(s, "the other end refuses us: %s",
		       n == 2 ? SSL_alert_desc_string_long(p[1]) : "no reason given");
}

/* Returns the size of content and type in `opened`, or 0: the record is not what was sealed. */
static size_t decrypt(struct tls_way *w, const uint8_t header[TLS_HEADER], const uint8_t *body,
		      size_t n)
{
	size_t size = n - TLS_TAG;
	int done, rest;

	if (!begin(w, header) || !EVP_CipherUpdate(w->cipher, opened, &done, body, (int)size) ||
	    !EVP_CIPHER_CTX_ctrl(w->cipher, EVP_CTRL_AEAD_SET_TAG, TLS_TAG,
				 (void *)(uintptr_t)(body + size)) ||
	    EVP_CipherFinal_ex(w->cipher, opened + done, &rest) <= 0)
		return 0;
	return size;
}

static enum secure_event open_record(struct secure_session *s, const uint8_t header[TLS_HEADER],
				     const uint8_t *body, size_t n, struct secure_input *io)
{
	size_t size = decrypt(&s->rx, header, body, n);

	while (size && opened[size - 1] == 0)
		size--; /* padding */
	if (!size)
		return tls_bad(s, "a record was changed on its way, or is not of this connection");
	switch (opened[--size]) {
	case APPLICATION:
		if (size > TLS_PLAIN_MAX)
			break;
		io->plain = opened;
		io->plain_size = size;
		return size ? SECURE_PLAIN : SECURE_MORE;
	case HANDSHAKE:
		return key_update(s, opened, size, io);
	case ALERT:
		return alert(s, opened, size);
	default:
		break;
	}
	return tls_bad(s, "it sent a record of TLS that is none of ours");
}

/* Returns the size of a record's body, 0: that is no header of one. */
static size_t body_size(const uint8_t header[TLS_HEADER])
{
	size_t n = (size_t)header[3] << 8 | header[4];

	return header[0] == APPLICATION && header[1] == 3 && header[2] == 3 && n > TLS_TAG &&
			       n <= TLS_RECORD_MAX
		       ? n
		       : 0;
}

static void use(struct secure_input *io, size_t n)
{
	io->bytes += n;
	io->size -= n;
}

/* Collects the record whose beginning came earlier. Returns whether it is whole. */
static bool collect(struct secure_session *s, struct secure_input *io)
{
	size_t want = s->body_size - s->body_have, n = io->size < want ? io->size : want;

	memcpy(s->body + s->body_have, io->bytes, n);
	s->body_have += n;
	use(io, n);
	return s->body_have == s->body_size;
}

static enum secure_event open_collected(struct secure_session *s, struct secure_input *io)
{
	enum secure_event e = open_record(s, s->head, s->body, s->body_size, io);

	free(s->body);
	s->body = NULL;
	s->head_have = 0;
	return e;
}

/* Fewer bytes than a record are left: they are kept. */
static bool keep(struct secure_session *s, struct secure_input *io)
{
	size_t want = TLS_HEADER - s->head_have, n = io->size < want ? io->size : want;

	memcpy(s->head + s->head_have, io->bytes, n);
	s->head_have += n;
	use(io, n);
	if (s->head_have < TLS_HEADER)
		return true;
	s->body_size = body_size(s->head);
	s->body_have = 0;
	s->body = s->body_size ? malloc(s->body_size) : NULL;
	return s->body != NULL;
}

/* Opens the next record. SECURE_MORE with bytes left: it held nothing for anybody. */
static enum secure_event open_next(struct secure_session *s, struct secure_input *io)
{
	size_t n;

	if (s->body)
		return collect(s, io) ? open_collected(s, io) : SECURE_MORE;
	n = !s->head_have && io->size >= TLS_HEADER ? body_size(io->bytes) : 0;
	if (n && io->size >= TLS_HEADER + n) {
		const uint8_t *at = io->bytes;

		use(io, TLS_HEADER + n);
		return open_record(s, at, at + TLS_HEADER, n, io);
	}
	if (!keep(s, io))
		return tls_bad(s, "it sent what is no record of TLS");
	return SECURE_MORE;
}

enum secure_event tls_open(struct secure_session *s, struct secure_input *io)
{
	enum secure_event e = s->bad ? SECURE_BAD : SECURE_MORE;

	while (e == SECURE_MORE && io->size)
		e = open_next(s, io);
	return e;
}

/* ---- sealing ---- */

static void put_header(uint8_t out[TLS_HEADER], size_t body)
{
	out[0] = APPLICATION;
	out[1] = out[2] = 3;
	out[3] = (uint8_t)(body >> 8);
	out[4] = (uint8_t)body;
}

/* Seals what was gathered at `at` and is n bytes long, in its place. */
static bool seal_run(struct tls_way *w, uint8_t *at, size_t n)
{
	int done;

	return n == 0 || EVP_CipherUpdate(w->cipher, at, &done, at, (int)n);
}

static void skip(struct net_plain *p, size_t n)
{
	p->skip += n;
	if (p->skip == p->iov->iov_len) {
		p->iov++;
		p->n--;
		p->skip = 0;
	}
}

/* Takes `left` bytes from plain, and the type behind them, sealed to out. */
static bool seal_content(struct tls_way *w, struct net_plain *plain, size_t left, uint8_t type,
			 uint8_t *out)
{
	size_t run = 0; /* gathered before out */
	bool good = true;
	int done;

	while (left && good) {
		const uint8_t *from = (const uint8_t *)plain->iov->iov_base + plain->skip;
		size_t part = plain->iov->iov_len - plain->skip, n = part < left ? part : left;

		if (n > GATHER_MAX) {
			good = seal_run(w, out - run, run) &&
			       EVP_CipherUpdate(w->cipher, out, &done, from, (int)n);
			run = 0;
		} else if (n) {
			memcpy(out, from, n);
			run += n;
		}
		out += n;
		left -= n;
		skip(plain, n);
	}
	*out = type;
	return good && seal_run(w, out - run, run + 1);
}

/* One record with n bytes of plain. Returns its size; 0: OpenSSL failed, the way is dead. */
static size_t seal_record(struct tls_way *w, struct net_plain *plain, size_t n, uint8_t type,
			  uint8_t *out)
{
	int rest;

	put_header(out, n + 1 + TLS_TAG);
	if (begin(w, out) && seal_content(w, plain, n, type, out + TLS_HEADER) &&
	    EVP_CipherFinal_ex(w->cipher, out + TLS_HEADER + n + 1, &rest) > 0 &&
	    EVP_CIPHER_CTX_ctrl(w->cipher, EVP_CTRL_AEAD_GET_TAG, TLS_TAG,
				out + TLS_HEADER + n + 1))
		return n + OVERHEAD;
	return 0;
}

static size_t seal_words(struct tls_way *w, const uint8_t *words, size_t n, uint8_t type,
			 uint8_t *out)
{
	struct iovec iov = { (void *)(uintptr_t)words, n };

	return seal_record(w, &(struct net_plain){ &iov, 1, 0 }, n, type, out);
}

/* The other end hears that the next key is used from here on. */
static size_t update_key(struct tls_way *w, uint8_t *out)
{
	static const uint8_t words[5] = { KEY_UPDATE, 0, 0, 1, 0 };
	size_t n = seal_words(w, words, sizeof(words), HANDSHAKE, out);

	return n && next_key(w, true) ? n : 0;
}

static size_t say_end(struct tls_way *w, uint8_t *out)
{
	static const uint8_t words[2] = { 1, SSL3_AD_CLOSE_NOTIFY };

	return seal_words(w, words, sizeof(words), ALERT, out);
}

static size_t left_of(const struct net_plain *p, size_t enough)
{
	size_t n = 0;

	for (int i = 0; i < p->n && n < enough + p->skip; i++)
		n += p->iov[i].iov_len;
	return n > p->skip ? n - p->skip : 0;
}

/* What the handshake has to say, which stands before everything else. */
static size_t copy_out(struct secure_session *s, uint8_t *out, size_t room)
{
	size_t left = s->out_size - s->out_done, n = left < room ? left : room;

	if (n)
		memcpy(out, s->out + s->out_done, n);
	s->out_done += n;
	if (s->out_done == s->out_size) {
		free(s->out);
		s->out = NULL;
		s->out_size = s->out_done = 0;
	}
	return n;
}

/* Is the next key due? Who asks for one again before the last was used has it: nobody can make us
 * say more than he says himself. */
static bool is_due(struct secure_session *s)
{
	return s->tx.records >= s->x->records_per_key ||
	       (atomic_load_explicit(&s->want_update, memory_order_relaxed) &&
		atomic_exchange_explicit(&s->want_update, false, memory_order_relaxed) &&
		s->tx.records > 0);
}

/* What is written after a failure, or after our end, goes nowhere: the connection is being
 * closed. */
static bool drop(struct net_plain *plain)
{
	plain->n = 0;
	return false;
}

bool tls_seal(void *session, struct net_plain *plain, uint8_t *out, size_t room, size_t *ret_size)
{
	struct secure_session *s = session;
	struct tls_way *w = &s->tx;
	size_t n = copy_out(s, out, room), left, size;

	*ret_size = n;
	if (s->out)
		return true;
	if (!w->cipher || s->ended)
		return drop(plain);
	for (;; *ret_size = n) {
		if (room - n < 2 * OVERHEAD + 64)
			return true;
		size = is_due(s) ? update_key(w, out + n) : 1;
		if (!size)
			return drop(plain);
		n += size > 1 ? size : 0;
		left = left_of(plain, TLS_PLAIN_MAX);
		if (!left)
			break;
		left = left < TLS_PLAIN_MAX ? left : TLS_PLAIN_MAX;
		left = left < room - n - OVERHEAD ? left : room - n - OVERHEAD;
		size = seal_record(w, plain, left, APPLICATION, out + n);
		if (!size)
			return drop(plain);
		n += size;
	}
	if (atomic_load_explicit(&s->want_end, memory_order_relaxed)) {
		s->ended = true;
		n += say_end(w, out + n);
	}
	*ret_size = n;
	return drop(plain); /* nothing but empty parts, if any */
}

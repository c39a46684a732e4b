/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Secure: TLS 1.3 for the connections of the cluster. Both ends prove that they hold the cluster's
 * key, or a certificate of the cluster's issuer, before a byte reaches anybody who reads frames.
 *
 *   socket --bytes--> secure_input --plain bytes--> stream          the loop
 *   frames --parts--> secure_seal --bytes--> socket's queue         whoever writes, under the
 *                                                                   socket's lock (net/write.h)
 *
 * OpenSSL makes the handshake and the ciphers. It is in a shared object, harbor/secure.so beside
 * the Lua modules that need libraries, which is opened when a configuration asks for it: a node
 * without a key does not carry it. struct secure_library is what the shared object gives.
 *
 * Threads:   a context: the loop. A session: secure_seal under the lock of its socket, everything
 *            else on the loop. The loop never waits for who writes, nor the other way round.
 * Ownership: a session holds what it needs of its context, which may be replaced meanwhile.
 * Limits:    a stranger has one handshake, of SECURE_HANDSHAKE_MAX bytes each way; afterwards a
 *            session holds at most one record that is not whole.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECURE_KEYS_MAX 2u
#define SECURE_KEY_BYTES 32u
#define SECURE_ID_MAX 64u /* with the NUL */
#define SECURE_WHY_MAX 256u
#define SECURE_HANDSHAKE_MAX (64u << 10)

struct net_plain;
struct secure_context;
struct secure_session;

struct secure_key {
	char id[SECURE_ID_MAX];
	uint8_t bytes[SECURE_KEY_BYTES];
};

/* Keys, or certificates. */
struct secure_config {
	const char *library; /* the shared object's file */
	/* The first is used when we connect; all are accepted. */
	struct secure_key keys[SECURE_KEYS_MAX];
	unsigned key_count;
	/* PEM files; used when there is no key. crl_file: NULL = nothing is revoked */
	const char *ca_file, *cert_file, *cert_key_file, *crl_file;
	/* 0: as many as are safe. Tests ask for few. */
	uint64_t records_per_key;
};

/* What came of bytes that came in. */
enum secure_event {
	SECURE_MORE,  /* all of them are used */
	SECURE_READY, /* the handshake is done: the other end is one of ours. Once */
	SECURE_PLAIN, /* plain bytes */
	SECURE_ENDED, /* the other end sends no more */
	SECURE_BAD,   /* nothing can be believed any more; `why` says what was wrong */
};

struct secure_input {
	const uint8_t *bytes; /* what is left of the input */
	size_t size;
	const uint8_t *plain; /* of SECURE_PLAIN; valid until the next call for any session */
	size_t plain_size;
	bool wants_write; /* the session has bytes of its own: seal what there is, maybe nothing */
};

struct secure_info {
	const char *cipher;
	char who[SECURE_ID_MAX + 16]; /* "key NAME", "certificate NAME" */
};

#define SECURE_INTERFACE 3u
#define SECURE_SYMBOL "harbor_secure_library"

struct secure_library {
	unsigned interface;
	struct secure_context *(*context_create)(const struct secure_config *c,
						 char ret_why[SECURE_WHY_MAX]);
	/* Destroys x; handshakes of it that end now must be good for `by` as well. */
	void (*context_replace)(struct secure_context *x, struct secure_context *by);
	void (*context_destroy)(struct secure_context *x);
	uint64_t (*expires)(const struct secure_context *x);
	struct secure_session *(*session_create)(struct secure_context *x, bool connects);
	void (*session_destroy)(struct secure_session *s);
	enum secure_event (*input)(struct secure_session *s, struct secure_input *io);
	bool (*seal)(void *session, struct net_plain *plain, uint8_t *out, size_t room,
		     size_t *ret_size);
	void (*end)(struct secure_session *s);
	const char *(*why)(const struct secure_session *s);
	bool (*names_node)(const struct secure_session *s, const char *name);
	bool (*names_host)(const struct secure_session *s, const char *host);
	bool (*holds)(const struct secure_session *s, struct secure_context *x,
		      char ret_why[SECURE_WHY_MAX]);
	void (*info)(const struct secure_session *s, struct secure_info *ret);
};

/* Opens the shared object and reads keys or certificates. Called again it replaces them for
 * sessions to come, or changes nothing if it fails. Returns 0, or -EINVAL and a text (mem_free). */
int secure_init(const struct secure_config *c, char **ret_error);
/* After the last session. */
void secure_fini(void);
/* Are connections encrypted? Any thread, after secure_init. */
bool secure_on(void);
/* Does each node prove its name, by a certificate? Any thread, after secure_init. */
bool secure_proves_names(void);
/* Returns how the cluster's members are told from strangers: "key NAME", "certificates", or NULL:
 * not at all. */
const char *secure_kind(void);
/* Returns when our certificate is not good any more, in seconds since 1970; 0: there is none. */
uint64_t secure_expires(void);

/* connects: this end opened the connection. */
struct secure_session *secure_create(bool connects);
/* NULL is taken. Returns NULL. */
struct secure_session *secure_destroy(struct secure_session *s);
/* Takes bytes that came in, up to the next event; to be called until SECURE_MORE. Who connects
 * begins with an input of no bytes. */
enum secure_event secure_input(struct secure_session *s, struct secure_input *io);
/* struct net_seal's. */
bool secure_seal(void *session, struct net_plain *plain, uint8_t *out, size_t room,
		 size_t *ret_size);
/* The next seal ends our direction (close_notify). */
void secure_end(struct secure_session *s);
/* Returns what was wrong; valid as long as the session is. */
const char *secure_why(const struct secure_session *s);
/* May the other end speak for this node, or for the master at this host? Whoever holds the
 * cluster's key may; a certificate must name it. */
bool secure_names_node(const struct secure_session *s, const char *name);
bool secure_names_host(const struct secure_session *s, const char *host);
/* Would the other end still be let in, after keys or certificates were replaced? */
bool secure_holds(const struct secure_session *s, char ret_why[SECURE_WHY_MAX]);
void secure_info(const struct secure_session *s, struct secure_info *ret);

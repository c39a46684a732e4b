/* SPDX-License-Identifier: MIT */
/* skynet.crypt: what is there beyond the original: random bytes, AES-256-GCM, PBKDF2, encryption
 * for the owner of an RSA key. */
#include <lauxlib.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <stdbool.h>
#include <string.h>

#include "lua/modules/crypt/crypt.h"
#include "lua/modules/crypt/digest.h"

#define RANDOM_MAX 65536
#define KEY_SIZE 32u
#define NONCE_SIZE 12u
#define TAG_SIZE 16u
#define TEXT_MAX ((size_t)1 << 30)
#define PBKDF2_COST_MAX 10000000 /* rounds times blocks; some seconds */
#define RSA_MAX 2048u		 /* bytes of what is encrypted: a key of 16,384 bits */

/* randombytes(n): n bytes that nobody can guess. */
static int randombytes(lua_State *L)
{
	lua_Integer n = luaL_checkinteger(L, 1);
	luaL_Buffer b;
	char *to;

	luaL_argcheck(L, n >= 0 && n <= RANDOM_MAX, 1, "0 to 65536 bytes");
	to = luaL_buffinitsize(L, &b, (size_t)n);
	if (RAND_bytes((unsigned char *)to, (int)n) != 1)
		return crypt_error(L, "no random bytes");
	luaL_pushresultsize(&b, (size_t)n);
	return 1;
}

/* ---- AES-256-GCM (NIST SP 800-38D) ---- */

struct sealed {
	const uint8_t *key, *nonce, *text, *aad;
	size_t size, aad_size;
};

static const uint8_t *check_sized(lua_State *L, int n, size_t size, const char *error)
{
	size_t m;
	const char *text = luaL_checklstring(L, n, &m);

	luaL_argcheck(L, m == size, n, error);
	return (const uint8_t *)text;
}

/* (key, nonce, text[, aad]) */
static struct sealed check_sealed(lua_State *L)
{
	struct sealed s;

	s.key = check_sized(L, 1, KEY_SIZE, "a key has 32 bytes");
	s.nonce = check_sized(L, 2, NONCE_SIZE, "a nonce has 12 bytes");
	s.text = (const uint8_t *)luaL_checklstring(L, 3, &s.size);
	s.aad = (const uint8_t *)luaL_optlstring(L, 4, "", &s.aad_size);
	luaL_argcheck(L, s.size <= TEXT_MAX, 3, "more than 1 GiB");
	luaL_argcheck(L, s.aad_size <= TEXT_MAX, 4, "more than 1 GiB");
	return s;
}

static bool seal(EVP_CIPHER_CTX *c, const struct sealed *s, uint8_t *to)
{
	int n;

	return EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, s->key, s->nonce) == 1 &&
	       EVP_EncryptUpdate(c, NULL, &n, s->aad, (int)s->aad_size) == 1 &&
	       EVP_EncryptUpdate(c, to, &n, s->text, (int)s->size) == 1 &&
	       EVP_EncryptFinal_ex(c, to + s->size, &n) == 1 &&
	       EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, to + s->size) == 1;
}

/* `s` without its tag, which is given apart. */
static bool unseal(EVP_CIPHER_CTX *c, const struct sealed *s, const uint8_t *tag, uint8_t *to)
{
	uint8_t copy[TAG_SIZE];
	int n;

	memcpy(copy, tag, TAG_SIZE);
	return EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, s->key, s->nonce) == 1 &&
	       EVP_DecryptUpdate(c, NULL, &n, s->aad, (int)s->aad_size) == 1 &&
	       EVP_DecryptUpdate(c, to, &n, s->text, (int)s->size) == 1 &&
	       EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, copy) == 1 &&
	       EVP_DecryptFinal_ex(c, to + s->size, &n) == 1;
}

/* aes_gcm_encrypt(key, nonce, text[, aad]): the text encrypted, then a tag of 16 bytes. */
static int aes_gcm_encrypt(lua_State *L)
{
	struct sealed s = check_sealed(L);
	uint8_t *to = lua_newuserdatauv(L, s.size + TAG_SIZE, 0);
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	bool ok = c && seal(c, &s, to);

	EVP_CIPHER_CTX_free(c);
	if (!ok)
		return crypt_error(L, "no AES-256-GCM");
	lua_pushlstring(L, (char *)to, s.size + TAG_SIZE);
	return 1;
}

/* aes_gcm_decrypt(key, nonce, sealed[, aad]): the text; nil when a bit of any of it is another. */
static int aes_gcm_decrypt(lua_State *L)
{
	struct sealed s = check_sealed(L);
	EVP_CIPHER_CTX *c;
	uint8_t *to;
	bool ok;

	if (s.size < TAG_SIZE) {
		luaL_pushfail(L);
		return 1;
	}
	s.size -= TAG_SIZE;
	to = lua_newuserdatauv(L, s.size + 1, 0);
	c = EVP_CIPHER_CTX_new();
	ok = c && unseal(c, &s, s.text + s.size, to);
	EVP_CIPHER_CTX_free(c);
	if (ok)
		lua_pushlstring(L, (char *)to, s.size);
	else
		luaL_pushfail(L);
	return 1;
}

/* ---- passwords ---- */

static const EVP_MD *check_digest(lua_State *L, int n)
{
	static const char *const names[] = { "sha1", "sha256", "sha512", NULL };

	return digest_type(L, (enum digest)(DIGEST_SHA1 + luaL_checkoption(L, n, NULL, names)));
}

/* pbkdf2(digest, password, salt, rounds[, size]): RFC 8018, with HMAC. */
static int pbkdf2(lua_State *L)
{
	const EVP_MD *type = check_digest(L, 1);
	size_t password_size, salt_size;
	const char *password = luaL_checklstring(L, 2, &password_size);
	const char *salt = luaL_checklstring(L, 3, &salt_size);
	lua_Integer rounds = luaL_checkinteger(L, 4), size;
	uint8_t to[1024];

	size = luaL_optinteger(L, 5, EVP_MD_get_size(type));
	luaL_argcheck(L, password_size <= INT_MAX, 2, "too long");
	luaL_argcheck(L, salt_size <= INT_MAX, 3, "too long");
	luaL_argcheck(L, size >= 1 && size <= (lua_Integer)sizeof(to), 5, "1 to 1024 bytes");
	luaL_argcheck(L,
		      rounds >= 1 &&
			      rounds <= PBKDF2_COST_MAX / ((size - 1) / EVP_MD_get_size(type) + 1),
		      4, "rounds times blocks must be 1 to 10000000");
	if (PKCS5_PBKDF2_HMAC(password, (int)password_size, (const uint8_t *)salt, (int)salt_size,
			      (int)rounds, type, (int)size, to) != 1)
		return crypt_error(L, "no PBKDF2");
	lua_pushlstring(L, (char *)to, (size_t)size);
	return 1;
}

/* ---- RSA ---- */

static EVP_PKEY *read_key(const char *pem, size_t size)
{
	BIO *b = size <= INT_MAX ? BIO_new_mem_buf(pem, (int)size) : NULL;
	EVP_PKEY *key = b ? PEM_read_bio_PUBKEY(b, NULL, NULL, NULL) : NULL;

	BIO_free(b);
	return key;
}

static bool encrypt_for(EVP_PKEY *key, const char *text, size_t n, uint8_t to[RSA_MAX],
			size_t *size)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
	bool ok = c && EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_encrypt_init(c) == 1 &&
		  EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_OAEP_PADDING) == 1 &&
		  EVP_PKEY_encrypt(c, to, size, (const uint8_t *)text, n) == 1;

	EVP_PKEY_CTX_free(c);
	return ok;
}

/* rsa_oaep_encrypt(pem, text): for the owner of a public key, with SHA-1 as in RFC 8017, A.2.1. */
static int rsa_oaep_encrypt(lua_State *L)
{
	size_t pem_size, n, size = RSA_MAX;
	const char *pem = luaL_checklstring(L, 1, &pem_size), *text = luaL_checklstring(L, 2, &n);
	EVP_PKEY *key = read_key(pem, pem_size);
	uint8_t to[RSA_MAX];
	bool ok;

	if (!key)
		return crypt_error(L, "no public key in PEM");
	ok = encrypt_for(key, text, n, to, &size);
	EVP_PKEY_free(key);
	if (!ok)
		return crypt_error(L, "cannot encrypt with this key");
	lua_pushlstring(L, (char *)to, size);
	return 1;
}

const luaL_Reg crypt_cipher_functions[] = {
	{ "randombytes", randombytes },		  { "aes_gcm_encrypt", aes_gcm_encrypt },
	{ "aes_gcm_decrypt", aes_gcm_decrypt },	  { "pbkdf2", pbkdf2 },
	{ "rsa_oaep_encrypt", rsa_oaep_encrypt }, { NULL, NULL },
};

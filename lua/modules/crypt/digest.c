/* SPDX-License-Identifier: MIT */
/* skynet.crypt: digests and keyed digests.
 *
 * What OpenSSL does for a digest beside the digest itself (finding the implementation, making a
 * context) costs more than a short text. So the implementations are fetched once a process, and a
 * context is made once a Lua state and used again; a keyed digest is two digests.
 */
#include "lua/modules/crypt/digest.h"

#include <lauxlib.h>
#include <pthread.h>
#include <string.h>

#include "lua/modules/crypt/crypt.h"

#define BLOCK_MAX 128u /* of SHA-512 */

/* Set by fetch_all, then constant; they live as long as the process. */
static EVP_MD *types[DIGEST_COUNT];
static pthread_once_t fetched = PTHREAD_ONCE_INIT;

static void fetch_all(void)
{
	static const char *const names[DIGEST_COUNT] = { "MD5", "SHA1", "SHA256", "SHA512" };

	for (unsigned i = 0; i < DIGEST_COUNT; i++)
		types[i] = EVP_MD_fetch(NULL, names[i], NULL);
}

const EVP_MD *digest_type(lua_State *L, enum digest which)
{
	pthread_once(&fetched, fetch_all);
	if (!types[which])
		luaL_error(L, "no such digest: OpenSSL of this system refuses it");
	return types[which];
}

static int digests_gc(lua_State *L)
{
	struct digests *d = lua_touserdata(L, 1);

	EVP_MD_CTX_free(d->context);
	d->context = NULL;
	return 0;
}

void crypt_push_digests(lua_State *L)
{
	struct digests *d = lua_newuserdatauv(L, sizeof(*d), 0);

	d->context = NULL;
	lua_createtable(L, 0, 1);
	lua_pushcfunction(L, digests_gc);
	lua_setfield(L, -2, "__gc");
	lua_setmetatable(L, -2);
	d->context = EVP_MD_CTX_new();
	if (!d->context)
		luaL_error(L, "no memory for digests");
}

/* A text in two parts. */
struct text {
	const void *head;
	size_t head_size;
	const void *tail;
	size_t tail_size;
};

static void sum(lua_State *L, EVP_MD_CTX *c, const EVP_MD *type, struct text t, uint8_t *to)
{
	if (EVP_DigestInit_ex2(c, type, NULL) != 1 ||
	    EVP_DigestUpdate(c, t.head, t.head_size) != 1 ||
	    (t.tail_size && EVP_DigestUpdate(c, t.tail, t.tail_size) != 1) ||
	    EVP_DigestFinal_ex(c, to, NULL) != 1)
		crypt_error(L, "no digest");
}

static EVP_MD_CTX *context_of(lua_State *L)
{
	struct digests *d = lua_touserdata(L, lua_upvalueindex(1));

	return d->context ? d->context : (luaL_error(L, "the module is closed"), NULL);
}

static int push_sum(lua_State *L, enum digest which)
{
	const EVP_MD *type = digest_type(L, which);
	uint8_t to[EVP_MAX_MD_SIZE];
	struct text t = { 0 };

	t.head = luaL_checklstring(L, 1, &t.head_size);
	sum(L, context_of(L), type, t, to);
	lua_pushlstring(L, (char *)to, (size_t)EVP_MD_get_size(type));
	return 1;
}

/* The key as a block: a long one's digest, filled up with zeros. */
static void key_block(lua_State *L, const EVP_MD *type, size_t block, uint8_t ret[BLOCK_MAX])
{
	struct text key = { 0 };

	key.head = luaL_checklstring(L, 1, &key.head_size);
	memset(ret, 0, block);
	if (key.head_size > block)
		sum(L, context_of(L), type, key, ret);
	else
		memcpy(ret, key.head, key.head_size);
}

static void xor_block(uint8_t *b, size_t n, uint8_t with)
{
	for (size_t i = 0; i < n; i++)
		b[i] ^= with;
}

static int push_hmac(lua_State *L, enum digest which)
{
	const EVP_MD *type = digest_type(L, which);
	size_t block = (size_t)EVP_MD_get_block_size(type), size = (size_t)EVP_MD_get_size(type);
	uint8_t key[BLOCK_MAX], inner[EVP_MAX_MD_SIZE], to[EVP_MAX_MD_SIZE];
	struct text t = { .head = key, .head_size = block };

	t.tail = luaL_checklstring(L, 2, &t.tail_size);
	key_block(L, type, block, key);
	xor_block(key, block, 0x36);
	sum(L, context_of(L), type, t, inner);
	xor_block(key, block, 0x36 ^ 0x5c);
	t.tail = inner;
	t.tail_size = size;
	sum(L, context_of(L), type, t, to);
	lua_pushlstring(L, (char *)to, size);
	return 1;
}

static int sha1(lua_State *L)
{
	return push_sum(L, DIGEST_SHA1);
}

static int sha256(lua_State *L)
{
	return push_sum(L, DIGEST_SHA256);
}

static int sha512(lua_State *L)
{
	return push_sum(L, DIGEST_SHA512);
}

static int hmac_sha1(lua_State *L)
{
	return push_hmac(L, DIGEST_SHA1);
}

static int hmac_sha256(lua_State *L)
{
	return push_hmac(L, DIGEST_SHA256);
}

static int hmac_sha512(lua_State *L)
{
	return push_hmac(L, DIGEST_SHA512);
}

/* hmac64_md5(x, y): the halves of the digest of both three times over, by exclusive or. */
static int hmac64_md5(lua_State *L)
{
	const uint8_t *x = crypt_check8(L, 1, "Invalid uint64 x");
	const uint8_t *y = crypt_check8(L, 2, "Invalid uint64 y");
	uint8_t text[48], to[EVP_MAX_MD_SIZE];
	struct text t = { .head = text, .head_size = sizeof(text) };

	for (unsigned i = 0; i < sizeof(text); i += 16) {
		memcpy(text + i, x, 8);
		memcpy(text + i + 8, y, 8);
	}
	sum(L, context_of(L), digest_type(L, DIGEST_MD5), t, to);
	for (unsigned i = 0; i < 8; i++)
		to[i] ^= to[8 + i];
	lua_pushlstring(L, (char *)to, 8);
	return 1;
}

const luaL_Reg crypt_digest_functions[] = {
	{ "sha1", sha1 },
	{ "sha256", sha256 },
	{ "sha512", sha512 },
	{ "hmac_sha1", hmac_sha1 },
	{ "hmac_sha256", hmac_sha256 },
	{ "hmac_sha512", hmac_sha512 },
	{ "hmac64_md5", hmac64_md5 },
	{ NULL, NULL },
};

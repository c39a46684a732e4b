/* SPDX-License-Identifier: MIT */
/* md5.core: the digest of RFC 1321, and a cipher that is made of it: a key stream in CFB mode, each
 * block of which is the digest of the cipher's last block and the key. For data of old games; new
 * programs want neither.
 *
 * Threads: any; the functions are pure, but for the seed that crypt() takes from the clock.
 */
#include <string.h>
#include <time.h>

#include <lauxlib.h>
#include <openssl/evp.h>
#include <pthread.h>

#include "core/base/base.h"
#include "lua/modules/md5/md5_core.h"
#include "net/tlsmemory.h"

#define DIGEST 16u
#define KEY_MAX 256u

/* Set once, then constant; finding it takes longer than the digest of a short text. */
static EVP_MD *type;
static pthread_once_t fetched = PTHREAD_ONCE_INIT;

static void fetch(void)
{
	type = EVP_MD_fetch(NULL, "MD5", NULL);
}

static void digest(lua_State *L, const void *bytes, size_t size, unsigned char ret[DIGEST])
{
	pthread_once(&fetched, fetch);
	if (!type || EVP_Digest(bytes, size, ret, NULL, type, NULL) != 1)
		luaL_error(L, "no MD5: OpenSSL refuses it");
}

/* sum(text): the digest, 16 bytes. */
static int sum(lua_State *L)
{
	unsigned char d[DIGEST];
	size_t size;
	const char *text = luaL_checklstring(L, 1, &size);

	digest(L, text, size, d);
	lua_pushlstring(L, (char *)d, DIGEST);
	return 1;
}

/* exor(a, b): the bytes of both, one by one, by exclusive or. */
static int exor(lua_State *L)
{
	size_t n, other;
	const char *a = luaL_checklstring(L, 1, &n), *b = luaL_checklstring(L, 2, &other);
	luaL_Buffer r;
	char *to;

	luaL_argcheck(L, n == other, 2, "lengths must be equal");
	to = luaL_buffinitsize(L, &r, n);
	for (size_t i = 0; i < n; i++)
		to[i] = (char)(a[i] ^ b[i]);
	luaL_pushresultsize(&r, n);
	return 1;
}

/* What the next block of the key stream is the digest of: 16 bytes of state, then the key. */
struct stream {
	unsigned char bytes[DIGEST + KEY_MAX];
	size_t size;
};

static void stream_begin(lua_State *L, int key, const char *seed, size_t seed_size,
			 struct stream *ret)
{
	size_t n;
	const char *k = luaL_checklstring(L, key, &n);

	luaL_argcheck(L, n <= KEY_MAX, key, "key too long (> 256)");
	memset(ret->bytes, 0, DIGEST);
	memcpy(ret->bytes, seed, seed_size);
	memcpy(ret->bytes + DIGEST, k, n);
	ret->size = DIGEST + n;
}

/* Up to 16 bytes there or back; `cipher` is whichever of the two is encrypted. */
static void stream_block(lua_State *L, struct stream *s, const char *from, char *to, size_t n,
			 bool encrypts)
{
	unsigned char key[DIGEST];

	digest(L, s->bytes, s->size, key);
	for (size_t i = 0; i < n; i++) {
		char c = (char)(from[i] ^ key[i]);

		s->bytes[i] = (unsigned char)(encrypts ? c : from[i]);
		to[i] = c;
	}
}

static void stream_run(lua_State *L, struct stream *s, const char *from, char *to, size_t n,
		       bool encrypts)
{
	for (size_t at = 0; at < n; at += DIGEST)
		stream_block(L, s, from + at, to + at, n - at < DIGEST ? n - at : DIGEST, encrypts);
}

/* crypt(text, key[, seed]): the seed's length in a byte, the seed, and the text encrypted. */
static int crypt_text(lua_State *L)
{
	size_t size, seed_size = sizeof(time_t);
	const char *text = luaL_checklstring(L, 1, &size), *seed;
	time_t now = time(NULL);
	struct stream s;
	luaL_Buffer b;
	char *to;

	seed = lua_isnoneornil(L, 3) ? (char *)&now : luaL_checklstring(L, 3, &seed_size);
	luaL_argcheck(L, seed_size <= DIGEST, 3, "seed too long (> 16)");
	stream_begin(L, 2, seed, seed_size, &s);
	to = luaL_buffinitsize(L, &b, 1 + seed_size + size);
	to[0] = (char)seed_size;
	memcpy(to + 1, seed, seed_size);
	stream_run(L, &s, text, to + 1 + seed_size, size, true);
	luaL_pushresultsize(&b, 1 + seed_size + size);
	return 1;
}

/* decrypt(cipher, key): the text. */
static int decrypt_text(lua_State *L)
{
	size_t size, seed_size;
	const char *cipher = luaL_checklstring(L, 1, &size);
	struct stream s;
	luaL_Buffer b;
	char *to;

	luaL_argcheck(L, size >= 1, 1, "invalid cyphered string");
	seed_size = (unsigned char)cipher[0];
	luaL_argcheck(L, seed_size <= DIGEST && size >= 1 + seed_size, 1,
		      "invalid cyphered string");
	stream_begin(L, 2, cipher + 1, seed_size, &s);
	size -= 1 + seed_size;
	to = luaL_buffinitsize(L, &b, size);
	stream_run(L, &s, cipher + 1 + seed_size, to, size, false);
	luaL_pushresultsize(&b, size);
	return 1;
}

int luaopen_md5_core(lua_State *L)
{
	static const luaL_Reg f[] = { { "sum", sum },
				      { "exor", exor },
				      { "crypt", crypt_text },
				      { "decrypt", decrypt_text },
				      { NULL, NULL } };

	luaL_newlib(L, f);
	lua_pushliteral(L, "harbord " HARBORD_VERSION);
	lua_setfield(L, -2, "_VERSION");
	lua_pushliteral(L, "MD5, and a cipher made of it");
	lua_setfield(L, -2, "_DESCRIPTION");
	lua_pushliteral(L, "MIT licence, as the rest of harbord");
	lua_setfield(L, -2, "_COPYRIGHT");
	return 1;
}

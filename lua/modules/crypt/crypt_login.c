/* SPDX-License-Identifier: MIT */
/* skynet.crypt: what logins of skynet's clients are made of. Numbers are 8 bytes, the least
 * significant first. */
#include <endian.h>
#include <lauxlib.h>
#include <openssl/rand.h>
#include <string.h>

#include "lua/modules/crypt/crypt.h"
#include "lua/modules/crypt/mix.h"

static uint64_t check_number(lua_State *L, int n, const char *error)
{
	uint64_t v;

	memcpy(&v, crypt_check8(L, n, error), sizeof(v));
	return le64toh(v);
}

static int push_number(lua_State *L, uint64_t v)
{
	v = htole64(v);
	lua_pushlstring(L, (char *)&v, sizeof(v));
	return 1;
}

/* randomkey(): 8 bytes that nobody can guess, for dhexchange too: never all zero. */
static int randomkey(lua_State *L)
{
	uint8_t key[8], all = 0;

	if (RAND_bytes(key, sizeof(key)) != 1)
		return crypt_error(L, "no random bytes");
	for (size_t i = 0; i < sizeof(key); i++)
		all ^= key[i];
	if (all == 0)
		key[0] |= 1;
	lua_pushlstring(L, (char *)key, sizeof(key));
	return 1;
}

/* hashkey(text): 8 bytes. */
static int hashkey(lua_State *L)
{
	size_t n;
	const char *text = luaL_checklstring(L, 1, &n);

	return push_number(L, mix_hash((const uint8_t *)text, n));
}

/* hmac64(x, y): 8 bytes. */
static int hmac64(lua_State *L)
{
	uint64_t x = check_number(L, 1, "Invalid uint64 x");

	return push_number(L, mix_hmac(x, check_number(L, 2, "Invalid uint64 y")));
}

/* hmac_hash(key, text): hmac64(hashkey(text), key). */
static int hmac_hash(lua_State *L)
{
	uint64_t key = check_number(L, 1, "Invalid uint64 key");
	size_t n;
	const char *text = luaL_checklstring(L, 2, &n);

	return push_number(L, mix_hmac(mix_hash((const uint8_t *)text, n), key));
}

/* dhexchange(secret): what the other side is told of a secret. */
static int dhexchange(lua_State *L)
{
	uint64_t x = check_number(L, 1, "Invalid dh uint64 key");

	if (x == 0)
		return luaL_error(L, "Can't be 0");
	return push_number(L, mix_power(5, x));
}

/* dhsecret(told, secret): what both sides know then. */
static int dhsecret(lua_State *L)
{
	uint64_t told = check_number(L, 1, "Invalid uint64 public key");
	uint64_t x = check_number(L, 2, "Invalid uint64 secret");

	if (told % MIX_PRIME == 0 || x == 0)
		return luaL_error(L, "Can't be 0");
	return push_number(L, mix_power(told, x));
}

const luaL_Reg crypt_login_functions[] = {
	{ "randomkey", randomkey },
	{ "hashkey", hashkey },
	{ "hmac64", hmac64 },
	{ "hmac_hash", hmac_hash },
	{ "dhexchange", dhexchange },
	{ "dhsecret", dhsecret },
	{ NULL, NULL },
};

/* SPDX-License-Identifier: MIT */
/* skynet.crypt: codes, exclusive or, comparison, DES. */
#include <lauxlib.h>
#include <openssl/crypto.h>

#include "lua/modules/crypt/codec.h"
#include "lua/modules/crypt/crypt.h"
#include "lua/modules/crypt/des.h"

#define LOCAL 4096u /* results up to this size need no memory of their own while they are made */
#define SIZE_LIMIT ((size_t)1 << 30)

static const uint8_t *check_bytes(lua_State *L, int n, size_t *ret)
{
	const char *text = luaL_checklstring(L, n, ret);

	luaL_argcheck(L, *ret <= SIZE_LIMIT, n, "more than 1 GiB");
	return (const uint8_t *)text;
}

/* hexencode(bytes): two lower-case digits a byte. */
static int hexencode(lua_State *L)
{
	size_t n;
	const uint8_t *from = check_bytes(L, 1, &n);
	char local[LOCAL], *to = crypt_room(L, local, LOCAL, HEX_SIZE(n));

	hex_encode(from, n, to);
	lua_pushlstring(L, to, HEX_SIZE(n));
	return 1;
}

/* hexdecode(text): the bytes; the digits must be lower-case ones. */
static int hexdecode(lua_State *L)
{
	size_t n;
	const uint8_t *from = check_bytes(L, 1, &n);
	uint8_t local[LOCAL], *to;

	if (n % 2)
		return luaL_error(L, "Invalid hex text size %d", (int)n);
	to = crypt_room(L, local, LOCAL, n / 2);
	if (!hex_decode((const char *)from, n / 2, to))
		return luaL_error(L, "Invalid hex text");
	lua_pushlstring(L, (char *)to, n / 2);
	return 1;
}

/* base64encode(bytes): the standard alphabet, padded, in one line. */
static int base64encode(lua_State *L)
{
	size_t n;
	const uint8_t *from = check_bytes(L, 1, &n);
	char local[LOCAL], *to = crypt_room(L, local, LOCAL, BASE64_SIZE(n));

	base64_encode(from, n, to);
	lua_pushlstring(L, to, BASE64_SIZE(n));
	return 1;
}

/* base64decode(text): the bytes, see base64_decode. */
static int base64decode(lua_State *L)
{
	size_t n;
	const uint8_t *from = check_bytes(L, 1, &n);
	uint8_t local[LOCAL], *to = crypt_room(L, local, LOCAL, BASE64_BYTES(n));
	int64_t size = base64_decode((const char *)from, n, to);

	if (size < 0)
		return luaL_error(L, "Invalid base64 text");
	lua_pushlstring(L, (char *)to, (size_t)size);
	return 1;
}

/* xor_str(a, b): the bytes of a, each with one of b, which begins again at its end. */
static int xor_str(lua_State *L)
{
	size_t n, m;
	const uint8_t *a = check_bytes(L, 1, &n), *b = check_bytes(L, 2, &m);
	uint8_t local[LOCAL], *to = crypt_room(L, local, LOCAL, n);

	if (m == 0)
		return luaL_error(L, "Can't xor empty string");
	for (size_t i = 0, j = 0; i < n; i++, j = j + 1 < m ? j + 1 : 0)
		to[i] = a[i] ^ b[j];
	lua_pushlstring(L, (char *)to, n);
	return 1;
}

/* equal(a, b): whether the strings are equal, in a time that depends on their sizes only. */
static int equal(lua_State *L)
{
	size_t n, m;
	const char *a = luaL_checklstring(L, 1, &n), *b = luaL_checklstring(L, 2, &m);

	lua_pushboolean(L, n == m && CRYPTO_memcmp(a, b, n) == 0);
	return 1;
}

static void check_key(lua_State *L, struct des *ret)
{
	size_t n;
	const char *key = luaL_checklstring(L, 1, &n);

	if (n != DES_BLOCK)
		luaL_error(L, "Invalid key size %d, need 8 bytes", (int)n);
	des_begin(ret, (const uint8_t *)key);
}

static enum des_padding check_padding(lua_State *L)
{
	lua_Integer padding = luaL_optinteger(L, 3, DES_ISO7816_4);

	if (padding != DES_ISO7816_4 && padding != DES_PKCS7)
		luaL_error(L, "Invalid padding mode %I", (LUAI_UACINT)padding);
	return (enum des_padding)padding;
}

/* desencode(key, text[, padding]): ECB, always padded. */
static int desencode(lua_State *L)
{
	struct des d;
	size_t n;
	const uint8_t *from;
	uint8_t local[LOCAL], *to;
	enum des_padding padding;

	check_key(L, &d);
	from = check_bytes(L, 2, &n);
	padding = check_padding(L);
	to = crypt_room(L, local, LOCAL, DES_PADDED(n));
	des_encode(&d, padding, from, n, to);
	lua_pushlstring(L, (char *)to, DES_PADDED(n));
	return 1;
}

/* desdecode(key, text[, padding]): the text without its padding. */
static int desdecode(lua_State *L)
{
	struct des d;
	size_t n;
	const uint8_t *from;
	uint8_t local[LOCAL], *to;
	enum des_padding padding;
	int64_t size;

	check_key(L, &d);
	from = check_bytes(L, 2, &n);
	padding = check_padding(L);
	if (n == 0 || n % DES_BLOCK)
		return luaL_error(L, "Invalid des crypt text length %d", (int)n);
	to = crypt_room(L, local, LOCAL, n);
	size = des_decode(&d, padding, from, n, to);
	if (size < 0)
		return luaL_error(L, "Invalid des crypt text");
	lua_pushlstring(L, (char *)to, (size_t)size);
	return 1;
}

const luaL_Reg crypt_code_functions[] = {
	{ "hexencode", hexencode },
	{ "hexdecode", hexdecode },
	{ "base64encode", base64encode },
	{ "base64decode", base64decode },
	{ "xor_str", xor_str },
	{ "equal", equal },
	{ "desencode", desencode },
	{ "desdecode", desdecode },
	{ NULL, NULL },
};

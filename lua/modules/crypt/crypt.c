/* SPDX-License-Identifier: MIT */
/* skynet.crypt: the module, put together, and what its files share. */
#include "lua/modules/crypt/crypt.h"

#include <lauxlib.h>
#include <openssl/err.h>

#include "lua/modules/crypt/des.h"
#include "net/tlsmemory.h"

const uint8_t *crypt_check8(lua_State *L, int n, const char *error)
{
	size_t size;
	const char *text = luaL_checklstring(L, n, &size);

	if (size != 8)
		luaL_error(L, "%s", error);
	return (const uint8_t *)text;
}

void *crypt_room(lua_State *L, void *local, size_t local_size, size_t n)
{
	return n <= local_size ? local : lua_newuserdatauv(L, n, 0);
}

int crypt_error(lua_State *L, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return luaL_error(L, "%s: %s", what, reason ? reason : "OpenSSL refuses it");
}

int luaopen_skynet_crypt(lua_State *L)
{
	lua_createtable(L, 0, 40);
	luaL_setfuncs(L, crypt_code_functions, 0);
	luaL_setfuncs(L, crypt_login_functions, 0);
	luaL_setfuncs(L, crypt_cipher_functions, 0);
	crypt_push_digests(L);
	luaL_setfuncs(L, crypt_digest_functions, 1);
	lua_createtable(L, 0, 2);
	lua_pushinteger(L, DES_ISO7816_4);
	lua_setfield(L, -2, "iso7816_4");
	lua_pushinteger(L, DES_PKCS7);
	lua_setfield(L, -2, "pkcs7");
	lua_setfield(L, -2, "padding");
	return 1;
}

int luaopen_client_crypt(lua_State *L)
{
	return luaopen_skynet_crypt(L);
}

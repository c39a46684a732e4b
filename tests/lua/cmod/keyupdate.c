/* SPDX-License-Identifier: MIT */
/* keyupdate.ask(tls): has a connection of ltls.c ask its peer for new keys, as TLS 1.3 lets each
 * side do at any time. tls:write() then returns the bytes. */
#include <lauxlib.h>
#include <lua.h>
#include <openssl/ssl.h>

int luaopen_keyupdate(lua_State *L);

static int l_ask(lua_State *L)
{
	SSL *ssl = *(SSL **)lua_touserdata(L, 1); /* what struct connection begins with */

	lua_pushboolean(L, SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) == 1 &&
				   SSL_do_handshake(ssl) == 1);
	return 1;
}

int luaopen_keyupdate(lua_State *L)
{
	lua_newtable(L);
	lua_pushcfunction(L, l_ask);
	lua_setfield(L, -2, "ask");
	return 1;
}

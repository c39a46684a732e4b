/* SPDX-License-Identifier: MIT */
/* What addr_split finds wrong is said with the contract's words. */
#include "lua/modules/socket/address.h"

#include <string.h>

#include "core/base/addrtext.h"

int check_address(lua_State *L, const char *addr, int arg)
{
	bool alone = lua_isnoneornil(L, arg);
	lua_Integer port = alone ? -1 : luaL_checkinteger(L, arg);
	struct addr_text t;
	const char *why;

	if (!alone && (port < 0 || port > 65535))
		return luaL_error(L, "Invalid port");
	why = addr_split(addr, (int)port, &t);
	if (why && strcmp(why, "invalid port") == 0)
		return luaL_error(L, "Invalid port in address %s.", addr);
	if (why)
		return luaL_error(L, "Invalid address %s.", addr);
	return (int)port;
}

/* SPDX-License-Identifier: MIT */
/* UDP sockets for Lua services: see udp_lua.h; sending is in sending.c. */
#include "lua/modules/socket/udp_lua.h"

#include "core/actor/service.h"
#include "lua/host/host.h"
#include "lua/modules/socket/address.h"
#include "net/addr.h"
#include "net/udp.h"
#include "net/udpaddr.h"

static uint32_t self(lua_State *L)
{
	return service_handle(host_service(L));
}

/* Pushes the id, or raises. */
static int opened(lua_State *L, int id, const char *what, const struct net_error *error)
{
	if (id < 0)
		return luaL_error(L, "%s (%s)", what, error->text);
	lua_pushinteger(L, id);
	return 1;
}

/* udp([address [, port]]) -> id */
static int l_udp(lua_State *L)
{
	const char *addr = luaL_optstring(L, 1, NULL);
	int port = addr || !lua_isnoneornil(L, 2) ? check_address(L, addr ? addr : "", 2) : 0;
	struct net_error error;

	return opened(L, net_udp(self(L), addr, port, &error), "udp init failed", &error);
}

/* udp_listen(address [, port]) -> id */
static int l_udp_listen(lua_State *L)
{
	const char *addr = luaL_checkstring(L, 1);
	int port = check_address(L, addr, 2);
	struct net_error error;
	struct addr_text t;

	if (addr_split(addr, port, &t) == NULL && t.port == 0)
		return luaL_error(L, "udp listen host failed (%s: no port is given)", addr);
	return opened(L, net_udp(self(L), addr, port, &error), "udp listen host failed", &error);
}

/* udp_dial(address [, port]) -> id */
static int l_udp_dial(lua_State *L)
{
	const char *addr = luaL_checkstring(L, 1);
	int port = check_address(L, addr, 2);
	struct net_error error;

	return opened(L, net_udp_dial(self(L), addr, port, &error), "udp dial host failed", &error);
}

/* udp_connect(id, address [, port]) */
static int l_udp_connect(lua_State *L)
{
	int id = (int)luaL_checkinteger(L, 1);
	const char *addr = luaL_checkstring(L, 2);
	int port = check_address(L, addr, 3);
	struct net_error error;

	if (net_udp_connect(id, addr, port, &error) < 0)
		return luaL_error(L, "udp connect failed (%s)", error.text);
	return 0;
}

/* udp_address(address) -> ip, port */
static int l_udp_address(lua_State *L)
{
	size_t size;
	const char *address = luaL_checklstring(L, 1, &size);
	char text[ADDR_TEXT_MAX];
	struct addr a;

	if (!udpaddr_read(address, size, &a))
		return luaL_error(L, "Invalid udp address");
	lua_pushstring(L, addr_format_ip(&a, text, sizeof(text)));
	lua_pushinteger(L, addr_port(&a));
	return 2;
}

const luaL_Reg udp_functions[] = {
	{ "udp", l_udp },
	{ "udp_listen", l_udp_listen },
	{ "udp_dial", l_udp_dial },
	{ "udp_connect", l_udp_connect },
	{ "udp_address", l_udp_address },
	{ NULL, NULL },
};

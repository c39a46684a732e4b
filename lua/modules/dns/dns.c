/* SPDX-License-Identifier: MIT */
/*
 * skynet.dns.core: a look-up (lookup.h) as an object of Lua. What it wants of sockets is done by
 * skynet.dns.
 */
#include <arpa/inet.h>
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "lua/modules/dns/lookup.h"
#include "net/udpaddr.h"

#define META "skynet.dns.lookup"

int luaopen_skynet_dns_core(lua_State *L);

static struct lookup *lookup_at(lua_State *L)
{
	struct lookup **l = luaL_checkudata(L, 1, META);

	luaL_argcheck(L, *l, 1, "the look-up was given up");
	return *l;
}

/* lookup(servers, name, ipv6, timeout_ms, tries) -> object, or nil and why */
static int l_lookup(lua_State *L)
{
	const char *servers = luaL_checkstring(L, 1), *name = luaL_checkstring(L, 2), *why;
	int family = lua_toboolean(L, 3) ? AF_INET6 : AF_INET;
	int timeout_ms = (int)luaL_checkinteger(L, 4), tries = (int)luaL_checkinteger(L, 5);
	struct lookup **l;

	luaL_argcheck(L, timeout_ms > 0 && timeout_ms <= 60000, 4, "out of range");
	luaL_argcheck(L, tries > 0 && tries <= 16, 5, "out of range");
	l = lua_newuserdatauv(L, sizeof(*l), 0);
	*l = NULL;
	luaL_setmetatable(L, META);
	*l = lookup_start(servers, name, family, timeout_ms, tries, &why);
	if (*l)
		return 1;
	lua_pushnil(L);
	lua_pushstring(L, why);
	return 2;
}

/* close(): it is given up. */
static int l_close(lua_State *L)
{
	struct lookup **l = luaL_checkudata(L, 1, META);

	if (*l)
		lookup_destroy(steal(*l));
	return 0;
}

static void push_address(lua_State *L, const struct sockaddr_in6 *to)
{
	const struct sockaddr_in *in = (const void *)to;
	char ip[INET6_ADDRSTRLEN] = "";
	bool v4 = to->sin6_family == AF_INET;

	inet_ntop(to->sin6_family, v4 ? (const void *)&in->sin_addr : &to->sin6_addr, ip,
		  sizeof(ip));
	lua_pushstring(L, ip);
	lua_pushinteger(L, ntohs(v4 ? in->sin_port : to->sin6_port));
}

/* action() -> "udp" or "tcp", socket, ip, port; "send", socket, bytes; "close", socket; or nil */
static int l_action(lua_State *L)
{
	static const char *const names[] = { [LOOKUP_UDP] = "udp",
					     [LOOKUP_TCP] = "tcp",
					     [LOOKUP_SEND] = "send",
					     [LOOKUP_CLOSE] = "close" };
	struct lookup *l = lookup_at(L);
	const struct lookup_action *a = lookup_action(l);
	int n = 2;

	if (!a)
		return 0;
	lua_pushstring(L, names[a->what]);
	lua_pushinteger(L, a->socket);
	if (a->what == LOOKUP_SEND) {
		lua_pushlstring(L, a->bytes, a->size);
		n = 3;
	} else if (a->what != LOOKUP_CLOSE) {
		push_address(L, &a->to);
		n = 4;
	}
	lookup_acted(l);
	return n;
}

/* received(socket, bytes [, address of the sender of a datagram]) */
static int l_received(lua_State *L)
{
	size_t size, from_size;
	const char *bytes = luaL_checklstring(L, 3, &size);
	const char *address = luaL_optlstring(L, 4, NULL, &from_size);
	struct addr from;

	if (address && !udpaddr_read(address, from_size, &from))
		return luaL_argerror(L, 4, "Invalid udp address");
	lookup_received(lookup_at(L), (int)luaL_checkinteger(L, 2), address ? &from.any : NULL,
			bytes, size);
	return 0;
}

/* broken(socket) */
static int l_broken(lua_State *L)
{
	lookup_broken(lookup_at(L), (int)luaL_checkinteger(L, 2));
	return 0;
}

/* process() -> milliseconds until it must be called again, or nil: it is finished */
static int l_process(lua_State *L)
{
	struct lookup *l = lookup_at(L);
	long ms;

	lookup_process(l);
	ms = lookup_timeout_ms(l);
	if (ms < 0)
		return 0;
	lua_pushinteger(L, ms);
	return 1;
}

/* The contract's form: groups of hexadecimal digits, none left out. */
static void push_ip(lua_State *L, const struct in6_addr *ip, bool v6)
{
	char text[INET6_ADDRSTRLEN];
	const uint8_t *b = ip->s6_addr;
	size_t n = 0;

	if (v6)
		for (int i = 0; i < 16; i += 2)
			n += (size_t)snprintf(text + n, sizeof(text) - n, i ? ":%x" : "%x",
					      b[i] << 8 | b[i + 1]);
	else
		snprintf(text, sizeof(text), "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
	lua_pushstring(L, text);
}

/* answer(ipv6) -> array of addresses, seconds that they hold; or nil, why, whether the name is none
 */
static int l_answer(lua_State *L)
{
	struct lookup *l = lookup_at(L);
	const char *why;
	const struct lookup_answer *a = lookup_finished(l, &why);

	if (!a || why) {
		lua_pushnil(L);
		lua_pushstring(L, why);
		lua_pushboolean(L, lookup_bad_name(l));
		return 3;
	}
	lua_createtable(L, (int)a->count, 0);
	for (unsigned i = 0; i < a->count; i++) {
		push_ip(L, &a->at[i], lua_toboolean(L, 2));
		lua_rawseti(L, -2, i + 1);
	}
	lua_pushinteger(L, a->ttl);
	return 2;
}

int luaopen_skynet_dns_core(lua_State *L)
{
	static const luaL_Reg methods[] = { { "action", l_action }, { "received", l_received },
					    { "broken", l_broken }, { "process", l_process },
					    { "answer", l_answer }, { "close", l_close },
					    { "__gc", l_close },    { NULL, NULL } };
	static const luaL_Reg functions[] = { { "lookup", l_lookup }, { NULL, NULL } };

	if (luaL_newmetatable(L, META)) {
		luaL_setfuncs(L, methods, 0);
		lua_pushvalue(L, -1);
		lua_setfield(L, -2, "__index");
	}
	luaL_newlib(L, functions);
	return 1;
}

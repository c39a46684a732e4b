/* SPDX-License-Identifier: MIT */
/* tcpoption.nodelay(port, peer_port) -> true or false: TCP_NODELAY of the connection of this
 * process with that local port and that port of the peer; nil: there is none. */
#include <arpa/inet.h>
#include <lauxlib.h>
#include <lua.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define DESCRIPTORS 4096

int luaopen_tcpoption(lua_State *L);

static int port_of(int (*name)(int, struct sockaddr *, socklen_t *), int fd)
{
	struct sockaddr_in a = { 0 };
	socklen_t size = sizeof(a);

	return name(fd, (struct sockaddr *)&a, &size) == 0 ? ntohs(a.sin_port) : -1;
}

static int own_name(int fd, struct sockaddr *a, socklen_t *size)
{
	return getsockname(fd, a, size);
}

static int peer_name(int fd, struct sockaddr *a, socklen_t *size)
{
	return getpeername(fd, a, size);
}

static int l_nodelay(lua_State *L)
{
	int port = (int)luaL_checkinteger(L, 1), peer = (int)luaL_checkinteger(L, 2);
	int value = 0;
	socklen_t size = sizeof(value);

	for (int fd = 0; fd < DESCRIPTORS; fd++) {
		if (port_of(own_name, fd) != port || port_of(peer_name, fd) != peer)
			continue;
		if (getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &size) < 0)
			return luaL_error(L, "getsockopt failed");
		lua_pushboolean(L, value);
		return 1;
	}
	return 0;
}

int luaopen_tcpoption(lua_State *L)
{
	lua_newtable(L);
	lua_pushcfunction(L, l_nodelay);
	lua_setfield(L, -2, "nodelay");
	return 1;
}

/* SPDX-License-Identifier: MIT */
/* client.socket: blocking sockets for test clients, in a plain Lua 5.4 or a service.
 *
 * It uses nothing of the node. Sends wait in poll(), so a slow peer costs no processor time;
 * SIGPIPE never comes. An end of stdin is told by readstdin, not by ending the process.
 *
 * Threads: each function runs on its caller's. One thread of ours reads stdin (client_stdin.c).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <lauxlib.h>

#include "lua/modules/client/client_stdin.h"

#define RECEIVE_MAX 4096u

static int raise_errno(lua_State *L, int code)
{
	return luaL_error(L, "socket error: %s", strerror(code));
}

/* Waits for the events, however long. Returns an error number, or 0. */
static int wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	while (poll(&p, 1, -1) < 0)
		if (errno != EINTR)
			return errno;
	return 0;
}

/* Ends a connect that a signal interrupted: the kernel goes on with it. */
static int finish_connect(int fd)
{
	int code = wait_for(fd, POLLOUT);
	socklen_t n = sizeof(code);

	if (code == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &n) < 0)
		code = errno;
	return code;
}

/* Returns an error number, or 0. */
static int open_to(const struct sockaddr_in *to, int *ret_fd)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), code = 0;

	if (fd < 0)
		return errno;
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0)
		code = errno == EINTR ? finish_connect(fd) : errno;
	if (code == 0 && fcntl(fd, F_SETFL, fcntl(fd, F_GETFL, 0) | O_NONBLOCK) < 0)
		code = errno;
	if (code)
		close(fd);
	else
		*ret_fd = fd;
	return code;
}

/* connect(ipv4, port): the descriptor; waits until it is connected. */
static int client_connect(lua_State *L)
{
	const char *ip = luaL_checkstring(L, 1);
	lua_Integer port = luaL_checkinteger(L, 2);
	struct sockaddr_in to = { .sin_family = AF_INET };
	int fd = -1;

	luaL_argcheck(L, port > 0 && port < 65536, 2, "a port is 1 to 65535");
	to.sin_port = htons((uint16_t)port);
	if (inet_pton(AF_INET, ip, &to.sin_addr) != 1 || open_to(&to, &fd) != 0)
		return luaL_error(L, "Connect %s %d failed", ip, (int)port);
	lua_pushinteger(L, fd);
	return 1;
}

static int check_fd(lua_State *L)
{
	lua_Integer fd = luaL_checkinteger(L, 1);

	luaL_argcheck(L, fd >= 0 && fd <= INT32_MAX, 1, "no descriptor");
	return (int)fd;
}

/* recv(fd): at most 4096 bytes; "": the peer has closed; nothing: there is nothing yet. */
static int client_recv(lua_State *L)
{
	int fd = check_fd(L);
	char bytes[RECEIVE_MAX];
	ssize_t n;

	do {
		n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : raise_errno(L, errno);
	lua_pushlstring(L, bytes, (size_t)n);
	return 1;
}

/* send(fd, text): waits until the kernel has taken all of it. */
static int client_send(lua_State *L)
{
	int fd = check_fd(L), code;
	size_t size;
	const char *text = luaL_checklstring(L, 2, &size);

	while (size > 0) {
		ssize_t n = send(fd, text, size, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0) {
			text += n;
			size -= (size_t)n;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			code = wait_for(fd, POLLOUT);
			if (code)
				return raise_errno(L, code);
		} else if (errno != EINTR) {
			return raise_errno(L, errno);
		}
	}
	return 0;
}

/* The directions that a mode names, or raises. */
static int how_of(lua_State *L, const char *mode)
{
	bool reads = false, writes = false;

	for (const char *c = mode; *c; c++) {
		if (*c == 'r')
			reads = true;
		else if (*c == 'w')
			writes = true;
		else
			return luaL_error(L, "Invalid mode %c", *c);
	}
	if (reads && writes)
		return SHUT_RDWR;
	if (!reads && !writes)
		return luaL_error(L, "mode should be r or/and w");
	return reads ? SHUT_RD : SHUT_WR;
}

/* shutdown(fd, mode): ends what "r" and "w" name. A peer that has gone already is no error. */
static int client_shutdown(lua_State *L)
{
	int fd = check_fd(L);

	shutdown(fd, how_of(L, luaL_checkstring(L, 2)));
	return 0;
}

static int client_close(lua_State *L)
{
	close(check_fd(L));
	return 0;
}

/* usleep(microseconds) */
static int client_usleep(lua_State *L)
{
	lua_Integer us = luaL_checkinteger(L, 1);
	struct timespec t = { .tv_sec = us > 0 ? us / 1000000 : 0,
			      .tv_nsec = us > 0 ? us % 1000000 * 1000 : 0 };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
	return 0;
}

/* readstdin(): the next line without its end, or nothing; nothing and "eof" behind the last one. */
static int client_readstdin(lua_State *L)
{
	char line[CLIENT_LINE_MAX];
	size_t size;

	switch (client_stdin_take(line, &size)) {
	case CLIENT_LINE:
		lua_pushlstring(L, line, size);
		return 1;
	case CLIENT_END:
		lua_pushnil(L);
		lua_pushliteral(L, "eof");
		return 2;
	default:
		return 0;
	}
}

int luaopen_client_socket(lua_State *L);
int luaopen_client_socket(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "connect", client_connect },	   { "recv", client_recv },
		{ "send", client_send },	   { "shutdown", client_shutdown },
		{ "close", client_close },	   { "usleep", client_usleep },
		{ "readstdin", client_readstdin }, { NULL, NULL },
	};

	luaL_newlib(L, functions);
	return 1;
}

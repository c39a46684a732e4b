/* SPDX-License-Identifier: MIT */
/*
 * skynet.socketdriver: the socket server as Lua services see it. Nothing here
 * waits; what comes of it arrives as messages, which `unpack` takes apart. The buffer functions are
 * in sockbuf_lua.c, those that send in sending.c. All functions are light ones; a service without
 * sockets pays nothing.
 */
#include "lua/modules/socket/socketdriver.h"

#include <netdb.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/mem.h"
#include "core/actor/msg.h"
#include "core/actor/service.h"
#include "lua/host/block.h"
#include "lua/modules/socket/address.h"
#include "lua/modules/socket/inbox.h"
#include "lua/modules/socket/sending.h"
#include "lua/modules/socket/sockbuf_lua.h"
#include "lua/modules/socket/udp_lua.h"
#include "net/addr.h"
#include "net/connect.h"
#include "net/handover.h"
#include "net/info.h"
#include "net/limits.h"
#include "net/listen.h"
#include "net/net.h"
#include "net/pressure.h"
#include "net/proxy.h"
#include "net/request.h"
#include "net/resolve.h"
#include "net/udpaddr.h"
#include "net/write.h"

/* What a listener keeps for somebody who is away for a second, as a node that restarts is: whoever
 * finds no room tries again a second later. The kernel's own limit is net.core.somaxconn. */
#define BACKLOG 4096

static uint32_t self(lua_State *L)
{
	return service_handle(host_service(L));
}

static int id_at(lua_State *L, int arg)
{
	return (int)luaL_checkinteger(L, arg);
}

/* ---- messages ---- */

/* Pushes type, id and number of the message at 1, whose size is at 2, and copies its head. */
static const char *push_head(lua_State *L, struct socket_message *ret)
{
	const char *data = lua_touserdata(L, 1);
	lua_Integer size = luaL_checkinteger(L, 2);

	if (!data || size < (lua_Integer)sizeof(*ret))
		luaL_error(L, "Invalid socket message");
	memcpy(ret, data, sizeof(*ret));
	lua_pushinteger(L, ret->type);
	lua_pushinteger(L, ret->id);
	lua_pushinteger(L, ret->ud);
	if (!ret->buffer)
		lua_pushlstring(L, data + sizeof(*ret), (size_t)size - sizeof(*ret));
	return ret->buffer;
}

/* unpack(message, size) -> type, id, ud, block or text [, address of a datagram] */
static int l_unpack(lua_State *L)
{
	struct socket_message m;
	const char *block = push_head(L, &m);

	if (block)
		lua_pushlightuserdata(L, m.buffer);
	if (!block || m.type != SOCKET_UDP)
		return 4;
	lua_pushlstring(L, block + m.ud, udpaddr_size(block[m.ud]));
	return 5;
}

/* receive(message, size): unpack for who passes the block on at once to a function of ours (push,
 * feed, drop): then it is not lost when memory ends on the way. A datagram comes as a string. */
static int l_receive(lua_State *L)
{
	struct socket_message m, *own = lua_touserdata(L, 1);
	const char *block = push_head(L, &m);

	if (!block)
		return 4;
	if (m.type == SOCKET_UDP) {
		lua_pushlstring(L, block, (size_t)m.ud);
		lua_pushlstring(L, block + m.ud, udpaddr_size(block[m.ud]));
		own->buffer = NULL;
		payload_free(m.buffer);
		return 5;
	}
	lua_pushlightuserdata(L, m.buffer);
	block_hold(L, m.buffer);
	own->buffer = NULL; /* from here on it is held, and not the message's */
	return 4;
}

/* ---- control ---- */

/* connect(address [, port]) -> id, -1 when there is no room for one more */
static int l_connect(lua_State *L)
{
	const char *addr = luaL_checkstring(L, 1);
	int port = check_address(L, addr, 2);
	struct addr_text t;

	addr_split(addr, port, &t);
	if (!t.is_unix && t.port == 0)
		return luaL_error(L, "Invalid port");
	lua_pushinteger(L, net_connect(self(L), addr, port));
	return 1;
}

/* listen(address [, port [, backlog [, "reuseport"]]]) -> id */
static int l_listen(lua_State *L)
{
	static const char *const manners[] = { "alone", "reuseport", NULL };
	const char *addr = luaL_checkstring(L, 1);
	/* "systemd:NAME" is no address: net/inherit.h */
	int port = strncmp(addr, "systemd:", 8) == 0 ? -1 : check_address(L, addr, 2);
	int backlog = (int)luaL_optinteger(L, 3, BACKLOG);
	bool shared = luaL_checkoption(L, 4, manners[0], manners) == 1;
	struct net_error error;
	int id = (shared ? net_listen_shared : net_listen)(self(L), addr, port, backlog, &error);

	if (id < 0)
		return luaL_error(L, "Listen error (%s)", error.text);
	lua_pushinteger(L, id);
	return 1;
}

static int l_bind(lua_State *L)
{
	lua_pushinteger(L, net_bind(self(L), (int)luaL_checkinteger(L, 1)));
	return 1;
}

static int l_start(lua_State *L)
{
	net_start(self(L), id_at(L, 1));
	return 0;
}

static int l_pause(lua_State *L)
{
	net_pause(self(L), id_at(L, 1));
	return 0;
}

static int l_close(lua_State *L)
{
	int id = id_at(L, 1);

	if (lua_toboolean(L, 2))
		net_close_speaking(id);
	else
		net_close(id);
	return 0;
}

static int l_shutdown(lua_State *L)
{
	net_shutdown(id_at(L, 1));
	return 0;
}

static int l_nodelay(lua_State *L)
{
	net_nodelay(id_at(L, 1));
	return 0;
}

/* ---- bounds ---- */

static const char *const policy_names[] = { "close", "error", NULL };

/* writelimit(id [, bytes [, policy]]) -> bytes, policy, or false: no such socket. bytes nil = as it
 * is, 0 = the node's. */
static int l_writelimit(lua_State *L)
{
	int id = id_at(L, 1);
	enum net_policy policy, wanted = NET_POLICY_KEEP;
	lua_Integer bytes = luaL_optinteger(L, 2, 0);
	uint64_t limit;

	luaL_argcheck(L, bytes >= 0, 2, "must not be negative");
	if (!lua_isnoneornil(L, 3))
		wanted = (enum net_policy)luaL_checkoption(L, 3, NULL, policy_names);
	if (net_bound(id, &limit, &policy) && !lua_isnone(L, 2))
		net_set_bound(id, lua_isnil(L, 2) ? limit : (uint64_t)bytes, wanted);
	if (!net_bound(id, &limit, &policy)) {
		lua_pushboolean(L, 0);
		return 1;
	}
	lua_pushinteger(L, (lua_Integer)limit);
	lua_pushstring(L, policy_names[policy]);
	return 2;
}

/* queued(id) -> the bytes that the kernel has not taken yet; 0: no such socket. */
static int l_queued(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)net_queued(id_at(L, 1)));
	return 1;
}

/* Replaces the table at `arg` by its texts with blanks between them. */
static void concat_addresses(lua_State *L, int arg)
{
	luaL_Buffer text;

	luaL_buffinit(L, &text);
	for (lua_Integer i = 1; lua_rawgeti(L, arg, i) != LUA_TNIL; i++) {
		luaL_argcheck(L, lua_isstring(L, -1), arg, "texts expected");
		luaL_addvalue(&text);
		luaL_addchar(&text, ' ');
	}
	lua_pop(L, 1);
	luaL_pushresult(&text);
	lua_replace(L, arg);
}

/* proxy(id [, addresses]): what this listener accepts later begins with a header of the PROXY
 * protocol, from proxies of these addresses; nil or "": it has none. */
static int l_proxy(lua_State *L)
{
	const char *why;

	if (lua_istable(L, 2)) {
		luaL_argcheck(L, lua_rawlen(L, 2) > 0, 2, "no address is in it");
		concat_addresses(L, 2);
	}
	why = net_set_proxy(id_at(L, 1), luaL_optstring(L, 2, NULL));
	if (why)
		return luaL_error(L, "bad addresses of proxies: %s", why);
	lua_pushboolean(L, 1);
	return 1;
}

/* ---- back pressure: net/pressure.h ---- */

/* window(id [, bytes]) -> whether there is such a socket: so many bytes of what it says may wait
 * for who they are passed on to; 0: any number, nil: as configured. */
static int l_window(lua_State *L)
{
	lua_Integer bytes = luaL_optinteger(L, 2, NET_WINDOW_NODE);

	luaL_argcheck(L, bytes >= 0 && (bytes <= NET_WINDOW_MAX || bytes == NET_WINDOW_NODE), 2,
		      "0 to 1 GiB expected");
	lua_pushboolean(L, net_set_window(id_at(L, 1), (uint32_t)bytes));
	return 1;
}

/* pass(id, size) -> true: when what is passed on now has been served, passed(id) shall be
 * called. */
static int l_pass(lua_State *L)
{
	lua_Integer size = luaL_checkinteger(L, 2);

	luaL_argcheck(L, size >= 0, 2, "must not be negative");
	lua_pushboolean(L, net_pass_on(self(L), id_at(L, 1), (uint64_t)size));
	return 1;
}

static int l_passed(lua_State *L)
{
	net_passed(id_at(L, 1));
	return 0;
}

/* hold(id, boolean): the socket is not read until hold(id, false). Nothing is told. */
static int l_hold(lua_State *L)
{
	luaL_checktype(L, 2, LUA_TBOOLEAN);
	net_hold(self(L), id_at(L, 1), lua_toboolean(L, 2));
	return 0;
}

/* ---- hand-over: net/handover.h ---- */

/* keep(id, listener, data) -> whether the connection, with these bytes, goes to the next life of
 * this process when it is asked to stop. */
static int l_keep(lua_State *L)
{
	size_t size;
	const char *data = luaL_checklstring(L, 3, &size);

	lua_pushboolean(L, net_keep(id_at(L, 1), id_at(L, 2), data, size));
	return 1;
}

struct resumed {
	struct net_resumed *items;
	size_t count;
};

/* Pushes { { id, from, data } ... } for the struct resumed at 1. */
static int push_resumed(lua_State *L)
{
	const struct resumed *r = lua_touserdata(L, 1);

	lua_createtable(L, (int)r->count, 0);
	for (size_t i = 0; i < r->count; i++) {
		lua_createtable(L, 3, 0);
		lua_pushinteger(L, r->items[i].id);
		lua_rawseti(L, -2, 1);
		lua_pushstring(L, r->items[i].from);
		lua_rawseti(L, -2, 2);
		lua_pushlstring(L, r->items[i].data, r->items[i].size);
		lua_rawseti(L, -2, 3);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}

/* resume(listener) -> { { id, from, data } ... }: the connections that it accepted in the last
 * life. */
static int l_resume(lua_State *L)
{
	struct resumed r = { 0 };
	int status;

	r.count = net_resume(id_at(L, 1), &r.items);
	lua_pushcfunction(L, push_resumed);
	lua_pushlightuserdata(L, &r);
	status = lua_pcall(L, 1, 1, 0);
	for (size_t i = 0; i < r.count; i++) {
		if (status != LUA_OK)
			net_shutdown(r.items[i].id);
		mem_free(r.items[i].data);
	}
	mem_free(r.items);
	return status == LUA_OK ? 1 : lua_error(L);
}

/* ---- looking ---- */

static const char *const type_names[] = {
	[NET_INFO_UNKNOWN] = "UNKNOWN", [NET_INFO_LISTEN] = "LISTEN",
	[NET_INFO_TCP] = "TCP",		[NET_INFO_UDP] = "UDP",
	[NET_INFO_BIND] = "BIND",	[NET_INFO_CLOSING] = "CLOSING",
};

static void set_integer(lua_State *L, const char *key, uint64_t v)
{
	lua_pushinteger(L, (lua_Integer)v);
	lua_setfield(L, -2, key);
}

static void set_string(lua_State *L, const char *key, const char *v)
{
	lua_pushstring(L, v);
	lua_setfield(L, -2, key);
}

static void set_boolean(lua_State *L, const char *key, bool v)
{
	lua_pushboolean(L, v);
	lua_setfield(L, -2, key);
}

static void add_udp_info(lua_State *L, const struct net_info *i)
{
	set_string(L, "sock", i->own);
	set_integer(L, "wdropped", i->dropped_out);
	set_integer(L, "rdropped", i->dropped_in);
}

static void add_info(const struct net_info *i, void *ud)
{
	lua_State *L = ud;

	lua_createtable(L, 0, 19);
	set_integer(L, "id", (uint64_t)i->id);
	set_integer(L, "address", i->owner);
	set_string(L, "type", type_names[i->type]);
	set_integer(L, "rtime", i->rtime_cs);
	if (i->type == NET_INFO_LISTEN) {
		set_integer(L, "accept", i->read);
		set_string(L, "sock", i->address);
	} else {
		set_integer(L, "read", i->read);
		set_integer(L, "write", i->write);
		set_integer(L, "wbuffer", i->queued);
		set_integer(L, "wlimit", i->limit);
		set_integer(L, "wrefused", i->refused);
		set_string(L, "wpolicy", policy_names[i->policy]);
		set_integer(L, "wtime", i->wtime_cs);
		set_boolean(L, "reading", i->reading);
		set_boolean(L, "waiting", i->waiting);
		set_boolean(L, "writing", i->writing);
		if (i->address[0])
			set_string(L, "peer", i->address);
		if (i->own[0])
			add_udp_info(L, i);
	}
	lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

/* info() -> array */
static int l_info(lua_State *L)
{
	lua_newtable(L);
	luaL_checkstack(L, 8, NULL);
	net_foreach(add_info, L); /* it may be left by an error (info.c) */
	return 1;
}

/* The resolver's list must be freed, so its callback may not raise: the texts are collected first.
 */
struct ip_list {
	char (*text)[ADDR_TEXT_MAX];
	size_t count, room;
};

static void add_ip(const char *ip, void *ud)
{
	struct ip_list *l = ud;

	if (l->count < l->room)
		strncat(strcpy(l->text[l->count++], ""), ip, ADDR_TEXT_MAX - 1);
}

#define RESOLVE_MAX 128

/* resolve(host) -> array of texts. Blocks this worker. */
static int l_resolve(lua_State *L)
{
	const char *host = luaL_checkstring(L, 1);
	struct ip_list l = { .text = lua_newuserdatauv(L, RESOLVE_MAX * sizeof(*l.text), 0),
			     .room = RESOLVE_MAX };
	int r = net_resolve(host, add_ip, &l);

	if (r != 0)
		return luaL_error(L, "%s", gai_strerror(r));
	lua_createtable(L, (int)l.count, 0);
	for (size_t i = 0; i < l.count; i++) {
		lua_pushstring(L, l.text[i]);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}

static const luaL_Reg driver_functions[] = {
	{ "unpack", l_unpack },
	{ "receive", l_receive },
	{ "connect", l_connect },
	{ "listen", l_listen },
	{ "bind", l_bind },
	{ "start", l_start },
	{ "pause", l_pause },
	{ "close", l_close },
	{ "shutdown", l_shutdown },
	{ "nodelay", l_nodelay },
	{ "info", l_info },
	{ "resolve", l_resolve },
	{ "writelimit", l_writelimit },
	{ "queued", l_queued },
	{ "proxy", l_proxy },
	{ "window", l_window },
	{ "pass", l_pass },
	{ "passed", l_passed },
	{ "hold", l_hold },
	{ "keep", l_keep },
	{ "resume", l_resume },
	{ NULL, NULL },
};

void socketdriver_init(void)
{
	block_set_unpack(l_receive);
	block_set_deliver(inbox_deliver);
}

int luaopen_skynet_socketdriver(lua_State *L)
{
	host_service(L); /* raises outside a service */
	lua_createtable(L, 0, 49);
	luaL_setfuncs(L, driver_functions, 0);
	luaL_setfuncs(L, sending_functions, 0);
	luaL_setfuncs(L, udp_functions, 0);
	luaL_setfuncs(L, sockbuf_functions, 0);
	luaL_setfuncs(L, inbox_functions, 0);
	return 1;
}

/* SPDX-License-Identifier: MIT */
/* skynet.kcp.core: the pool of a service for skynet.kcp, which brings the datagrams, waits and
 * wakes. What is to be sent goes to the UDP sockets from here.
 *
 * Threads: that of the service. */
#include "lua/modules/kcp/kcp_core.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/ds/ring.h"
#include "lua/modules/kcp/kcp_options.h"
#include "lua/modules/kcp/kcp_pool.h"
#include "net/addr.h"
#include "net/info.h"
#include "net/udp.h"
#include "net/udpaddr.h"

#define META "harbord.kcp.pool"

struct box {
	struct kcp_pool *pool;
	RING_OF(int) released;
};

static uint64_t now_ms(void)
{
	return clock_mono_ns() / NS_PER_MS;
}

static struct box *check_box(lua_State *L)
{
	struct box *b = luaL_checkudata(L, 1, META);

	if (!b->pool)
		luaL_error(L, "kcp: the service ends");
	return b;
}

static struct kcp_pool *check_pool(lua_State *L)
{
	return check_box(L)->pool;
}

/* NULL: there is none of this id. */
static struct kcp_session *session_at(lua_State *L, int arg)
{
	lua_Integer id = luaL_checkinteger(L, arg);

	return id > 0 && id <= INT32_MAX ? kcp_session_find(check_pool(L), (uint32_t)id) : NULL;
}

static struct kcp_session *check_session(lua_State *L, int arg)
{
	struct kcp_session *s = session_at(L, arg);

	if (!s)
		luaL_error(L, "kcp: there is no session %I", (LUAI_UACINT)lua_tointeger(L, arg));
	return s;
}

/* ---- the pool's hands ---- */

static void on_send(void *ud, int socket, const struct kcp_address *to, const uint8_t *p, size_t n)
{
	struct iovec v = { (void *)p, n };

	/* one that is not taken is a lost one */
	net_udp_send(socket, to->size ? to->bytes : NULL, to->size, &v, 1);
}

static void on_release(void *ud, int socket)
{
	struct box *b = ud;

	ring_push(&b->released, 8, socket);
}

static int l_pool_gc(lua_State *L)
{
	struct box *b = luaL_checkudata(L, 1, META);
	struct kcp_pool *p = steal(b->pool);

	if (p)
		kcp_pool_free(p);
	ring_fini(&b->released);
	memset(b, 0, sizeof(*b));
	return 0;
}

/* pool() */
static int l_pool(lua_State *L)
{
	struct box *b = lua_newuserdatauv(L, sizeof(*b), 0);
	struct kcp_hooks hooks = { .send = on_send, .release = on_release, .ud = b };
	uint8_t secret[SIPHASH_KEY];

	memset(b, 0, sizeof(*b));
	luaL_setmetatable(L, META);
	if (getrandom(secret, sizeof(secret), 0) != (ssize_t)sizeof(secret))
		return luaL_error(L, "kcp: no random bytes");
	b->pool = kcp_pool_new(&hooks, secret, now_ms());
	return 1;
}

/* ---- ports ---- */

/* The options at `arg`, and of a connect the conv and the token behind them. */
static void check_rules(lua_State *L, int arg, struct kcp_rules *ret)
{
	lua_Integer conv = luaL_optinteger(L, arg + 1, 0);
	size_t n;

	luaL_optlstring(L, arg + 2, "", &n);
	if (conv < 0 || conv > UINT32_MAX)
		luaL_error(L, "kcp: option conv must be 1 to 4294967295");
	if (n > MEET_TOKEN_MAX)
		luaL_error(L, "kcp: option token must be 512 bytes at most");
	kcp_rules_default(ret);
	kcp_options(L, arg, false, ret);
}

/* check(options [, conv [, token]]): raises if they are wrong, before a socket is opened. */
static int l_check(lua_State *L)
{
	struct kcp_rules r;

	check_rules(L, 1, &r);
	return 0;
}

/* A socket that the pool does not have yet. */
static int check_new(lua_State *L, int arg)
{
	int socket = (int)luaL_checkinteger(L, arg);

	if (kcp_pool_port(check_pool(L), socket))
		luaL_error(L, "kcp: the pool has socket %d already", socket);
	return socket;
}

/* listen(pool, socket [, options]) */
static int l_listen(lua_State *L)
{
	struct kcp_pool *p = check_pool(L);
	int socket = check_new(L, 2);
	struct kcp_rules r;

	check_rules(L, 3, &r);
	kcp_pool_listen(p, socket, &r);
	return 0;
}

/* expect(pool, socket, conv) -> whether it is expected now */
static int l_expect(lua_State *L)
{
	struct kcp_pool *p = check_pool(L);
	int socket = (int)luaL_checkinteger(L, 2);
	lua_Integer conv = luaL_checkinteger(L, 3);

	luaL_argcheck(L, conv > 0 && conv <= UINT32_MAX, 3, "1 to 4294967295 expected");
	lua_pushboolean(L, kcp_pool_expect(p, socket, (uint32_t)conv, now_ms()));
	return 1;
}

/* unlisten(pool, socket) -> true, or false: that is no listener */
static int l_unlisten(lua_State *L)
{
	lua_pushboolean(L,
			kcp_pool_unlisten(check_pool(L), (int)luaL_checkinteger(L, 2), now_ms()));
	return 1;
}

/* connect(pool, socket, options or nil, conv or 0, token) -> id */
static int l_connect(lua_State *L)
{
	struct kcp_pool *p = check_pool(L);
	int socket = check_new(L, 2);
	lua_Integer conv = luaL_checkinteger(L, 4);
	struct kcp_rules r;
	size_t n;
	const char *token = luaL_checklstring(L, 5, &n);

	check_rules(L, 3, &r);
	lua_pushinteger(L, kcp_pool_connect(p, socket, &r, (uint32_t)conv, token, n, now_ms()));
	return 1;
}

/* local_address(socket) -> ip, port */
static int l_local_address(lua_State *L)
{
	char text[ADDR_TEXT_MAX];
	const char *colon;

	if (!net_local_address((int)luaL_checkinteger(L, 1), text, sizeof(text)))
		return 0;
	colon = strrchr(text, ':');
	if (!colon)
		return 0;
	lua_pushlstring(L, text, (size_t)(colon - text));
	lua_pushinteger(L, strtol(colon + 1, NULL, 10));
	return 2;
}

/* ---- what goes on ---- */

/* input(pool, socket, datagram, from) */
static int l_input(lua_State *L)
{
	struct kcp_pool *p = check_pool(L);
	int socket = (int)luaL_checkinteger(L, 2);
	size_t n, from_size;
	const char *data = luaL_checklstring(L, 3, &n);
	const char *from = luaL_checklstring(L, 4, &from_size);
	struct kcp_address a = { .size = (uint8_t)from_size };

	luaL_argcheck(L, from_size > 0 && from_size <= KCP_ADDRESS_MAX, 4, "an address expected");
	memcpy(a.bytes, from, from_size);
	kcp_pool_input(p, socket, &a, (const uint8_t *)data, n, now_ms());
	return 0;
}

/* turn(pool) -> ms until it wants to be called again, or nil */
static int l_turn(lua_State *L)
{
	uint64_t wait = kcp_pool_turn(check_pool(L), now_ms());

	if (wait == UINT64_MAX)
		return 0;
	lua_pushinteger(L, (lua_Integer)wait);
	return 1;
}

/* news(pool) -> id, bits, why; nothing: there are none. Bits: 1 open, 2 data, 4 end. */
static int l_news(lua_State *L)
{
	unsigned bits;
	struct kcp_session *s = kcp_pool_news(check_pool(L), &bits);

	if (!s)
		return 0;
	lua_pushinteger(L, s->id);
	lua_pushinteger(L, bits);
	lua_pushstring(L, s->why); /* nil without */
	return 3;
}

/* released(pool) -> a socket that is not used any more, or nothing */
static int l_released(lua_State *L)
{
	int socket;

	if (!ring_take(&check_box(L)->released, &socket))
		return 0;
	lua_pushinteger(L, socket);
	return 1;
}

/* ---- sessions ---- */

static void push_address(lua_State *L, const struct kcp_address *k)
{
	char text[ADDR_TEXT_MAX];
	struct addr a;

	if (udpaddr_read(k->bytes, k->size, &a))
		lua_pushstring(L, addr_format(&a, text, sizeof(text)));
	else
		lua_pushnil(L);
}

/* about(pool, id) -> socket of the listener or nil, "ip:port", token */
static int l_about(lua_State *L)
{
	struct kcp_session *s = check_session(L, 2);

	if (s->port && s->port->listens)
		lua_pushinteger(L, s->port->socket);
	else
		lua_pushnil(L);
	push_address(L, &s->peer);
	lua_pushlstring(L, s->token ? (const char *)s->token : "", s->token_size);
	return 3;
}

static const char *const sent_texts[] = {
	[KCP_FULL] = "the queue of what waits to be sent is full",
	[KCP_TOO_LARGE] = "the message is too large",
};

/* send(pool, id, data) -> true, or false and why */
static int l_send(lua_State *L)
{
	struct kcp_session *s = session_at(L, 2);
	size_t n;
	const char *data = luaL_checklstring(L, 3, &n);
	enum kcp_sent sent;

	if (!s || s->step != KCP_READY) {
		lua_pushboolean(L, 0);
		lua_pushstring(L, s && s->why ? s->why : "there is no such session");
		return 2;
	}
	sent = kcp_send(&s->kcp, data, n);
	lua_pushboolean(L, sent == KCP_SENT);
	if (sent == KCP_SENT) {
		kcp_session_touch(check_pool(L), s);
		return 1;
	}
	lua_pushstring(L, sent_texts[sent]);
	return 2;
}

/* recv(pool, id) -> message, whether a turn is wanted; nothing: there is no message */
static int l_recv(lua_State *L)
{
	struct kcp_session *s = check_session(L, 2);
	size_t n = s->has_kcp ? kcp_peek(&s->kcp) : KCP_NONE;
	luaL_Buffer b;

	if (n == KCP_NONE)
		return 0;
	/* it is taken out when it is Lua's: a want of memory costs no message */
	kcp_copy(&s->kcp, (uint8_t *)luaL_buffinitsize(L, &b, n));
	luaL_pushresultsize(&b, n);
	kcp_recv(&s->kcp, NULL);
	if (s->kcp.tell)
		kcp_session_touch(check_pool(L), s);
	lua_pushboolean(L, s->kcp.tell);
	return 2;
}

/* close(pool, id) -> whether there was such a session */
static int l_close(lua_State *L)
{
	struct kcp_session *s = session_at(L, 2);

	if (s)
		kcp_pool_close(check_pool(L), s, now_ms());
	lua_pushboolean(L, s != NULL);
	return 1;
}

/* options(pool, id [, changes]) -> all of them */
static int l_options(lua_State *L)
{
	struct kcp_session *s = check_session(L, 2);
	struct kcp_rules r;

	kcp_rules_default(&r);
	if (s->port)
		r = s->port->rules;
	if (s->has_kcp)
		r.set = s->kcp.set;
	kcp_options(L, 3, true, &r);
	if (s->has_kcp && !lua_isnoneornil(L, 3)) {
		kcp_set(&s->kcp, &r.set);
		kcp_session_touch(check_pool(L), s);
	}
	kcp_options_push(L, &r);
	return 1;
}

static void set_number(lua_State *L, const char *name, uint64_t v)
{
	lua_pushinteger(L, (lua_Integer)v);
	lua_setfield(L, -2, name);
}

static void push_figures(lua_State *L, const struct kcp *k)
{
	const struct kcp_stats *t = &k->stats;

	set_number(L, "conv", k->conv);
	set_number(L, "rtt", k->srtt);
	set_number(L, "rttvar", k->rttvar);
	set_number(L, "rto", k->rto);
	set_number(L, "queued", k->queued);
	set_number(L, "in_flight", k->next - k->una);
	set_number(L, "to_read", k->messages);
	set_number(L, "peer_window", k->peer_window);
	set_number(L, "memory", k->out_bytes + k->in_bytes);
	set_number(L, "datagrams_in", t->datagrams_in);
	set_number(L, "datagrams_out", t->datagrams_out);
	set_number(L, "bytes_in", t->bytes_in);
	set_number(L, "bytes_out", t->bytes_out);
	set_number(L, "segments_in", t->segments_in);
	set_number(L, "segments_out", t->segments_out);
	set_number(L, "late", t->late);
	set_number(L, "early", t->early);
	set_number(L, "along", t->along);
	set_number(L, "twice", t->twice);
	set_number(L, "outside", t->outside);
	set_number(L, "rejected", t->rejected);
}

/* stats(pool, id) -> table */
static int l_stats(lua_State *L)
{
	static const char *const steps[] = { "meeting", "ready", "closing", "ended" };
	struct kcp_session *s = check_session(L, 2);

	lua_createtable(L, 0, 24);
	lua_pushstring(L, steps[s->step]);
	lua_setfield(L, -2, "state");
	push_address(L, &s->peer);
	lua_setfield(L, -2, "peer");
	lua_pushstring(L, s->why);
	lua_setfield(L, -2, "why");
	if (s->has_kcp)
		push_figures(L, &s->kcp);
	return 1;
}

/* port_stats(pool, socket) -> table, or nothing: no such listener */
static int l_port_stats(lua_State *L)
{
	const struct kcp_port *port = kcp_pool_port(check_pool(L), (int)luaL_checkinteger(L, 2));

	if (!port)
		return 0;
	lua_createtable(L, 0, 7);
	set_number(L, "expected", port->tickets.count);
	set_number(L, "sessions", port->sessions.count);
	set_number(L, "addresses", port->hosts.count);
	set_number(L, "unanswered", port->unanswered);
	set_number(L, "refused", port->refused);
	set_number(L, "strays", port->strays);
	set_number(L, "moved", port->moved);
	return 1;
}

int luaopen_skynet_kcp_core(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "pool", l_pool },
		{ "check", l_check },
		{ "listen", l_listen },
		{ "expect", l_expect },
		{ "unlisten", l_unlisten },
		{ "connect", l_connect },
		{ "local_address", l_local_address },
		{ "input", l_input },
		{ "turn", l_turn },
		{ "news", l_news },
		{ "released", l_released },
		{ "about", l_about },
		{ "send", l_send },
		{ "recv", l_recv },
		{ "close", l_close },
		{ "options", l_options },
		{ "stats", l_stats },
		{ "port_stats", l_port_stats },
		{ NULL, NULL },
	};

	if (luaL_newmetatable(L, META)) {
		lua_pushcfunction(L, l_pool_gc);
		lua_setfield(L, -2, "__gc");
	}
	lua_pop(L, 1);
	luaL_newlib(L, functions);
	return 1;
}

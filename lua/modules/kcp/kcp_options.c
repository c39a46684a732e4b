/* SPDX-License-Identifier: MIT */
#include "lua/modules/kcp/kcp_options.h"

#include <lauxlib.h>
#include <string.h>

#include "core/base/base.h"

enum option_kind { NUMBER, SWITCH };

struct option {
	const char *name;
	size_t at; /* in struct kcp_rules */
	enum option_kind kind;
	bool later; /* may be changed while a session is open */
};

#define SETTING(name, kind)                                               \
	{                                                                 \
#name, offsetof(struct kcp_rules, set.name), (kind), true \
	}
#define RULE(name, kind)                                               \
	{                                                              \
#name, offsetof(struct kcp_rules, name), (kind), false \
	}

static const struct option options[] = {
	SETTING(mtu, NUMBER),	      SETTING(send_window, NUMBER), SETTING(recv_window, NUMBER),
	SETTING(interval, NUMBER),    SETTING(resend, NUMBER),	    SETTING(redundancy, NUMBER),
	SETTING(min_rto, NUMBER),     SETTING(dead_link, NUMBER),   SETTING(queue_max, NUMBER),
	SETTING(message_max, NUMBER), SETTING(nodelay, SWITCH),	    SETTING(congestion, SWITCH),
	SETTING(stream, SWITCH),      RULE(sessions, NUMBER),	    RULE(per_address, NUMBER),
	RULE(unanswered, NUMBER),     RULE(idle, NUMBER),	    RULE(keepalive, NUMBER),
	RULE(timeout, NUMBER),	      RULE(plain, SWITCH),	    RULE(expected, SWITCH),
	RULE(roam, SWITCH),
};

static const struct option *find(const char *name)
{
	for (size_t i = 0; i < array_len(options); i++)
		if (strcmp(options[i].name, name) == 0)
			return &options[i];
	return NULL;
}

/* The value is on top. */
static void set(lua_State *L, const struct option *o, struct kcp_rules *r)
{
	void *to = (char *)r + o->at;
	int is_number = 0;
	lua_Integer v;

	if (o->kind == SWITCH) {
		if (!lua_isboolean(L, -1))
			luaL_error(L, "kcp: option %s must be true or false", o->name);
		*(bool *)to = lua_toboolean(L, -1);
		return;
	}
	v = lua_tointegerx(L, -1, &is_number);
	if (!is_number || v < 0 || v > UINT32_MAX)
		luaL_error(L, "kcp: option %s must be a number that is not negative", o->name);
	*(uint32_t *)to = (uint32_t)v;
}

void kcp_options(lua_State *L, int arg, bool change, struct kcp_rules *rules)
{
	const char *why;

	if (lua_isnoneornil(L, arg))
		return;
	luaL_checktype(L, arg, LUA_TTABLE);
	for (lua_pushnil(L); lua_next(L, arg); lua_pop(L, 1)) {
		const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
		const struct option *o = find(name);

		if (!o)
			luaL_error(L, "kcp: there is no option %s", name);
		else if (change && !o->later)
			luaL_error(L, "kcp: option %s cannot be changed on a session", name);
		else
			set(L, o, rules);
	}
	why = kcp_rules_check(rules);
	if (why)
		luaL_error(L, "kcp: option %s", why);
}

void kcp_options_push(lua_State *L, const struct kcp_rules *rules)
{
	lua_createtable(L, 0, (int)array_len(options));
	for (size_t i = 0; i < array_len(options); i++) {
		const void *from = (const char *)rules + options[i].at;

		if (options[i].kind == SWITCH)
			lua_pushboolean(L, *(const bool *)from);
		else
			lua_pushinteger(L, *(const uint32_t *)from);
		lua_setfield(L, -2, options[i].name);
	}
}

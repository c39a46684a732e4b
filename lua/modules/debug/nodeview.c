/* SPDX-License-Identifier: MIT */
/* skynet.nodeview: see nodeview.h. */
#include "lua/modules/debug/nodeview.h"

#include <lauxlib.h>

#include "core/base/must.h"
#include "net/listen.h"

static const struct nodeview *view; /* constant once services run */

void nodeview_set(const struct nodeview *v)
{
	must(v->metrics && v->is_alive && v->is_ready && v->page);
	view = v;
}

/* (text as pointer) -> string: in protected mode, for the text is not Lua's. */
static int push_text(lua_State *L)
{
	const struct text *t = lua_touserdata(L, 1);

	lua_pushlstring(L, text_string(t), t->size);
	return 1;
}

/* metrics(): all figures as Prometheus reads them. */
static int nodeview_metrics(lua_State *L)
{
	struct text t = { 0 };
	int status;

	if (view)
		view->metrics(&t);
	lua_pushcfunction(L, push_text);
	lua_pushlightuserdata(L, &t);
	status = lua_pcall(L, 1, 1, 0);
	text_fini(&t);
	return status == LUA_OK ? 1 : lua_error(L);
}

static int ask(lua_State *L, bool (*f)(char ret_why[NODEVIEW_WHY]))
{
	char why[NODEVIEW_WHY] = "unknown";

	lua_pushboolean(L, f && f(why));
	lua_pushstring(L, why);
	return 2;
}

/* alive(): whether every worker comes round, and why not. */
static int nodeview_alive(lua_State *L)
{
	return ask(L, view ? view->is_alive : NULL);
}

/* ready(): whether the node is ready for work, and why not. */
static int nodeview_ready(lua_State *L)
{
	return ask(L, view ? view->is_ready : NULL);
}

/* always(listener): it accepts connections while the node drains, too. */
static int nodeview_always(lua_State *L)
{
	net_accept_always((int)luaL_checkinteger(L, 1));
	return 0;
}

/* page(address), page(nil, why): where the node answers by HTTP, or why it does not. */
static int nodeview_page(lua_State *L)
{
	const char *address = luaL_optstring(L, 1, NULL);
	const char *why = address ? NULL : luaL_checkstring(L, 2);

	if (view)
		view->page(address, why);
	return 0;
}

int luaopen_skynet_nodeview(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "metrics", nodeview_metrics }, { "alive", nodeview_alive },
		{ "ready", nodeview_ready },	 { "always", nodeview_always },
		{ "page", nodeview_page },	 { NULL, NULL }
	};

	luaL_newlib(L, functions);
	return 1;
}

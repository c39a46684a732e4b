/* SPDX-License-Identifier: MIT */
/* How a service ends, and how its launcher hears of a birth that failed: see life.h. */
#include "lua/host/life.h"

#include <string.h>

#include "core/node/command.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/log/log.h"
#include "core/actor/send.h"
#include "lua/host/seri.h"

void life_end(struct host *h, const char *why)
{
	must(why);
	must_slow(host_is_here(h));
	h->exiting = true; /* forks and wakeups that are due are not run any more */
	h->why = why;
	(void)command_run(h->s, "EXIT", NULL);
}

/* (a light userdata) -> an error for the launcher, in what it points to */
static int pack_error(lua_State *L)
{
	struct msg **ret = lua_touserdata(L, 1);
	const char *text = lua_touserdata(L, 2);
	size_t size;

	lua_pushliteral(L, "ERROR");
	lua_pushstring(L, text);
	*ret = msg_of(seri_pack(L, 3, &size));
	**ret = (struct msg){ .size = size };
	return 0;
}

/* Between turns: the memory limit of the program does not count here. */
static void end_unborn(struct host *h, const char *text)
{
	lua_State *L = h->L;
	struct msg *m;

	lua_settop(L, 0);
	lua_pushcfunction(L, pack_error);
	lua_pushlightuserdata(L, &m);
	lua_pushlightuserdata(L, (void *)text);
	if (lua_pcall(L, 2, 0, 0) != LUA_OK)
		mem_exhausted(strlen(text));
	m->source = service_handle(h->s);
	m->type = PTYPE_LUA;
	if (service_send_name(".launcher", m) != SEND_OK) {
		/* The bootstrap itself: only the daemon is there to be told. */
		cleanup(mem_freep) char *why = mem_printf("start_failed %s", text);

		m = msg_create_copy(why, strlen(why));
		m->source = service_handle(h->s);
		m->type = PTYPE_TEXT;
		service_forward_name(".daemon", m);
	}
	life_end(h, "the callee failed to load");
}

void life_load_failed(struct host *h, const char *text)
{
	log_printf(LOG_LEVEL_ERROR, service_handle(h->s), "lua loader error : %s", text);
	if (!h->exiting) /* else: skynet.exit in the main chunk */
		end_unborn(h, text);
}

void life_start_failed(struct host *h, const char *text)
{
	log_printf(LOG_LEVEL_ERROR, service_handle(h->s), "init service failed: %s", text);
	if (!h->exiting)
		end_unborn(h, text);
}

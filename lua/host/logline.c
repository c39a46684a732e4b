/* SPDX-License-Identifier: MIT */
/* Lines of Lua code: see logline.h. The place is looked up for each line; that is a walk up to the
 * first Lua function, and one from a known line of it to the current one. */
#include "lua/host/logline.h"

/* So many C functions may stand between the line and the Lua code that it is of (pcall, ...). */
#define FRAMES_MAX 8

/* "@path" is a file; other chunks have a short name of their own, which is made in ar. */
static const char *file_of(const lua_Debug *ar)
{
	return ar->source[0] == '@' ? ar->source + 1 : ar->short_src;
}

static void find_place(lua_State *L, lua_Debug *ar, struct log_about *ret)
{
	for (int level = 1; level <= FRAMES_MAX && lua_getstack(L, level, ar); level++) {
		(void)lua_getinfo(L, "Sln", ar);
		if (ar->currentline < 0)
			continue;
		ret->file = file_of(ar);
		ret->line = (unsigned)ar->currentline;
		if (*ar->what == 'm')
			ret->func = "main chunk";
		else if (ar->name && *ar->name != '?')
			ret->func = ar->name;
		return;
	}
}

static void find_request(const struct task *t, struct log_about *ret)
{
	if (!t)
		return;
	ret->trace = t->tag;
	ret->session = t->session;
	ret->caller = t->source;
}

void logline_write(lua_State *L, enum log_level level, const char *text, size_t size)
{
	struct host *h = host_of(L);
	uint32_t self = service_handle(h->s);
	struct log_about about = { 0 };
	lua_Debug ar;

	if (!log_wants(level, self))
		return;
	find_place(L, &ar, &about);
	find_request(h->current, &about);
	log_write(&about, level, self, text, size);
}

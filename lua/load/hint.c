/* SPDX-License-Identifier: MIT */
/* Hints behind the texts of errors: see hint.h. */
#include "lua/load/hint.h"

#include <stdio.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/nearest.h"
#include "lua/api/api_skynet.h"
#include "lua/host/host.h"
#include "lua/host/memory.h"
#include "lua/load/library.h"
#include "lua/load/modules.h"
#include "lua/load/search.h"

/* What skynet.manager adds. */
static const char *const of_manager[] = {
	"abort", "kill", "launch", "monitor", "name", "register"
};

static bool is_of_manager(const char *name)
{
	for (size_t i = 0; i < array_len(of_manager); i++)
		if (strcmp(of_manager[i], name) == 0)
			return true;
	return false;
}

static bool has_module(lua_State *L, const char *name)
{
	bool found;

	lua_pushfstring(L, "skynet.%s", name);
	found = modules_find(lua_tostring(L, -1)) || search_own_module(lua_tostring(L, -1)) ||
		library_has(lua_tostring(L, -1));
	lua_pop(L, 1);
	return found;
}

static const char *nearest_field(const char *name)
{
	struct nearest n = nearest_begin(name);
	const char *best = NULL, *known;

	for (size_t i = 0; (known = skynet_known_field(i)); i++)
		if (nearest_is_better(&n, known))
			best = known;
	for (size_t i = 0; i < array_len(of_manager); i++)
		if (nearest_is_better(&n, of_manager[i]))
			best = of_manager[i];
	return best;
}

static bool push_for_field(lua_State *L, const char *name)
{
	const char *near;

	if (is_of_manager(name)) {
		lua_pushfstring(L, "skynet.%s needs require \"skynet.manager\"", name);
		return true;
	}
	if (has_module(L, name)) {
		lua_pushfstring(L, "skynet.%s needs require \"skynet.%s\"", name, name);
		return true;
	}
	near = nearest_field(name);
	if (!near)
		return false;
	lua_pushfstring(L,
			is_of_manager(near)
				? "did you mean skynet.%s, with require \"skynet.manager\"?"
				: "did you mean skynet.%s?",
			near);
	return true;
}

/* The error is about the field that was missing last, at the same line. */
static bool is_about_missing(const struct host *h, const char *error)
{
	char at[32], field[64], method[64];

	if (!h->missing_line)
		return false;
	snprintf(at, sizeof(at), ":%d: attempt to ", h->missing_line);
	snprintf(field, sizeof(field), " a nil value (field '%s')", h->missing_name);
	snprintf(method, sizeof(method), " a nil value (method '%s')", h->missing_name);
	return strstr(error, at) && (strstr(error, field) || strstr(error, method));
}

/* "... (global 'socket')" about a module of that name that the file has no local for. */
static bool push_for_global(lua_State *L, const char *error)
{
	static const char before[] = " a nil value (global '";
	const char *begin = strstr(error, before), *end = begin ? strstr(begin, "')") : NULL;
	const char *name;
	bool skynet;

	if (!end)
		return false;
	begin += sizeof(before) - 1;
	name = lua_pushlstring(L, begin, (size_t)(end - begin));
	skynet = strcmp(name, "skynet") == 0;
	if (!skynet && !has_module(L, name)) {
		lua_pop(L, 1);
		return false;
	}
	lua_pushfstring(L, "the file needs: local %s = require \"%s%s\"", name,
			skynet ? "" : "skynet.", name);
	lua_remove(L, -2);
	return true;
}

bool hint_push(lua_State *L, const char *error)
{
	struct host *h = host_of(L);
	char memory[MEMORY_TEXT_MAX];

	if (strcmp(error, "not enough memory") == 0) {
		memory_describe(h, memory);
		lua_pushstring(L, memory);
		return true;
	}
	if (is_about_missing(h, error))
		return push_for_field(L, h->missing_name);
	return push_for_global(L, error);
}

/* SPDX-License-Identifier: MIT */
/*
 * A Lua state of its own without any library: the file sees one function, `include`, and what it
 * assigned itself. Whatever could keep it busy is bounded by a count hook, whatever could fill the
 * memory by the allocator. Keys are emitted only when the whole file was right.
 */
#include "lua/load/configfile.h"

#include <errno.h>
#include <lauxlib.h>
#include <limits.h>
#include <lua.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/base/mem.h"

/* What messages call the file: its own name may be too long for Lua, which would cut it. */
#define MAIN "config"
#define TICK 100

struct evaluation {
	size_t bytes;
	uint64_t instructions, began_ns;
	const char *file;
	const char *text;
	size_t size;
	int (*include)(const char *path, char **ret_text, size_t *ret_size, char **ret_error,
		       void *ud);
	void (*emit)(const char *key, const char *value, void *ud);
	void *ud;
	const char *dir; /* of the file in work, absolute, ends with a slash; a string on the Lua
	                    stack */
	int depth;
	/* what a callback has given and an error would leave behind */
	char *pending;
};

static struct evaluation *evaluation_of(lua_State *L)
{
	return *(struct evaluation **)lua_getextraspace(L);
}

static void *allocate(void *ud, void *p, size_t old, size_t n)
{
	struct evaluation *e = ud;
	void *q;

	if (!p)
		old = 0; /* then it says what kind of object it is for */
	if (n == 0) {
		e->bytes -= old;
		free(p);
		return NULL;
	}
	if (n > old && e->bytes + (n - old) > CONFIGFILE_BYTES)
		return NULL;
	q = realloc(p, n);
	if (q)
		e->bytes += n - old;
	return q;
}

/* Every TICK instructions. */
static void tick(lua_State *L, lua_Debug *ar)
{
	struct evaluation *e = evaluation_of(L);

	(void)ar;
	e->instructions += TICK;
	if (e->instructions < CONFIGFILE_INSTRUCTIONS &&
	    clock_mono_ns() - e->began_ns < CONFIGFILE_NS)
		return;
	/* level 1 is the chunk: luaL_error would look for a C function's caller */
	luaL_where(L, 0);
	lua_pushliteral(L, "the configuration runs too long");
	lua_concat(L, 2);
	lua_error(L);
}

/* ---- files ---- */

/* Pushes the directory of a file, "" or with its slash. */
static const char *push_dir(lua_State *L, const char *file)
{
	const char *slash = strrchr(file, '/');

	return lua_pushlstring(L, file, slash ? (size_t)(slash - file) + 1 : 0);
}

static const char *push_absolute_dir(lua_State *L, const char *file)
{
	const char *dir = push_dir(L, file);
	char cwd[PATH_MAX];

	return dir[0] == '/' || !getcwd(cwd, sizeof(cwd)) ? dir
							  : lua_pushfstring(L, "%s/%s", cwd, dir);
}

/* Compiles and runs a chunk in the environment at upvalue or stack index `env`. */
static void run(lua_State *L, const char *text, size_t size, const char *chunkname, int env)
{
	if (luaL_loadbufferx(L, text, size, chunkname, "t") != LUA_OK)
		lua_error(L);
	lua_pushvalue(L, env);
	lua_setupvalue(L, -2, 1);
	mem_free(steal(evaluation_of(L)->pending));
	lua_call(L, 0, 0);
}

/* include "path"; its upvalue is the environment */
static int l_include(lua_State *L)
{
	struct evaluation *e = evaluation_of(L);
	const char *name = luaL_checkstring(L, 1), *outer = e->dir, *path, *chunkname;
	char *text = NULL, *error = NULL;
	size_t size = 0;

	if (e->depth >= CONFIGFILE_DEPTH)
		return luaL_error(L, "include is nested too deeply");
	path = lua_pushfstring(L, "%s%s", name[0] == '/' ? "" : e->dir, name);
	chunkname = lua_pushfstring(L, "@%s", path);
	if (e->include(path, &text, &size, &error, e->ud) < 0) {
		e->pending = error;
		return luaL_error(L, "%s", error ? error : "cannot read the file");
	}
	e->pending = text;
	/* not put back after an error: nobody includes any more then */
	e->dir = push_dir(L, path);
	e->depth++;
	run(L, text, size, chunkname, lua_upvalueindex(1));
	e->depth--;
	e->dir = outer;
	return 0;
}

/* ---- the result ---- */

static void check(lua_State *L, int env)
{
	lua_pushnil(L);
	while (lua_next(L, env)) {
		if (lua_type(L, -2) != LUA_TSTRING)
			luaL_error(L, "Invalid config table");
		switch (lua_type(L, -1)) {
		case LUA_TSTRING:
		case LUA_TNUMBER:
		case LUA_TBOOLEAN:
			break;
		default:
			luaL_error(L, "Invalid config table key = %s", lua_tostring(L, -2));
		}
		lua_pop(L, 1);
	}
}

static void emit_all(lua_State *L, int env)
{
	struct evaluation *e = evaluation_of(L);

	lua_pushnil(L);
	while (lua_next(L, env)) {
		const char *value = lua_isboolean(L, -1) ? (lua_toboolean(L, -1) ? "true" : "false")
							 : lua_tostring(L, -1);

		e->emit(lua_tostring(L, -2), value, e->ud);
		lua_pop(L, 1);
	}
}

static int protected(lua_State *L)
{
	struct evaluation *e = evaluation_of(L);
	int env;

	e->dir = push_absolute_dir(L, e->file);
	lua_newtable(L);
	env = lua_gettop(L);
	lua_pushvalue(L, env);
	lua_pushcclosure(L, l_include, 1);
	lua_setfield(L, env, "include");
	run(L, e->text, e->size, "=" MAIN, env);
	lua_sethook(L, NULL, 0, 0);
	lua_pushnil(L);
	lua_setfield(L, env, "include");
	check(L, env);
	emit_all(L, env);
	return 0;
}

/* "config:12: text" becomes 12 and "text". */
static char *split_message(const char *message, unsigned *ret_line)
{
	char *end;

	*ret_line = 0;
	if (strncmp(message, MAIN ":", sizeof(MAIN)) == 0) {
		unsigned long line = strtoul(message + sizeof(MAIN), &end, 10);

		if (end[0] == ':' && end[1] == ' ') {
			*ret_line = (unsigned)line;
			message = end + 2;
		}
	}
	return mem_strdup(message);
}

int configfile_eval(const char *file, const char *text, size_t size,
		    int (*include)(const char *path, char **ret_text, size_t *ret_size,
				   char **ret_error, void *ud),
		    void (*emit)(const char *key, const char *value, void *ud), void *ud,
		    char **ret_error, unsigned *ret_line)
{
	struct evaluation e = {
		.file = file,
		.text = text,
		.size = size,
		.include = include,
		.emit = emit,
		.ud = ud,
		.began_ns = clock_mono_ns(),
	};
	lua_State *L = lua_newstate(allocate, &e);
	const char *message = NULL;
	int r;

	if (!L)
		mem_exhausted(0);
	*(struct evaluation **)lua_getextraspace(L) = &e;
	lua_sethook(L, tick, LUA_MASKCOUNT, TICK);
	lua_pushcfunction(L, protected);
	r = lua_pcall(L, 0, 0, 0);
	if (r != LUA_OK) {
		message = lua_tostring(L, -1);
		*ret_error = split_message(message ? message : "error without a text", ret_line);
	}
	lua_close(L);
	mem_free(e.pending);
	return r == LUA_OK ? 0 : -EINVAL;
}

/* SPDX-License-Identifier: MIT */
/* skynet.db.pgsql.core: what skynet.db.pgsql does with the bytes of a server.
 *
 * A decoder holds what one connection has received, and how many bytes the answer that is being
 * read may still have. Threads: that of the service.
 */
#include "lua/modules/pgsql/pgsql_core.h"

#include <lauxlib.h>

#include "core/base/base.h"
#include "lua/modules/db/inbuf.h"
#include "lua/modules/pgsql/pgsql_value.h"
#include "lua/modules/pgsql/pgsql_wire.h"

#define DECODER "harbord.pgsql.decoder"
#define MESSAGE_COST 64 /* what a message counts for besides its bytes: a table is larger */
#define COLUMN_SIZE 19u /* least bytes of what describes a column */
#define COLUMNS_MAX 4096u

struct decoder {
	struct inbuf in;
	lua_Integer max, left; /* bytes of an answer, and of this one */
};

struct message {
	char kind;
	size_t size; /* of the body */
	const char *body;
};

static struct decoder *check_decoder(lua_State *L)
{
	return luaL_checkudata(L, 1, DECODER);
}

/* decoder() */
static int l_decoder(lua_State *L)
{
	struct decoder *d = lua_newuserdatauv(L, sizeof(*d), 1);

	*d = (struct decoder){ .max = 0 };
	luaL_setmetatable(L, DECODER);
	return 1;
}

/* feed(decoder, bytes) */
static int l_feed(lua_State *L)
{
	struct decoder *d = check_decoder(L);
	size_t n;
	const char *p = luaL_checklstring(L, 2, &n);

	inbuf_append(L, &d->in, p, n);
	return 0;
}

/* begin(decoder, max): the answer that begins now may have so many bytes. */
static int l_begin(lua_State *L)
{
	struct decoder *d = check_decoder(L);

	d->max = d->left = luaL_checkinteger(L, 2);
	return 0;
}

/* The message that begins now. Returns 0 and the message, or how many bytes it lacks at least.
 * Raises when it is none, or too large. */
static size_t look(lua_State *L, const struct decoder *d, struct message *ret)
{
	const char *p = d->in.bytes + d->in.begin;
	size_t there = d->in.end - d->in.begin;
	int64_t size;

	if (there < PGSQL_HEAD)
		return PGSQL_HEAD - there;
	size = pgsql_body((const uint8_t *)p);
	if (size < 0)
		luaL_error(L, "pgsql: the server sent a message of an impossible size");
	if (size + MESSAGE_COST > d->left)
		luaL_error(L, "pgsql: an answer is larger than %I bytes (answer_max)",
			   (LUAI_UACINT)d->max);
	ret->kind = p[0];
	ret->size = (size_t)size;
	ret->body = p + PGSQL_HEAD;
	return there < PGSQL_HEAD + ret->size ? PGSQL_HEAD + ret->size - there : 0;
}

static void take(lua_State *L, struct decoder *d, const struct message *m)
{
	d->left -= (lua_Integer)m->size + MESSAGE_COST;
	inbuf_skip(L, &d->in, PGSQL_HEAD + m->size);
}

/* next(decoder) -> kind, body; or nil and the bytes that are wanted */
static int l_next(lua_State *L)
{
	struct decoder *d = check_decoder(L);
	struct message m;
	size_t need;

	lua_settop(L, 1);
	need = look(L, d, &m);
	if (need) {
		lua_pushnil(L);
		lua_pushinteger(L, (lua_Integer)need);
		return 2;
	}
	lua_pushlstring(L, &m.kind, 1);
	lua_pushlstring(L, m.body, m.size);
	take(L, d, &m);
	return 2;
}

/* ---- rows ---- */

enum { ROWS = 2, COUNT, NAMES, KINDS, COMPACT, TOP = COMPACT };

static void set_column(lua_State *L, bool compact, lua_Integer i)
{
	if (compact) {
		lua_rawseti(L, -2, i);
		return;
	}
	if (lua_rawgeti(L, NAMES, i) == LUA_TNIL)
		luaL_error(L, "pgsql: column %I has no name", (LUAI_UACINT)i);
	lua_insert(L, -2);
	lua_rawset(L, -3);
}

/* Pushes the row that is the body of a message. */
static void push_row(lua_State *L, const struct message *m, const char *kinds, size_t columns,
		     bool compact)
{
	const uint8_t *body = (const uint8_t *)m->body;
	struct db_reader r = { body, body + m->size, false };
	bool fits = pgsql_uint(&r, 2) == columns;

	lua_createtable(L, compact ? (int)columns : 0, compact ? 0 : (int)columns);
	for (size_t i = 0; fits && i < columns && !r.bad; i++) {
		size_t n;
		const char *p = pgsql_text(&r, &n);

		if (p) {
			pgsql_push(L, kinds[i], p, n);
			set_column(L, compact, (lua_Integer)i + 1);
		}
	}
	if (!fits || r.bad || r.at != r.end)
		luaL_error(L, "pgsql: the server sent a row that does not fit its columns");
}

/* rows(decoder, rows, n, names, kinds, compact) -> n: appends the rows that are there to a table
 * that has n. */
static int l_rows(lua_State *L)
{
	struct decoder *d = check_decoder(L);
	lua_Integer n = luaL_checkinteger(L, COUNT);
	bool compact = lua_toboolean(L, COMPACT);
	size_t columns;
	const char *kinds = luaL_checklstring(L, KINDS, &columns);
	struct message m;

	luaL_checktype(L, ROWS, LUA_TTABLE);
	luaL_checktype(L, NAMES, LUA_TTABLE);
	lua_settop(L, TOP);
	while (look(L, d, &m) == 0 && m.kind == 'D') {
		push_row(L, &m, kinds, columns, compact);
		lua_rawseti(L, ROWS, ++n);
		take(L, d, &m);
	}
	lua_pushinteger(L, n);
	return 1;
}

/* Pushes one column as a table. */
static void push_described(lua_State *L, const char *name, size_t n, uint64_t table, uint64_t type)
{
	lua_createtable(L, 0, 3);
	lua_pushlstring(L, name, n);
	lua_setfield(L, -2, "name");
	lua_pushinteger(L, (lua_Integer)table);
	lua_setfield(L, -2, "table");
	lua_pushinteger(L, (lua_Integer)type);
	lua_setfield(L, -2, "type");
}

/* columns(body): an array of their names; what the rows need to know of them, one byte each; an
 * array of { name =, table =, type = }. */
static int l_columns(lua_State *L)
{
	size_t n;
	const uint8_t *p = (const uint8_t *)luaL_checklstring(L, 1, &n);
	struct db_reader r = { p, p + n, false };
	uint64_t count = pgsql_uint(&r, 2);
	char kinds[COLUMNS_MAX];

	if (count > COLUMNS_MAX)
		return luaL_error(L, "pgsql: a result of %d columns", (int)count);
	if (r.bad || count > n / COLUMN_SIZE)
		return luaL_error(L, "pgsql: the server sent columns that are none");
	lua_createtable(L, (int)count, 0);
	lua_createtable(L, (int)count, 0);
	for (uint64_t i = 0; i < count && !r.bad; i++) {
		size_t size;
		const char *name = pgsql_zero(&r, &size);
		uint64_t table = pgsql_uint(&r, 4), type;

		(void)pgsql_uint(&r, 2); /* which of its columns */
		type = pgsql_uint(&r, 4);
		(void)pgsql_uint(&r, 6); /* size and modifier */
		/* a binary cursor sends values that are no texts, whatever we asked for */
		kinds[i] = pgsql_uint(&r, 2) == 0 ? pgsql_kind((uint32_t)type) : PGSQL_STRING;
		if (r.bad)
			break;
		lua_pushlstring(L, name, size);
		lua_rawseti(L, -3, (lua_Integer)i + 1);
		push_described(L, name, size, table, type);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	if (r.bad || r.at != r.end)
		return luaL_error(L, "pgsql: the server sent columns that are none");
	lua_pushlstring(L, kinds, (size_t)count);
	lua_insert(L, -2);
	return 3;
}

int luaopen_skynet_db_pgsql_core(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "decoder", l_decoder }, { "feed", l_feed }, { "begin", l_begin },
		{ "next", l_next },	  { "rows", l_rows }, { "columns", l_columns },
		{ NULL, NULL },
	};

	luaL_newmetatable(L, DECODER);
	lua_pop(L, 1);
	luaL_newlib(L, functions);
	return 1;
}

/* SPDX-License-Identifier: MIT */
/* skynet.db.mysql.core: packets of a MySQL server as Lua values. What a packet lacks raises a text;
 * nothing is kept between two calls. Threads: that of the service. */
#include "lua/modules/mysql/mysql_core.h"

#include <lauxlib.h>
#include <string.h>

#include "core/base/base.h"
#include "lua/modules/mysql/mysql_wire.h"

#define NUMBER_ROOM 64u /* bytes of a number as text that need no string */
#define KIND 3u		/* bytes that say what a column is: type, low flags, decimals */

/* Of one call: the row, and what its columns are called and are. */
struct row {
	struct db_reader r;
	const uint8_t *kinds;
	lua_Integer columns;
	bool compact;
};

/* row(packet, names, kinds, compact) */
static void begin_row(lua_State *L, struct row *ret)
{
	size_t n, kinds_size;
	const char *p = luaL_checklstring(L, 1, &n);

	luaL_checktype(L, 2, LUA_TTABLE);
	ret->r = (struct db_reader){ (const uint8_t *)p, (const uint8_t *)p + n, false };
	ret->kinds = (const uint8_t *)luaL_checklstring(L, 3, &kinds_size);
	ret->columns = (lua_Integer)(kinds_size / KIND);
	ret->compact = lua_toboolean(L, 4);
	lua_settop(L, 3);
	if (ret->compact)
		lua_createtable(L, (int)ret->columns, 0);
	else
		lua_createtable(L, 0, (int)ret->columns);
}

/* Moves the value at the top into the row as that of column i. */
static void set_column(lua_State *L, const struct row *row, lua_Integer i)
{
	if (row->compact) {
		lua_rawseti(L, 4, i + 1);
		return;
	}
	if (lua_rawgeti(L, 2, i + 1) == LUA_TNIL)
		luaL_error(L, "mysql: column %I has no name", i + 1);
	lua_insert(L, -2);
	lua_rawset(L, 4);
}

static int end_row(lua_State *L, const struct row *row)
{
	if (row->r.bad || row->r.at != row->r.end)
		return luaL_error(L, "mysql: the server sent a row that does not fit its columns");
	return 1;
}

/* Pushes the number that a text of n bytes is as a whole, or nil. */
static void push_read(lua_State *L, const char *text, size_t n)
{
	size_t read = lua_stringtonumber(L, text);

	if (read == n + 1)
		return;
	if (read)
		lua_pop(L, 1);
	lua_pushnil(L);
}

/* A number as Lua reads it; a text that is none as nil. */
static void push_number(lua_State *L, const char *p, size_t n)
{
	char local[NUMBER_ROOM + 1];

	if (n <= NUMBER_ROOM) {
		memcpy(local, p, n);
		local[n] = '\0';
		push_read(L, local, n);
		return;
	}
	push_read(L, lua_pushlstring(L, p, n), n);
	lua_remove(L, -2);
}

static bool is_number(unsigned type)
{
	return (type >= MYSQL_TINY && type <= MYSQL_DOUBLE) || type == MYSQL_LONGLONG ||
	       type == MYSQL_INT24 || type == MYSQL_YEAR || type == MYSQL_DECIMAL;
}

/* A text and its length: pushes nothing when it is NULL. */
static bool push_text(lua_State *L, struct db_reader *r, bool number)
{
	size_t n;
	const char *p = mysql_text(r, &n);

	if (!p)
		return false;
	if (number)
		push_number(L, p, n);
	else
		lua_pushlstring(L, p, n);
	return true;
}

static int text_row(lua_State *L)
{
	struct row row;

	begin_row(L, &row);
	for (lua_Integer i = 0; i < row.columns && !row.r.bad; i++)
		if (push_text(L, &row.r, is_number(row.kinds[i * KIND])))
			set_column(L, &row, i);
	return end_row(L, &row);
}

static void push_integer(lua_State *L, struct db_reader *r, unsigned size, bool is_unsigned)
{
	uint64_t v = mysql_uint(r, size), sign = UINT64_C(1) << (8 * size - 1);

	if (!is_unsigned && size < 8)
		v = (v ^ sign) - sign;
	lua_pushinteger(L, (lua_Integer)v);
}

static void push_real(lua_State *L, struct db_reader *r, bool wide)
{
	uint64_t bits = mysql_uint(r, wide ? 8 : 4);
	uint32_t low = (uint32_t)bits;
	double d;
	float f;

	memcpy(&d, &bits, sizeof(d));
	memcpy(&f, &low, sizeof(f));
	lua_pushnumber(L, wide ? d : (double)f);
}

static void push_time(lua_State *L, struct db_reader *r, const uint8_t *kind)
{
	char text[MYSQL_TIME_ROOM];
	size_t n = mysql_time(r, kind[0], kind[2], text);

	lua_pushlstring(L, text, n);
}

/* One value that is not NULL, as execute sends it. */
static bool push_binary(lua_State *L, struct db_reader *r, const uint8_t *kind)
{
	bool is_unsigned = kind[1] & MYSQL_UNSIGNED;

	switch (kind[0]) {
	case MYSQL_TINY:
		return push_integer(L, r, 1, is_unsigned), true;
	case MYSQL_SHORT:
	case MYSQL_YEAR:
		return push_integer(L, r, 2, is_unsigned || kind[0] == MYSQL_YEAR), true;
	case MYSQL_LONG:
	case MYSQL_INT24:
		return push_integer(L, r, 4, is_unsigned), true;
	case MYSQL_LONGLONG:
		return push_integer(L, r, 8, is_unsigned), true;
	case MYSQL_FLOAT:
	case MYSQL_DOUBLE:
		return push_real(L, r, kind[0] == MYSQL_DOUBLE), true;
	case MYSQL_TIMESTAMP:
	case MYSQL_DATE:
	case MYSQL_TIME:
	case MYSQL_DATETIME:
		return push_time(L, r, kind), true;
	case MYSQL_NULL:
		return false;
	default: /* decimals, texts, blobs, bits, JSON, and what is new */
		return push_text(L, r, kind[0] == MYSQL_DECIMAL || kind[0] == MYSQL_DECIMAL0);
	}
}

/* A zero byte, a bit for each column that is NULL, from the third bit on, and the other values. */
static int binary_row(lua_State *L)
{
	const uint8_t *nulls;
	struct row row;

	begin_row(L, &row);
	if (mysql_uint(&row.r, 1) != 0)
		row.r.bad = true;
	nulls = db_skip(&row.r, (size_t)(row.columns + 9) / 8);
	for (lua_Integer i = 0; i < row.columns && !row.r.bad; i++)
		if (!(nulls[(i + 2) / 8] & 1u << ((i + 2) % 8)) &&
		    push_binary(L, &row.r, row.kinds + i * KIND))
			set_column(L, &row, i);
	return end_row(L, &row);
}

/* column(packet): its name and the three bytes that the rows need; then, for who asks, schema,
 * table, type, flags, character set, decimals. */
static int column(lua_State *L)
{
	size_t n;
	const char *p = luaL_checklstring(L, 1, &n);
	struct db_reader r = { (const uint8_t *)p, (const uint8_t *)p + n, false };
	struct {
		const char *text;
		size_t size;
	} names[6]; /* catalog, schema, table, its own name, column, its own name */
	uint64_t set, type, flags, decimals;
	char kind[KIND];

	for (size_t i = 0; i < array_len(names); i++)
		names[i].text = mysql_text(&r, &names[i].size);
	(void)mysql_uint(&r, 1); /* bytes that follow */
	set = mysql_uint(&r, 2);
	(void)mysql_uint(&r, 4); /* width */
	type = mysql_uint(&r, 1);
	flags = mysql_uint(&r, 2);
	decimals = mysql_uint(&r, 1);
	for (size_t i = 0; i < array_len(names); i++)
		r.bad = r.bad || !names[i].text;
	if (r.bad)
		return luaL_error(L, "mysql: the server sent a column that is none");
	kind[0] = (char)type;
	kind[1] = (char)flags;
	kind[2] = (char)decimals;
	lua_pushlstring(L, names[4].text, names[4].size);
	lua_pushlstring(L, kind, KIND);
	lua_pushlstring(L, names[1].text, names[1].size);
	lua_pushlstring(L, names[2].text, names[2].size);
	lua_pushinteger(L, (lua_Integer)type);
	lua_pushinteger(L, (lua_Integer)flags);
	lua_pushinteger(L, (lua_Integer)set);
	lua_pushinteger(L, (lua_Integer)decimals);
	return 8;
}

/* number(packet, at): the number in 1, 3, 4 or 9 bytes that begins at byte `at`, and what is
 * behind. */
static int number(lua_State *L)
{
	size_t n;
	const char *p = luaL_checklstring(L, 1, &n);
	lua_Integer at = luaL_checkinteger(L, 2);
	struct db_reader r = { (const uint8_t *)p, (const uint8_t *)p + n, false };
	bool null;
	uint64_t v;

	luaL_argcheck(L, at >= 1, 2, "a place in the packet expected");
	(void)db_skip(&r, (size_t)at - 1);
	v = mysql_lenenc(&r, &null);
	if (r.bad || null)
		return luaL_error(L, "mysql: the server sent no number where one belongs");
	lua_pushinteger(L, (lua_Integer)v);
	lua_pushinteger(L, r.at - (const uint8_t *)p + 1);
	return 2;
}

int luaopen_skynet_db_mysql_core(lua_State *L)
{
	static const luaL_Reg f[] = { { "column", column },
				      { "number", number },
				      { "textrow", text_row },
				      { "binaryrow", binary_row },
				      { NULL, NULL } };

	luaL_newlib(L, f);
	return 1;
}

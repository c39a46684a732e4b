/* SPDX-License-Identifier: MIT */
/* skynet.mongo.driver: one message is a head of 16 bytes (its size, its number, the number that it
 * answers, the kind of message), flags, and sections. We send and take OP_MSG with one section, a
 * document. Threads: that of the service. */
#include "lua/modules/mongo/mongo_driver.h"

#include <lauxlib.h>
#include <string.h>

#include "core/base/little.h"
#include "lua/modules/bson/bson_decode.h"

#define OP_MSG 2013
#define HEAD 21u       /* bytes in front of the document */
#define REPLY_HEAD 17u /* those behind the size */
#define CHECKSUM 1u    /* flags */
#define MORE_TO_COME 2u

/* op_msg(id, flags, document) -> message */
static int op_msg(lua_State *L)
{
	lua_Integer id = luaL_checkinteger(L, 1), flags = luaL_checkinteger(L, 2);
	size_t n;
	const uint8_t *document = bson_document_at(L, 3, &n);
	luaL_Buffer b;
	uint8_t *to;

	luaL_argexpected(L, document, 3, "bson document");
	luaL_argcheck(L, n >= BSON_MIN_SIZE && n <= INT32_MAX - HEAD, 3, "no bson document");
	to = (uint8_t *)luaL_buffinitsize(L, &b, n + HEAD);
	to = little_put32(to, (uint32_t)(n + HEAD));
	to = little_put32(to, (uint32_t)id);
	to = little_put32(to, 0);
	to = little_put32(to, OP_MSG);
	to = little_put32(to, (uint32_t)flags);
	*to++ = 0;
	memcpy(to, document, n);
	luaL_pushresultsize(&b, n + HEAD);
	return 1;
}

/* length(4 bytes) -> the bytes that follow them */
static int length(lua_State *L)
{
	size_t n;
	const char *p = luaL_checklstring(L, 1, &n);

	luaL_argcheck(L, n >= 4, 1, "4 bytes expected");
	lua_pushinteger(L, (int32_t)little_get32((const uint8_t *)p) - (lua_Integer)4);
	return 1;
}

/* reply(message without its size) -> true, the number that it answers, a pointer to the document,
 * which lies in the message */
static int reply(lua_State *L)
{
	size_t n;
	const uint8_t *p = (const uint8_t *)luaL_checklstring(L, 1, &n);
	uint32_t flags, size;

	if (n < REPLY_HEAD + BSON_MIN_SIZE)
		return luaL_error(L, "mongo: the server sent a message of %d bytes", (int)n);
	if (little_get32(p + 8) != OP_MSG)
		return luaL_error(L, "Unsupported opcode:%d", (int)little_get32(p + 8));
	flags = little_get32(p + 12);
	if (flags & CHECKSUM)
		return luaL_error(L, "Unsupported OP_MSG checksum");
	if (flags & MORE_TO_COME)
		return luaL_error(L, "Unsupported OP_MSG flag moreToCome");
	if (flags)
		return luaL_error(L, "Unsupported OP_MSG flags %d", (int)flags);
	if (p[16] != 0)
		return luaL_error(L, "Unsupported OP_MSG section of kind %d", p[16]);
	size = little_get32(p + REPLY_HEAD);
	if (size != n - REPLY_HEAD)
		return luaL_error(L, "Unsupported OP_MSG with more than one section");
	lua_pushboolean(L, true);
	lua_pushinteger(L, (int32_t)little_get32(p + 4));
	lua_pushlightuserdata(L, (void *)(p + REPLY_HEAD));
	return 3;
}

int luaopen_skynet_mongo_driver(lua_State *L)
{
	static const luaL_Reg f[] = {
		{ "op_msg", op_msg }, { "length", length }, { "reply", reply }, { NULL, NULL }
	};

	luaL_newlib(L, f);
	return 1;
}

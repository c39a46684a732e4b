/* SPDX-License-Identifier: MIT */
/* share.h over the stock VM: nothing is shared. */
#include "lua/vm/share.h"

#include <stdlib.h>

bool share_is_here(void)
{
	return false;
}

const char *share_vm(void)
{
	return LUA_RELEASE " as Debian builds it, nothing shared between services";
}

void share_names(lua_State *L)
{
	(void)L;
}

struct share_root *share_code(lua_State *L)
{
	(void)L;
	return NULL;
}

void share_push_code(lua_State *L, struct share_root *r)
{
	(void)L;
	(void)r;
	abort(); /* there is none */
}

struct share_root *share_table(lua_State *L, int index)
{
	(void)L;
	(void)index;
	return NULL;
}

void share_push_table(lua_State *L, struct share_root *r)
{
	share_push_code(L, r);
}

bool share_is_table(lua_State *L, int index)
{
	(void)L;
	(void)index;
	return false;
}

void share_set_end(struct share_root *r, void (*fn)(void *data), void *data)
{
	(void)r;
	(void)fn;
	(void)data;
}

void *share_end_data(const struct share_root *r, void (*fn)(void *data))
{
	(void)r;
	(void)fn;
	return NULL;
}

struct share_root *share_ref(struct share_root *r)
{
	return r;
}

void share_unref(struct share_root *r_take)
{
	(void)r_take;
}

void share_set_old(struct share_root *r)
{
	(void)r;
}

bool share_is_old(const struct share_root *r)
{
	(void)r;
	return false;
}

size_t share_size(const struct share_root *r)
{
	(void)r;
	return 0;
}

unsigned share_tables(const struct share_root *r)
{
	(void)r;
	return 0;
}

unsigned share_refs(const struct share_root *r)
{
	(void)r;
	return 0;
}

void share_audit(lua_State *L, struct share_root *const *roots, size_t n, bool *ret_used)
{
	(void)L;
	(void)roots;
	for (size_t i = 0; i < n; i++)
		ret_used[i] = true;
}

bool share_replace(lua_State *L, struct share_root *from, struct share_root *to)
{
	(void)L;
	(void)from;
	(void)to;
	return false;
}

void share_stats(struct share_stats *ret)
{
	*ret = (struct share_stats){ 0 };
}

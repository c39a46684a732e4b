/* SPDX-License-Identifier: MIT */
/* share.h, frames.h and yield.h over the stock VM: nothing is shared, stacks are read as the API
 * has them, a yield jumps. */
#include "lua/vm/share.h"

#include <stdlib.h>
#include <string.h>

#include "lua/vm/frames.h"
#include "lua/vm/yield.h"

bool share_is_here(void)
{
	return false;
}

unsigned share_seed(unsigned first)
{
	(void)first;
	return 0;
}

int vm_yield(lua_State *L, int nresults, lua_KContext ctx, lua_KFunction k)
{
	return lua_yieldk(L, nresults, ctx, k);
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

void share_get_sizes(lua_State *L, int index, struct share_sizes *ret)
{
	(void)L;
	(void)index;
	(void)ret;
	abort(); /* there is no such table */
}

void share_walk(lua_State *L, int index, void (*f)(lua_State *L, void *ud), void *ud)
{
	(void)L;
	(void)index;
	(void)f;
	(void)ud;
	abort(); /* there is none */
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

/* ---- frames.h ---- */

static void read_frame(lua_State *L, lua_Debug *ar, struct frame *ret)
{
	(void)lua_getinfo(L, "nSl", ar);
	*ret = (struct frame){ .line = ar->currentline,
			       .defined = ar->linedefined,
			       .is_c = *ar->what == 'C',
			       .place = L };
	memcpy(ret->source, ar->short_src, sizeof(ret->source) - 1); /* of LUA_IDSIZE bytes */
	strncpy(ret->name, ar->name ? ar->name : "", FRAME_NAME - 1);
}

/* As luaL_traceback finds it. */
static unsigned depth_of(lua_State *L)
{
	int low = 0, high = 1;
	lua_Debug ar;

	while (lua_getstack(L, high, &ar)) {
		low = high;
		high *= 2;
	}
	while (low < high) {
		int middle = (low + high) / 2;

		if (lua_getstack(L, middle, &ar))
			low = middle + 1;
		else
			high = middle;
	}
	return (unsigned)low;
}

unsigned frames_read(lua_State *L, struct frame *ret, unsigned max, unsigned *ret_depth)
{
	unsigned depth = *ret_depth = depth_of(L), n = 0;
	unsigned inner = max > FRAMES_OUTER ? max - FRAMES_OUTER : max;
	lua_Debug ar;

	for (unsigned i = 0; i < depth && n < max; i++) {
		if (i == inner && depth > max && max > FRAMES_OUTER)
			i = depth - FRAMES_OUTER;
		if (lua_getstack(L, (int)i, &ar))
			read_frame(L, &ar, &ret[n++]);
	}
	return n;
}

bool frames_in_c(lua_State *L)
{
	lua_Debug ar;

	return lua_getstack(L, 0, &ar) && lua_getinfo(L, "S", &ar) && *ar.what == 'C';
}

uint64_t frames_hash(lua_State *L)
{
	uint64_t h = 0;
	lua_Debug ar;

	for (int i = 0; i < 64 && lua_getstack(L, i, &ar); i++) {
		(void)lua_getinfo(L, "Sl", &ar);
		h = (h ^ (uintptr_t)ar.source ^ (uint64_t)(unsigned)ar.currentline << 32 ^
		     (unsigned)ar.linedefined) *
		    0x100000001b3u;
	}
	return h;
}

struct frame_value frames_argument(lua_State *L, const struct frame *f, int i)
{
	(void)L;
	(void)f;
	(void)i;
	return (struct frame_value){ FRAME_VALUE_NONE, 0, "" };
}

lua_State *frames_thread(lua_State *L, const struct frame *f, int i)
{
	(void)L;
	(void)f;
	(void)i;
	return NULL;
}

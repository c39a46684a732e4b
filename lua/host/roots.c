/* SPDX-License-Identifier: MIT */
/* The shared objects that a service uses (lua/vm/share.h): one reference each, until its state is
 * closed.
 *
 * A service that loads one version after the other would keep them all. So when those of which
 * there are newer versions have become as large as the service itself, its garbage is collected and
 * what it does not refer to any more is let go; it is done again when there is twice as much as
 * that left. So what it costs is a share of what the service's collector costs anyway, and what a
 * service keeps in vain is no more than it weighs.
 *
 * A service that has read a shared table, and may never ask for another, also looks when a cycle of
 * its collector has ended: if what has become old since it last did is worth a walk over its
 * objects.
 */
#include "lua/host/roots.h"

#include <string.h>

#include "core/base/mem.h"
#include "core/base/must.h"
#include "lua/host/tables.h"
#include "lua/vm/share.h"

#define OLD_BYTES ((size_t)1 << 20)
#define OLD_COUNT 64u

/* Where it is, or belongs: they are sorted by address. */
static size_t place_of(const struct roots *rs, const struct share_root *r)
{
	size_t low = 0, high = rs->count;

	while (low < high) {
		size_t i = (low + high) / 2;

		if (rs->roots[i] < r)
			low = i + 1;
		else
			high = i;
	}
	return low;
}

size_t roots_old(const struct roots *rs, size_t *ret_count)
{
	size_t n = 0, bytes = 0;

	for (size_t i = 0; i < rs->count; i++)
		if (share_is_old(rs->roots[i])) {
			n++;
			bytes += share_size(rs->roots[i]);
		}
	*ret_count = n;
	return bytes;
}

void roots_audit(struct host *h)
{
	struct roots *rs = &h->roots;
	size_t n = 0, old;
	bool *used;

	(void)roots_old(rs, &old);
	if (old == 0)
		return;
	used = mem_alloc(rs->count * sizeof(*used));
	share_audit(h->L, rs->roots, rs->count, used);
	for (size_t i = 0; i < rs->count; i++) {
		if (!used[i] && share_is_old(rs->roots[i]))
			share_unref(rs->roots[i]);
		else
			rs->roots[n++] = rs->roots[i];
	}
	mem_free(used);
	rs->count = n;
	rs->bytes_left = roots_old(rs, &rs->count_left);
}

void roots_take(struct host *h, struct share_root *r_take)
{
	struct roots *rs = &h->roots;
	size_t i = place_of(rs, r_take);

	must(r_take);
	must_slow(host_is_here(h));
	if (i < rs->count && rs->roots[i] == r_take) {
		share_unref(r_take);
		return;
	}
	if (rs->count == rs->size) {
		rs->size = rs->size ? rs->size * 2 : 8;
		rs->roots = mem_realloc(rs->roots, rs->size * sizeof(*rs->roots));
	}
	memmove(&rs->roots[i + 1], &rs->roots[i], (rs->count - i) * sizeof(*rs->roots));
	rs->roots[i] = r_take;
	rs->count++;
}

void roots_review(struct host *h)
{
	struct roots *rs = &h->roots;
	size_t count, bytes = roots_old(rs, &count);

	if (count <= OLD_COUNT + 2 * rs->count_left &&
	    bytes <= OLD_BYTES + h->memory + 2 * rs->bytes_left)
		return;
	lua_gc(h->L, LUA_GCCOLLECT);
	roots_audit(h);
}

/* A sixteenth: a walk takes about 1 ms for 10 MB of objects. */
#define WORTH(bytes, h) ((bytes)*16 > (h)->memory)
/* Cycles after which it looks again for what was still in use. */
#define CYCLES 32u

static const char sentinel;

static void push_sentinel(lua_State *L);

static int cycle_ended(lua_State *L)
{
	struct host *h = host_of(L);
	struct roots *rs = &h->roots;
	size_t count, bytes = roots_old(rs, &count);

	rs->cycles++;
	if (count && ((bytes > rs->bytes_left && WORTH(bytes - rs->bytes_left, h)) ||
		      rs->cycles % CYCLES == 0))
		roots_audit(h);
	push_sentinel(L);
	lua_pop(L, 1);
	return 0;
}

/* Garbage at once: the next cycle ends it. */
static void push_sentinel(lua_State *L)
{
	luaL_checkstack(L, 4, NULL);
	(void)lua_newuserdatauv(L, 0, 0);
	tables_set_gc(L, &sentinel, cycle_ended);
}

void roots_watch(lua_State *L)
{
	struct roots *rs = &host_of(L)->roots;

	if (rs->watched)
		return;
	push_sentinel(L);
	lua_pop(L, 1);
	rs->watched = true;
}

void roots_release(struct host *h)
{
	for (size_t i = 0; i < h->roots.count; i++)
		share_unref(h->roots.roots[i]);
	mem_free(h->roots.roots);
	h->roots = (struct roots){ .roots = NULL };
}

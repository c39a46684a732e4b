/* SPDX-License-Identifier: MIT */
/* skynet.memory: what the process and its services have allocated.
 *
 * Figures of the process are jemalloc's. Those of a service are the bytes of its Lua state, which
 * the host counts with every allocation; memory that C modules allocate is in the total only.
 * Without jemalloc (sanitizer builds) its figures are 0, and the log says so.
 */
#include "lua/modules/debug/memory.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/log/log.h"
#include "core/base/mem.h"
#include "core/actor/handle.h"
#include "core/actor/service.h"
#include "lua/host/host.h"

/* Weak: a build without jemalloc has neither. */
int mallctl(const char *name, void *old, size_t *old_size, void *value, size_t size)
	__attribute__((weak));
void malloc_stats_print(void (*write)(void *, const char *), void *ud, const char *options)
	__attribute__((weak));

static bool has_jemalloc(lua_State *L)
{
	if (mallctl)
		return true;
	log_printf(LOG_LEVEL_WARNING, service_handle(host_service(L)), "No jemalloc");
	return false;
}

/* Statistics are as of the last epoch. */
static void refresh(void)
{
	uint64_t epoch = 1;
	size_t size = sizeof(epoch);

	(void)mallctl("epoch", &epoch, &size, &epoch, size);
}

/* A number of up to 8 bytes, whatever its type; 0 or an errno. */
static int read_number(const char *name, lua_Integer *ret)
{
	unsigned char b[8] = { 0 };
	size_t size = sizeof(b);
	int r = mallctl(name, b, &size, NULL, 0);
	uint32_t u32;
	uint64_t u64;

	/* It tells its size by refusing another. */
	for (size_t n = 1; r == EINVAL && n <= 4; n *= 4) {
		size = n;
		r = mallctl(name, b, &size, NULL, 0);
	}
	if (r != 0)
		return r;
	memcpy(&u32, b, sizeof(u32));
	memcpy(&u64, b, sizeof(u64));
	*ret = size == 1 ? b[0] : size == 4 ? (lua_Integer)u32 : (lua_Integer)u64;
	return 0;
}

static lua_Integer number(const char *name)
{
	lua_Integer n = 0;

	return read_number(name, &n) == 0 ? n : 0;
}

/* total(): bytes that are allocated. */
static int memory_total(lua_State *L)
{
	if (has_jemalloc(L))
		refresh();
	lua_pushinteger(L, mallctl ? number("stats.allocated") : 0);
	return 1;
}

#define MERGED "stats.arenas.4096." /* all arenas together, jemalloc's MALLCTL_ARENAS_ALL */

static lua_Integer count_blocks(const char *count, const char *table, const char *field)
{
	lua_Integer sum = 0, n = number(count);
	char name[64];

	for (lua_Integer i = 0; i < n; i++) {
		snprintf(name, sizeof(name), MERGED "%s.%d.%s", table, (int)i, field);
		sum += number(name);
	}
	return sum;
}

/* block(): how many pieces that is. */
static int memory_block(lua_State *L)
{
	lua_Integer n = 0;

	if (has_jemalloc(L)) {
		refresh();
		n = count_blocks("arenas.nbins", "bins", "curregs") +
		    count_blocks("arenas.nlextents", "lextents", "curlextents");
	}
	lua_pushinteger(L, n);
	return 1;
}

/* ---- services ---- */

struct figures {
	uint32_t *handles;
	size_t *bytes;
	unsigned count, capacity;
};

static size_t bytes_of(struct service *s)
{
	return atomic_load_explicit(&s->memory, memory_order_relaxed); /* a statistic */
}

static void collect(struct service *s, void *ud)
{
	struct figures *f = ud;

	if (f->count == f->capacity) {
		f->capacity = f->capacity ? f->capacity * 2 : 64;
		f->handles = mem_realloc(f->handles, f->capacity * sizeof(*f->handles));
		f->bytes = mem_realloc(f->bytes, f->capacity * sizeof(*f->bytes));
	}
	f->handles[f->count] = service_handle(s);
	f->bytes[f->count++] = bytes_of(s);
}

/* (figures) -> table: in protected mode, for the figures are not Lua's. */
static int figures_table(lua_State *L)
{
	const struct figures *f = lua_touserdata(L, 1);

	lua_createtable(L, 0, (int)f->count);
	for (unsigned i = 0; i < f->count; i++) {
		lua_pushinteger(L, (lua_Integer)f->bytes[i]);
		lua_rawseti(L, -2, f->handles[i]);
	}
	return 1;
}

/* info(): { handle = bytes }. */
static int memory_info(lua_State *L)
{
	struct figures f = { .count = 0 };
	int r;

	service_foreach(collect, &f);
	lua_pushcfunction(L, figures_table);
	lua_pushlightuserdata(L, &f);
	r = lua_pcall(L, 1, 1, 0);
	mem_free(f.handles);
	mem_free(f.bytes);
	return r == LUA_OK ? 1 : lua_error(L);
}

/* dump(): the same as lines of the log. */
static int memory_dump(lua_State *L)
{
	struct figures f = { .count = 0 };
	uint32_t self = service_handle(host_service(L));
	size_t sum = 0;

	service_foreach(collect, &f);
	for (unsigned i = 0; i < f.count; i++) {
		log_printf(LOG_LEVEL_INFO, self, ":%08x -> %zukb %zub", f.handles[i],
			   f.bytes[i] >> 10, f.bytes[i] & 1023);
		sum += f.bytes[i];
	}
	log_printf(LOG_LEVEL_INFO, self, "+total: %zukb", sum >> 10);
	mem_free(f.handles);
	mem_free(f.bytes);
	return 0;
}

/* current(): bytes of this service. */
static int memory_current(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)bytes_of(host_service(L)));
	return 1;
}

/* ---- jemalloc ---- */

static void set_figure(lua_State *L, const char *name, uint64_t n)
{
	lua_pushinteger(L, (lua_Integer)n);
	lua_setfield(L, -2, name);
}

/* jestat(): what the allocator has from the system and what of it is used, in bytes. */
static int memory_jestat(lua_State *L)
{
	struct mem_figures f;

	(void)has_jemalloc(L);
	(void)mem_get_figures(&f);
	lua_createtable(L, 0, 5);
	set_figure(L, "stats.allocated", f.allocated);
	set_figure(L, "stats.resident", f.resident);
	set_figure(L, "stats.retained", f.retained);
	set_figure(L, "stats.mapped", f.mapped);
	set_figure(L, "stats.active", f.active);
	return 1;
}

/* mallctl(name): the number of that name; raises if there is none. */
static int memory_mallctl(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);
	lua_Integer n = 0;
	int r;

	if (has_jemalloc(L)) {
		refresh();
		r = read_number(name, &n);
		if (r != 0)
			return luaL_error(L, "mallctl %s: %s", name, strerror(r));
	}
	lua_pushinteger(L, n);
	return 1;
}

/* dumpinfo([options]): jemalloc's report on stderr; options as in malloc_stats_print(3). */
static int memory_dumpinfo(lua_State *L)
{
	const char *options = luaL_optstring(L, 1, NULL);

	if (has_jemalloc(L))
		malloc_stats_print(NULL, NULL, options);
	return 0;
}

/* dumpheap(): true if a heap profile was written; false: profiling is not on
 * (MALLOC_CONF=prof:true). */
static int memory_dumpheap(lua_State *L)
{
	int r = has_jemalloc(L) ? mallctl("prof.dump", NULL, NULL, NULL, 0) : ENOENT;

	if (r != 0)
		log_printf(LOG_LEVEL_WARNING, service_handle(host_service(L)),
			   "no heap profile: %s", strerror(r));
	lua_pushboolean(L, r == 0);
	return 1;
}

/* profactive([on]): whether allocations are sampled from now on. */
static int memory_profactive(lua_State *L)
{
	bool active = false, wanted = lua_toboolean(L, 1);
	size_t size = sizeof(active);

	if (has_jemalloc(L)) {
		if (!lua_isnoneornil(L, 1))
			(void)mallctl("prof.active", NULL, NULL, &wanted, sizeof(wanted));
		if (mallctl("prof.active", &active, &size, NULL, 0) != 0)
			active = false;
	}
	lua_pushboolean(L, active);
	return 1;
}

int luaopen_skynet_memory(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "total", memory_total },
		{ "block", memory_block },
		{ "info", memory_info },
		{ "dump", memory_dump },
		{ "current", memory_current },
		{ "jestat", memory_jestat },
		{ "mallctl", memory_mallctl },
		{ "dumpinfo", memory_dumpinfo },
		{ "dumpheap", memory_dumpheap },
		{ "profactive", memory_profactive },
		{ NULL, NULL },
	};

	luaL_newlib(L, functions);
	return 1;
}

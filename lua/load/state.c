/* SPDX-License-Identifier: MIT */
/* The Lua state of a service and its memory. */
#include "lua/load/state.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/fault.h"
#include "core/base/must.h"
#include "core/log/log.h"
#include "lua/api/api_skynet.h"
#include "lua/host/collector.h"
#include "lua/host/memory.h"
#include "lua/load/libs.h"
#include "lua/load/require.h"
#include "lua/load/tape_functions.h"

#define DESCRIBE_BYTES ((size_t)256 << 10) /* beyond the limit, for the text of an error */

/* What is refused to the text of an error says nothing about the program. */
static noinline void *refuse(struct host *h, const void *p, size_t growth)
{
	if (!h->describing)
		memory_refused(h, p, growth);
	return NULL;
}

/* Accounts every byte; refuses to grow beyond the limit while code of the program runs, which
 * Lua turns into "not enough memory". */
static void *allocate(void *ud, void *p, size_t old, size_t size)
{
	struct host *h = ud;

	if (!p)
		old = 0;
	if (size == 0) {
		h->memory -= old;
		free(p);
		atomic_store_explicit(&h->s->memory, h->memory,
				      memory_order_relaxed); /* a statistic */
		return NULL;
	}
	if (unlikely(h->memory_limit && size > old && h->running &&
		     h->memory + size - old >
			     h->memory_limit + (h->describing ? DESCRIBE_BYTES : 0)))
		return refuse(h, p, size - old);
	if (size > old && h->running && fault(lua_alloc))
		return refuse(h, p, size - old);
	void *q = p ? realloc(p, size) : malloc(size);

	if (unlikely(!q))
		return refuse(h, p, size - old);
	h->memory += size - old;
	atomic_store_explicit(&h->s->memory, h->memory, memory_order_relaxed);
	if (unlikely(h->memory > h->memory_report)) {
		h->memory_report *= 2;
		/* the collector changes after the message, not in the middle of an allocation */
		h->settling |= h->settled;
		log_printf(LOG_LEVEL_WARNING, service_handle(h->s), "Memory warning %.2f M",
			   (double)h->memory / (1 << 20));
	}
	return q;
}

/* A page that is touched for the first time costs a fault, which on a virtual machine takes longer
 * than all else that a small service's birth does. While many are born, pages are therefore had by
 * the dozen: a block is populated in one system call and given back, and the allocator cuts the
 * next states out of it. */
#define BURST_BIRTHS 16u
#define BIRTH_BYTES ((size_t)24 << 10) /* what a small one takes */
#define BURST_NS (50 * NS_PER_MS)
#define BLOCK_BYTES ((size_t)256 << 10) /* jemalloc serves small requests from blocks up to this */

static void prepare_pages(size_t need)
{
	static _Thread_local struct {
		uint64_t last_ns;
		unsigned births;
		size_t ahead;
	} w;
	uint64_t now = clock_mono_ns();
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (now - w.last_ns > BURST_NS)
		w.births = 0;
	w.last_ns = now;
	if (++w.births < BURST_BIRTHS)
		return;
	if (w.ahead >= need) {
		w.ahead -= need;
		return;
	}
	char *block = malloc(BLOCK_BYTES);

	if (!block)
		return;
	/* best effort: an old kernel does not know it */
	(void)madvise((void *)(((uintptr_t)block + page - 1) & ~(page - 1)), BLOCK_BYTES - page,
		      MADV_POPULATE_WRITE);
	free(block);
	w.ahead = BLOCK_BYTES - page;
}

static int panic(lua_State *L)
{
	log_error("unprotected error in a Lua service: %s", lua_tostring(L, -1));
	return 0;
}

/* Lua tells so of errors in finalizers, which nobody else hears of, and so does warn() of a
 * program. A text comes in parts, on one thread. */
static void warn(void *ud, const char *part, int more)
{
	static _Thread_local char line[512];
	static _Thread_local size_t used;
	const struct host *h = ud;
	size_t n = strnlen(part, sizeof(line) - used - 1);

	memcpy(line + used, part, n);
	used += n;
	line[used] = 0;
	if (more)
		return;
	if (line[0] != '@') /* a word for whoever handles warnings */
		log_printf(LOG_LEVEL_WARNING, service_handle(h->s), "%s", line);
	used = 0;
}

static int open_libraries(lua_State *L)
{
	libs_open(L);
	require_open(L);
	/* Every service has the table, whether it requires it or not: messages come by its
	 * protocols. */
	luaL_requiref(L, "skynet", luaopen_skynet, 0);
	tape_wrap(L);
	return 0;
}

int state_open(struct host *h)
{
	lua_State *L;

	must(!h->L && h->s);
	h->memory_report = COLLECTOR_LARGE_HEAP;
	prepare_pages(BIRTH_BYTES);
	L = lua_newstate(allocate, h);
	if (!L)
		return -1;
	h->L = L;
	lua_atpanic(L, panic);
	lua_setwarnf(L, warn, h);
	h->main = (struct task){ .co = L, .host = h };
	task_adopt(L, &h->main);
	lua_gc(L, LUA_GCSTOP);
	lua_pushcfunction(L, open_libraries);
	return lua_pcall(L, 0, 0, 0) == LUA_OK ? 0 : -1;
}

/* SPDX-License-Identifier: MIT */
/* Calls that take their time in C, and calls that end the process: nap(seconds), spin(seconds),
 * segv(), bus(), fpe(), ill(), abort(), overflow(), must(), wild(): a jump to nowhere. */
#include <lauxlib.h>
#include <lua.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "core/base/must.h"

int luaopen_crash(lua_State *L);

static int nap(lua_State *L)
{
	struct timespec left = { .tv_sec = (time_t)luaL_checkinteger(L, 1) };

	while (nanosleep(&left, &left) < 0)
		;
	return 0;
}

static int spin(lua_State *L)
{
	time_t until = time(NULL) + (time_t)luaL_checkinteger(L, 1);

	while (time(NULL) < until)
		;
	return 0;
}

static int segv(lua_State *L)
{
	volatile uintptr_t nowhere = 8;

	*(volatile int *)nowhere = 1;
	return 0;
}

static int bus(lua_State *L)
{
	char path[] = "/tmp/harbor-crash-XXXXXX";
	int fd = mkstemp(path);
	volatile char *p;

	(void)unlink(path);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	*p = 1; /* beyond the end of the file */
	return 0;
}

static int fpe(lua_State *L)
{
	volatile int zero = 0, seven = 7;

	lua_pushinteger(L, seven / zero);
	return 1;
}

static int ill(lua_State *L)
{
	__builtin_trap();
}

static int do_abort(lua_State *L)
{
	abort();
}

static int (*volatile again)(lua_State *L);

static int overflow(lua_State *L)
{
	volatile char room[4096];

	again = overflow;
	room[0] = (char)lua_gettop(L);
	return again(L) + room[0];
}

static int must_fails(lua_State *L)
{
	must(lua_gettop(L) > 200);
	return 0;
}

static int wild(lua_State *L)
{
	volatile uintptr_t nowhere = 16;

	((void (*)(void))nowhere)();
	return 0;
}

int luaopen_crash(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "nap", nap },	       { "spin", spin },	 { "segv", segv },
		{ "bus", bus },	       { "fpe", fpe },		 { "ill", ill },
		{ "abort", do_abort }, { "overflow", overflow }, { "must", must_fails },
		{ "wild", wild },      { NULL, NULL },
	};

	luaL_newlib(L, functions);
	return 1;
}

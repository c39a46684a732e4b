/* SPDX-License-Identifier: MIT */
/* Coroutines inside of each other: see chain.h. */
#include "lua/host/chain.h"

#include <stddef.h>

#include "lua/host/coroutine.h"

unsigned chain_find(lua_State *co, lua_State *ret[CHAIN_MAX])
{
	unsigned n = 0, depth;
	struct frame f;

	while (co && n < CHAIN_MAX) {
		int at = 0;

		ret[n++] = co;
		if (frames_read(co, &f, 1, &depth) && f.code)
			at = coroutine_resumed_by(f.code);
		co = at ? frames_thread(co, &f, at) : NULL;
	}
	return n;
}

unsigned chain_frames(lua_State *co, lua_State *running, struct frame *ret, unsigned max,
		      unsigned *ret_depth)
{
	lua_State *cos[CHAIN_MAX];
	unsigned n = chain_find(co, cos), frames = 0, depth = 0;

	*ret_depth = 0;
	if (running && running != cos[n - 1]) {
		frames = frames_read(running, ret, max, &depth);
		*ret_depth = depth;
	}
	while (n-- && frames < max) {
		frames += frames_read(cos[n], ret + frames, max - frames, &depth);
		*ret_depth += depth;
	}
	return frames;
}

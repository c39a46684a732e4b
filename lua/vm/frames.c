/* SPDX-License-Identifier: MIT */
/* Stacks as they stand: see frames.h.
 *
 * A call first moves L->ci on and then fills in the new frame, which holds what an earlier call
 * left there until it is done; a stack that grows is another one from a moment on. So each frame is
 * looked at before it is believed: its function must lie on the stack that L has, and objects must
 * bear the type by which they are referred to.
 */
#include "lua/vm/frames.h"

#include <string.h>

#include "share_priv.h"

#include "ldebug.h"

/* More calls than a stack can hold. */
#define DEPTH_MAX (LUAI_MAXSTACK + 200)
#define HASHED 64

/* The frame belongs to whatever thread: what is read may be garbage by the rules of a sanitizer. */
#if defined(__SANITIZE_ADDRESS__)
#define UNCHECKED __attribute__((no_sanitize("address")))
#else
#define UNCHECKED
#endif

static UNCHECKED bool is_on_stack(const lua_State *L, StkId p)
{
	return p >= L->stack && p < L->stack_last + EXTRA_STACK;
}

static UNCHECKED const GCObject *object_in(const TValue *v, int tag)
{
	const GCObject *o;

	if (!iscollectable(v) || rawtt(v) != ctb(tag))
		return NULL;
	o = v->value_.gc;
	return o && o->tt == tag ? o : NULL;
}

/* The prototype of a Lua function's frame; NULL: it is none, or not complete. */
static UNCHECKED const Proto *proto_of(const lua_State *L, const CallInfo *ci)
{
	const GCObject *o;
	const Proto *p;

	if ((ci->callstatus & CIST_C) || !is_on_stack(L, ci->func))
		return NULL;
	o = object_in(s2v(ci->func), LUA_VLCL);
	p = o ? ((const LClosure *)o)->p : NULL;
	if (!p || p->tt != LUA_VPROTO || ci->u.l.savedpc < p->code ||
	    ci->u.l.savedpc > p->code + p->sizecode)
		return NULL;
	return p;
}

static UNCHECKED lua_CFunction c_function_of(const lua_State *L, const CallInfo *ci)
{
	const GCObject *o;

	if (!(ci->callstatus & CIST_C) || !is_on_stack(L, ci->func))
		return NULL;
	if (rawtt(s2v(ci->func)) == LUA_VLCF)
		return s2v(ci->func)->value_.f;
	o = object_in(s2v(ci->func), LUA_VCCL);
	return o ? ((const CClosure *)o)->f : NULL;
}

static UNCHECKED bool is_complete(const lua_State *L, const CallInfo *ci)
{
	return proto_of(L, ci) || c_function_of(L, ci);
}

static UNCHECKED void copy(char *to, size_t size, const char *from)
{
	size_t i = 0;

	for (; from && i + 1 < size && from[i]; i++)
		to[i] = from[i];
	to[i] = 0;
}

static UNCHECKED void read_frame(lua_State *L, CallInfo *ci, struct frame *ret)
{
	lua_Debug ar = { .i_ci = ci, .name = NULL, .currentline = -1, .linedefined = -1 };

	(void)lua_getinfo(L, "nSl", &ar); /* these neither allocate nor push */
	*ret = (struct frame){ .line = ar.currentline,
			       .defined = ar.linedefined,
			       .is_c = (ci->callstatus & CIST_C) != 0,
			       .code = c_function_of(L, ci),
			       .place = ci };
	copy(ret->source, sizeof(ret->source), ar.short_src);
	copy(ret->name, sizeof(ret->name), ar.name);
}

/* The frame of the function that runs. */
static UNCHECKED CallInfo *innermost(const lua_State *L)
{
	CallInfo *ci = L->ci;

	return ci != &L->base_ci && !is_complete(L, ci) ? ci->previous : ci;
}

UNCHECKED unsigned frames_read(lua_State *L, struct frame *ret, unsigned max, unsigned *ret_depth)
{
	CallInfo *outer[FRAMES_OUTER];
	unsigned n = 0, depth = 0, inner = max > FRAMES_OUTER ? max - FRAMES_OUTER : max, i;

	for (CallInfo *ci = innermost(L); ci && ci != &L->base_ci && depth < DEPTH_MAX;
	     ci = ci->previous, depth++) {
		if (depth >= inner)
			outer[depth % FRAMES_OUTER] = ci;
		else if (is_complete(L, ci))
			read_frame(L, ci, &ret[n++]);
	}
	*ret_depth = depth;
	i = depth > inner + FRAMES_OUTER ? depth - FRAMES_OUTER : inner;
	for (; i < depth && max > FRAMES_OUTER; i++)
		if (is_complete(L, outer[i % FRAMES_OUTER]))
			read_frame(L, outer[i % FRAMES_OUTER], &ret[n++]);
	return n;
}

UNCHECKED bool frames_in_c(lua_State *L)
{
	CallInfo *ci = innermost(L);

	return ci != &L->base_ci && (ci->callstatus & CIST_C);
}

UNCHECKED uint64_t frames_hash(lua_State *L)
{
	uint64_t h = 0xcbf29ce484222325u;
	unsigned n = 0;

	for (CallInfo *ci = innermost(L); ci && ci != &L->base_ci && n < HASHED;
	     ci = ci->previous, n++) {
		const Proto *p = proto_of(L, ci);
		uintptr_t at = p ? (uintptr_t)ci->u.l.savedpc : (uintptr_t)c_function_of(L, ci);

		h = (h ^ at) * 0x100000001b3u;
		h ^= h >> 29;
	}
	return h ^ n;
}

/* The place of an argument, or NULL. Of a vararg function the others lie below it. */
static UNCHECKED const TValue *argument(const lua_State *L, const CallInfo *ci, int i)
{
	const Proto *p = proto_of(L, ci);
	StkId at = ci->func + i, end = ci != L->ci ? ci->next->func : p ? ci->top : L->top;

	if (i < 1 || !is_complete(L, ci))
		return NULL;
	if (p && i > p->numparams) {
		at = ci->func - ci->u.l.nextraargs + (i - p->numparams - 1);
		end = ci->func;
		if (!p->is_vararg || ci->u.l.nextraargs < 0)
			return NULL;
	}
	return at < end && is_on_stack(L, at) ? s2v(at) : NULL;
}

UNCHECKED struct frame_value frames_argument(lua_State *L, const struct frame *f, int i)
{
	const TValue *v = argument(L, f->place, i);
	struct frame_value ret = { FRAME_VALUE_NONE, 0, "" };
	const GCObject *o;

	if (!v)
		return ret;
	if (ttisinteger(v)) {
		ret.kind = FRAME_VALUE_INTEGER;
		ret.number = v->value_.i;
		return ret;
	}
	o = object_in(v, LUA_VSHRSTR);
	o = o ? o : object_in(v, LUA_VLNGSTR);
	if (!o)
		return ret;
	ret.kind = FRAME_VALUE_TEXT;
	copy(ret.text, sizeof(ret.text), getstr((const TString *)o));
	for (char *p = ret.text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	return ret;
}

UNCHECKED lua_State *frames_thread(lua_State *L, const struct frame *f, int i)
{
	const CallInfo *ci = f->place;
	const TValue *v = i > 0 ? argument(L, ci, i) : NULL;
	const GCObject *o = is_on_stack(L, ci->func) ? object_in(s2v(ci->func), LUA_VCCL) : NULL;

	if (i < 0 && o && -i <= ((const CClosure *)o)->nupvalues)
		v = &((const CClosure *)o)->upvalue[-i - 1];
	o = v ? object_in(v, LUA_VTHREAD) : NULL;
	return (lua_State *)o;
}

/* SPDX-License-Identifier: MIT */
/* Roots: one block each, laid out by two passes over what is copied; and shared code. */
#include "share_priv.h"

#include <stdlib.h>
#include <string.h>

#include "lapi.h"
#include "lfunc.h"

static atomic_size_t roots, root_bytes; /* relaxed: statistics */

/* ---- the copier ---- */

void *copier_take(struct copier *c, size_t n)
{
	void *at = c->block ? c->block + c->used : NULL;

	c->used += (n + 7) & ~(size_t)7;
	return at;
}

void *copier_bytes(struct copier *c, const void *from, size_t n)
{
	void *to;

	if (n == 0)
		return NULL;
	to = copier_take(c, n);
	return to ? memcpy(to, from, n) : NULL;
}

void copier_head(struct copier *c, void *object, int tt)
{
	GCObject *o = object;

	o->next = (GCObject *)c->block;
	o->tt = (lu_byte)tt;
	o->marked = SHARED_MARK;
}

static TString *copy_string(struct copier *c, const TString *s)
{
	size_t l = tsslen(s);
	TString *to = copier_take(c, sizelstring(l));

	if (!to)
		return NULL;
	memcpy(to, s, sizelstring(l));
	copier_head(c, to, s->tt);
	if (s->tt == LUA_VLNGSTR)
		(void)luaS_hashlongstr(to); /* nothing lazy is left */
	else
		to->u.hnext = NULL;
	return to;
}

TString *copier_string(struct copier *c, const TString *s, bool to_pool)
{
	TString *pooled = NULL;
	void **copy;

	if (!s)
		return NULL;
	if (s->tt == LUA_VSHRSTR)
		pooled = to_pool ? pool_intern(s) : luaS_pooled(getstr(s), s->shrlen, s->hash);
	/* The pool only grows, and what one pass found in it the other one must, so the map
	 * remembers. */
	copy = ptrmap_add(&c->copies, s);
	if (!copy) {
		c->failed = true;
		return NULL;
	}
	if (!c->block) {
		if (!*copy && !pooled)
			(void)copy_string(c, s);
		if (!*copy)
			*copy = pooled ? (void *)pooled : (void *)c;
		return NULL;
	}
	if (*copy == c)
		*copy = copy_string(c, s);
	return *copy;
}

static void copy_constants(struct copier *c, const Proto *from, Proto *to)
{
	TValue *k = copier_bytes(c, from->k, sizeof(*k) * (size_t)from->sizek);

	for (int i = 0; i < from->sizek; i++)
		if (ttisstring(&from->k[i])) {
			TString *s = copier_string(c, tsvalue(&from->k[i]), true);

			if (k)
				setsvalue(c->L, &k[i], s);
		}
	to->k = k;
}

static void copy_debug(struct copier *c, const Proto *from, Proto *to)
{
	LocVar *v = copier_bytes(c, from->locvars, sizeof(*v) * (size_t)from->sizelocvars);
	Upvaldesc *u = copier_bytes(c, from->upvalues, sizeof(*u) * (size_t)from->sizeupvalues);

	for (int i = 0; i < from->sizelocvars; i++) {
		TString *s = copier_string(c, from->locvars[i].varname, true);

		if (v)
			v[i].varname = s;
	}
	for (int i = 0; i < from->sizeupvalues; i++) {
		TString *s = copier_string(c, from->upvalues[i].name, true);

		if (u)
			u[i].name = s;
	}
	to->locvars = v;
	to->upvalues = u;
	to->lineinfo = copier_bytes(c, from->lineinfo, (size_t)from->sizelineinfo);
	to->abslineinfo = copier_bytes(c, from->abslineinfo,
				       sizeof(AbsLineInfo) * (size_t)from->sizeabslineinfo);
	to->source = copier_string(c, from->source, true);
}

Proto *copier_proto(struct copier *c, const Proto *from)
{
	Proto ignored, *at = copier_take(c, sizeof(*at)), *to = at ? at : &ignored;

	*to = *from;
	copier_head(c, to, LUA_VPROTO);
	to->gclist = NULL;
	to->code = copier_bytes(c, from->code, sizeof(Instruction) * (size_t)from->sizecode);
	copy_constants(c, from, to);
	copy_debug(c, from, to);
	to->p = copier_bytes(c, from->p, sizeof(Proto *) * (size_t)from->sizep);
	for (int i = 0; i < from->sizep; i++) {
		Proto *p = copier_proto(c, from->p[i]);

		if (at)
			to->p[i] = p;
	}
	return at;
}

struct share_root *copier_run(lua_State *L, Node *dummy,
			      GCObject *(*copy)(struct copier *c, const void *from),
			      const void *from)
{
	struct copier c = { .L = L, .dummy = dummy };
	struct share_root *r;
	size_t size;

	(void)copier_take(&c, sizeof(*r));
	(void)copy(&c, from);
	size = c.used;
	r = c.failed ? NULL : malloc(size);
	if (r) {
		c.block = (char *)r;
		c.used = 0;
		c.tables = 0;
		(void)copier_take(&c, sizeof(*r));
		*r = (struct share_root){ .size = size };
		atomic_init(&r->old, false);
		atomic_init(&r->refs, 1);
		r->top = copy(&c, from);
		r->tables = c.tables;
		lua_assert(c.used == size);
		atomic_fetch_add_explicit(&roots, 1, memory_order_relaxed);
		atomic_fetch_add_explicit(&root_bytes, size, memory_order_relaxed);
	}
	ptrmap_free(&c.copies);
	return r;
}

/* ---- code ---- */

static GCObject *copy_code(struct copier *c, const void *from)
{
	Proto *p = copier_proto(c, from);

	return p ? obj2gco(p) : NULL;
}

struct share_root *share_code(lua_State *L)
{
	struct share_root *r;
	LClosure *cl;

	if (!ttisLclosure(s2v(L->top - 1)))
		return NULL;
	cl = clLvalue(s2v(L->top - 1));
	if (isshared(cl->p))
		return NULL;
	r = copier_run(L, NULL, copy_code, cl->p);
	if (r)
		cl->p = gco2p(r->top);
	return r;
}

void share_push_code(lua_State *L, struct share_root *r)
{
	Proto *p = gco2p(r->top);
	LClosure *cl;

	cl = luaF_newLclosure(L, p->sizeupvalues);
	setclLvalue2s(L, L->top, cl);
	api_incr_top(L);
	cl->p = p;
	luaF_initupvals(L, cl);
	if (cl->nupvalues >= 1) { /* as in lua_load: _ENV */
		const TValue *globals = &hvalue(&G(L)->l_registry)->array[LUA_RIDX_GLOBALS - 1];

		setobj(L, cl->upvals[0]->v, globals);
		luaC_barrier(L, cl->upvals[0], globals);
	}
	luaC_checkGC(L);
}

/* ---- references ---- */

struct share_root *share_ref(struct share_root *r)
{
	atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed); /* whoever calls has one */
	return r;
}

void share_unref(struct share_root *r)
{
	/* acq_rel with itself: whoever frees sees that all others are done */
	if (!r || atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) != 1)
		return;
	atomic_fetch_sub_explicit(&roots, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&root_bytes, r->size, memory_order_relaxed);
	if (r->end)
		r->end(r->end_data);
	free(r);
}

void share_set_end(struct share_root *r, void (*fn)(void *data), void *data)
{
	r->end = fn;
	r->end_data = data;
}

void *share_end_data(const struct share_root *r, void (*fn)(void *data))
{
	return r->end == fn ? r->end_data : NULL;
}

void share_set_old(struct share_root *r)
{
	atomic_store_explicit(&r->old, true, memory_order_relaxed);
}

bool share_is_old(const struct share_root *r)
{
	return atomic_load_explicit(&r->old, memory_order_relaxed);
}

size_t share_size(const struct share_root *r)
{
	return r->size;
}

unsigned share_tables(const struct share_root *r)
{
	return r->tables;
}

unsigned share_refs(const struct share_root *r)
{
	return atomic_load_explicit(&r->refs, memory_order_relaxed);
}

void share_stats(struct share_stats *ret)
{
	pool_stats(ret);
	ret->roots = atomic_load_explicit(&roots, memory_order_relaxed);
	ret->root_bytes = atomic_load_explicit(&root_bytes, memory_order_relaxed);
}

bool share_is_here(void)
{
	return true;
}

const char *share_vm(void)
{
	return LUA_RELEASE " (Debian " LUA_VM_SOURCE "), code and tables shared between services";
}

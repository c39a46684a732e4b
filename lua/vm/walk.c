/* SPDX-License-Identifier: MIT */
/* All references that a state has to shared objects: which roots it uses (share_audit), and turning
 * those to one version of a table into those to another (share_replace).
 *
 * Every object of a state is in one of four lists; what is dead but not swept yet is left out, for
 * what it refers to may be gone. Keys of empty places count: a lookup still compares with them.
 */
#include "share_priv.h"

#include <stdlib.h>

#include "lfunc.h"

struct walk {
	/* A place that refers to a shared object. `object`: of a metatable or a function's code. */
	void (*value)(struct walk *w, TValue *v);
	void (*key)(struct walk *w, GCObject *key);
	void (*object)(struct walk *w, GCObject **o);
	/* audit */
	struct share_root *const *roots, *last;
	size_t count;
	bool *used;
	/* replace */
	struct share_root *from;
	struct ptrmap
		map; /* table -> table of the other version, or the map itself: there is none */
};

static void see_value(struct walk *w, TValue *v)
{
	if (iscollectable(v) && isshared(gcvalue(v)))
		w->value(w, v);
}

static void see_object(struct walk *w, GCObject **o)
{
	if (*o && isshared(*o))
		w->object(w, o);
}

static void see_table(struct walk *w, Table *t)
{
	unsigned size = luaH_realasize(t);

	for (unsigned i = 0; i < size; i++)
		see_value(w, &t->array[i]);
	for (int i = 0; i < sizenode(t); i++) {
		Node *n = gnode(t, i);

		if (keyiscollectable(n) && isshared(gckey(n)))
			w->key(w, gckey(n));
		see_value(w, gval(n));
	}
	if (t->metatable) {
		GCObject *m = obj2gco(t->metatable);

		see_object(w, &m);
		t->metatable = m ? gco2t(m) : NULL;
	}
}

static void see_userdata(struct walk *w, Udata *u)
{
	for (int i = 0; i < u->nuvalue; i++)
		see_value(w, &u->uv[i].uv);
	if (u->metatable) {
		GCObject *m = obj2gco(u->metatable);

		see_object(w, &m);
		u->metatable = m ? gco2t(m) : NULL;
	}
}

static void see_thread(struct walk *w, lua_State *th)
{
	if (th->stack)
		for (StkId o = th->stack; o < th->top; o++)
			see_value(w, s2v(o));
}

static void see(struct walk *w, GCObject *o)
{
	switch (o->tt) {
	case LUA_VTABLE:
		see_table(w, gco2t(o));
		break;
	case LUA_VUSERDATA:
		see_userdata(w, gco2u(o));
		break;
	case LUA_VUPVAL:
		if (!upisopen(gco2upv(o)))
			see_value(w, &gco2upv(o)->u.value);
		break;
	case LUA_VCCL:
		for (int i = 0; i < gco2ccl(o)->nupvalues; i++)
			see_value(w, &gco2ccl(o)->upvalue[i]);
		break;
	case LUA_VLCL:
		if (gco2lcl(o)->p) {
			GCObject *p = obj2gco(gco2lcl(o)->p);

			see_object(w, &p);
		}
		break;
	case LUA_VTHREAD:
		see_thread(w, gco2th(o));
		break;
	default:
		break; /* strings; prototypes: their strings are the state's own or the pool's */
	}
}

static void walk(lua_State *L, struct walk *w)
{
	global_State *g = G(L);
	GCObject *const lists[] = { g->allgc, g->finobj, g->tobefnz, g->fixedgc };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (GCObject *o = lists[i]; o; o = o->next)
			if (!isdead(g, o))
				see(w, o);
	see_value(w, &g->l_registry);
	for (int i = 0; i < LUA_NUMTAGS; i++)
		if (g->mt[i]) {
			GCObject *m = obj2gco(g->mt[i]);

			see_object(w, &m);
			g->mt[i] = m ? gco2t(m) : NULL;
		}
}

/* ---- audit ---- */

static void note(struct walk *w, GCObject *o)
{
	struct share_root *r = root_of(o);
	size_t low = 0, high = w->count;

	if (!r || r == w->last)
		return;
	w->last = r;
	while (low < high) {
		size_t i = (low + high) / 2;

		if (w->roots[i] == r) {
			w->used[i] = true;
			return;
		}
		if (w->roots[i] < r)
			low = i + 1;
		else
			high = i;
	}
}

static void note_value(struct walk *w, TValue *v)
{
	note(w, gcvalue(v));
}

static void note_object(struct walk *w, GCObject **o)
{
	note(w, *o);
}

void share_audit(lua_State *L, struct share_root *const *roots, size_t n, bool *ret_used)
{
	struct walk w = { .value = note_value,
			  .key = note,
			  .object = note_object,
			  .roots = roots,
			  .count = n,
			  .used = ret_used };

	for (size_t i = 0; i < n; i++)
		ret_used[i] = false;
	walk(L, &w);
}

/* ---- replace ---- */

/* For values: what is not a table of the old version stays. */
static const void *newer(struct walk *w, GCObject *o)
{
	void **to = o->tt == LUA_VTABLE && root_of(o) == w->from ? ptrmap_find(&w->map, o) : NULL;

	return to ? *to : o;
}

static void turn_value(struct walk *w, TValue *v)
{
	const void *to = newer(w, gcvalue(v));

	if (to == &w->map)
		setnilvalue(v); /* in a table, too, it is an empty place */
	else
		v->value_.gc = (GCObject *)to;
}

static void turn_object(struct walk *w, GCObject **o)
{
	const void *to = newer(w, *o);

	*o = to == &w->map ? NULL : (GCObject *)to;
}

static void keep_key(struct walk *w, GCObject *o)
{
	(void)w;
	(void)o;
}

/* Tables whose counterpart is known and that wait to be gone through. */
struct queue {
	Table **tables;
	size_t count, next;
};

/* False: no memory. to NULL: there is no such table any more. */
static bool pair_up(struct walk *w, struct queue *q, Table *from, const Table *to)
{
	void **known = ptrmap_add(&w->map, from);

	if (!known)
		return false;
	if (*known && (*known != &w->map || !to))
		return true; /* the first path counts, unless it is gone */
	*known = to ? (void *)to : (void *)&w->map;
	q->tables[q->count++] = from;
	return true;
}

static bool pair_value(struct walk *w, struct queue *q, const TValue *v, const TValue *key,
		       Table *to)
{
	const TValue *other = to ? luaH_get(to, key) : NULL;

	if (!ttistable(v))
		return true;
	return pair_up(w, q, hvalue(v), other && ttistable(other) ? hvalue(other) : NULL);
}

static bool pair_children(lua_State *L, struct walk *w, struct queue *q, Table *from)
{
	void *known = *ptrmap_find(&w->map, from);
	Table *to = known == &w->map ? NULL : known;
	TValue k;

	for (unsigned i = 0; i < from->alimit; i++) {
		setivalue(&k, (lua_Integer)i + 1);
		if (!pair_value(w, q, &from->array[i], &k, to))
			return false;
	}
	for (int i = 0; i < sizenode(from); i++) {
		Node *n = gnode(from, i);

		if (isempty(gval(n)))
			continue;
		getnodekey(L, &k, n);
		if (!pair_value(w, q, gval(n), &k, to))
			return false;
	}
	return true;
}

bool share_replace(lua_State *L, struct share_root *from, struct share_root *to)
{
	struct walk w = {
		.value = turn_value, .key = keep_key, .object = turn_object, .from = from
	};
	/* Once without and once with a counterpart, at most. */
	struct queue q = { .tables = malloc(2 * sizeof(Table *) * from->tables) };
	bool ok = q.tables && pair_up(&w, &q, gco2t(from->top), gco2t(to->top));

	while (ok && q.next < q.count)
		ok = pair_children(L, &w, &q, q.tables[q.next++]);
	if (ok)
		walk(L, &w);
	ptrmap_free(&w.map);
	free(q.tables);
	return ok;
}

/* SPDX-License-Identifier: MIT */
/* Shared tables: copies whose reads write nothing. */
#include "share_priv.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lapi.h"
#include "lfunc.h"

#define BITS ((int)(sizeof(int) * CHAR_BIT))

/* How the copy is laid out. */
struct layout {
	unsigned array; /* the last one of these is in use, if there is any */
	unsigned pairs; /* the others */
};

static const TValue *array_at(const Table *t, unsigned i)
{
	return &t->array[i];
}

static unsigned pairs_in_use(const Table *t)
{
	unsigned n = 0;

	for (int i = 0; i < sizenode(t); i++)
		n += !isempty(gval(gnode(t, i)));
	return n;
}

static void count_integer(unsigned *counts, lua_Integer k)
{
	if (k >= 1 && k <= INT_MAX / 2)
		counts[luaO_ceillog2((unsigned)k)]++;
}

/* The largest power of two of which more than half is in use, as Lua's own rehash finds it. */
static unsigned best_array(const unsigned *counts)
{
	unsigned sum = 0, best = 0;

	for (int i = 0; i < BITS - 2; i++) {
		sum += counts[i];
		if (sum > (1u << i) / 2)
			best = 1u << i;
	}
	return best;
}

static bool is_in_array(const TValue *key, unsigned array)
{
	return ttisinteger(key) && ivalue(key) >= 1 && ivalue(key) <= (lua_Integer)array;
}

static struct layout plan(Table *t)
{
	unsigned counts[BITS] = { 0 }, size = luaH_realasize(t), best, total = 0;
	struct layout l = { 0, 0 };

	for (unsigned i = 0; i < size; i++)
		if (!isempty(array_at(t, i))) {
			count_integer(counts, (lua_Integer)i + 1);
			total++;
		}
	for (int i = 0; i < sizenode(t); i++)
		if (!isempty(gval(gnode(t, i))) && keyisinteger(gnode(t, i)))
			count_integer(counts, keyival(gnode(t, i)));
	total += pairs_in_use(t);
	best = best_array(counts);
	l.pairs = total;
	for (unsigned i = 1; i <= best; i++)
		if (!isempty(luaH_getint(t, i))) {
			l.array = i;
			l.pairs--;
		}
	return l;
}

static Table *copy_table(struct copier *c, Table *from);

static LClosure *copy_closure(struct copier *c, const LClosure *from)
{
	LClosure *to = copier_take(c, sizeLclosure(0));
	Proto *p;

	if (to) {
		copier_head(c, to, LUA_VLCL);
		to->nupvalues = 0;
		to->gclist = NULL;
	}
	p = copier_proto(c, from->p);
	if (to)
		to->p = p;
	return to;
}

/* Functions occur once, as tables do; a prototype of two functions is copied twice. */
static GCObject *copy_function(struct copier *c, const LClosure *from)
{
	void **known = ptrmap_add(&c->copies, from);
	LClosure *copy;

	if (!known) {
		c->failed = true;
		return NULL;
	}
	if (*known && *known != c)
		return *known;
	if (!c->block && *known)
		return NULL;
	*known = c;
	copy = copy_closure(c, from);
	known = ptrmap_find(&c->copies, from); /* the map may have moved */
	if (copy)
		*known = copy;
	return copy ? obj2gco(copy) : NULL;
}

static TValue copy_value(struct copier *c, const TValue *v, bool is_key)
{
	TValue to = *v;
	GCObject *o = NULL;

	if (ttisstring(v)) {
		TString *s = copier_string(c, tsvalue(v), is_key);

		o = s ? obj2gco(s) : NULL;
	} else if (ttistable(v)) {
		Table *t = copy_table(c, hvalue(v));

		o = t ? obj2gco(t) : NULL;
	} else if (ttisLclosure(v)) {
		o = copy_function(c, clLvalue(v));
	}
	if (iscollectable(v))
		to.value_.gc = o; /* the tag is the same */
	return to;
}

/* Puts a pair into a copy that has room for it. */
static void insert(struct copier *c, Table *to, const TValue *key, TValue *value)
{
	if (is_in_array(key, to->alimit))
		to->array[ivalue(key) - 1] = *value;
	else
		luaH_newkey(c->L, to, key, value);
}

/* ---- the order of pairs ----
 *
 * A table that is filled with the pairs of another one of the same size has the same order, and not
 * only the same pairs, if those come first that lie where their hash says, and then the others from
 * the last place down: each of them finds its place taken by one of the first, and gets the last
 * one that is free, which is its own. So a copy has the order of what it is a copy of. */

/* marks[i]: the pair of node i lies elsewhere than its hash says, for a chain leads there. */
static void mark_displaced(const Table *t, char *marks)
{
	memset(marks, 0, (size_t)sizenode(t));
	for (int i = 0; i < sizenode(t); i++)
		if (gnext(gnode(t, i)) != 0)
			marks[i + gnext(gnode(t, i))] = 1;
}

/* The node that comes behind node `at` (-1: the first one) in that order; sizenode(t): none. */
static int node_after(const Table *t, const char *marks, int at)
{
	int size = sizenode(t);

	if (at < 0 || !marks[at]) {
		while (++at < size && marks[at])
			;
		if (at < size)
			return at;
	}
	while (--at >= 0 && !marks[at])
		;
	return at >= 0 ? at : size;
}

static void copy_node(struct copier *c, Node *n, Table *to)
{
	TValue k, v;

	if (isempty(gval(n)))
		return;
	getnodekey(c->L, &k, n);
	k = copy_value(c, &k, true);
	v = copy_value(c, gval(n), false);
	if (to)
		insert(c, to, &k, &v);
}

static void copy_pairs(struct copier *c, Table *from, Table *to)
{
	char *marks = malloc((size_t)sizenode(from));
	unsigned size = luaH_realasize(from);

	if (!marks) {
		c->failed = true;
		return;
	}
	mark_displaced(from, marks);
	for (unsigned i = 0; i < size; i++)
		if (!isempty(array_at(from, i))) {
			TValue v = copy_value(c, array_at(from, i), false), k;

			setivalue(&k, (lua_Integer)i + 1);
			if (to)
				insert(c, to, &k, &v);
		}
	for (int i = -1; (i = node_after(from, marks, i)) < sizenode(from);)
		copy_node(c, gnode(from, i), to);
	free(marks);
}

void share_get_sizes(lua_State *L, int index, struct share_sizes *ret)
{
	const Table *t = lua_topointer(L, index);

	*ret = (struct share_sizes){ .list = luaH_realasize(t), .others = pairs_in_use(t) };
	for (unsigned i = 0; i < ret->list; i++)
		ret->in_list += !isempty(array_at(t, i));
}

void share_walk(lua_State *L, int index, void (*f)(lua_State *L, void *ud), void *ud)
{
	const Table *t = lua_topointer(L, index);
	char *marks = lua_newuserdatauv(L, (size_t)sizenode(t), 0);

	mark_displaced(t, marks);
	for (unsigned i = 0; i < luaH_realasize(t); i++)
		if (!isempty(array_at(t, i))) {
			lua_pushinteger(L, (lua_Integer)i + 1);
			setobj2s(L, L->top, array_at(t, i));
			api_incr_top(L);
			f(L, ud);
			lua_pop(L, 2);
		}
	for (int i = -1; (i = node_after(t, marks, i)) < sizenode(t);) {
		Node *n = gnode(t, i);

		if (isempty(gval(n)))
			continue;
		getnodekey(L, s2v(L->top), n);
		setobj2s(L, L->top + 1, gval(n));
		L->top += 2;
		f(L, ud);
		lua_pop(L, 2);
	}
	lua_pop(L, 1);
}

/* An empty table with this room; it never rehashes. */
static void lay_out(struct copier *c, Table *t, struct layout l, TValue *array, Node *nodes,
		    int lsize)
{
	copier_head(c, t, LUA_VTABLE);
	t->flags = 0; /* alimit is the real size */
	t->alimit = l.array;
	t->array = array;
	t->metatable = NULL;
	t->gclist = NULL;
	t->lsizenode = (lu_byte)lsize;
	t->node = nodes;
	t->lastfree = l.pairs ? nodes + sizenode(t) : NULL;
	for (unsigned i = 0; i < l.array; i++)
		setempty(&array[i]);
	for (int i = 0; l.pairs && i < sizenode(t); i++) {
		gnext(gnode(t, i)) = 0;
		setnilkey(gnode(t, i));
		setempty(gval(gnode(t, i)));
	}
}

/* Which metamethods it has not, should somebody use it as a metatable: nobody may note that later.
 */
static void complete_flags(struct copier *c, Table *t)
{
	for (int e = 0; e <= TM_EQ; e++)
		if (isempty(luaH_getshortstr(t, G(c->L)->tmname[e])))
			t->flags |= (lu_byte)(1u << e);
}

static Table *copy_table(struct copier *c, Table *from)
{
	void **known = ptrmap_add(&c->copies, from);
	struct layout l;
	TValue *array;
	Node *nodes;
	Table *to;
	int lsize;

	if (!known) {
		c->failed = true;
		return NULL;
	}
	if (*known && (!c->block || *known != c))
		return c->block ? *known : NULL;
	*known = c; /* while counting: it was counted */
	l = plan(from);
	lsize = l.pairs ? luaO_ceillog2(l.pairs) : 0;
	to = copier_take(c, sizeof(*to));
	array = copier_take(c, sizeof(*array) * l.array);
	nodes = copier_take(c, l.pairs ? sizeof(*nodes) << lsize : 0);
	c->tables++;
	if (to) {
		*known = to;
		lay_out(c, to, l, array, l.pairs ? nodes : c->dummy, lsize);
	}
	copy_pairs(c, from, to);
	if (to)
		complete_flags(c, to);
	return to;
}

static GCObject *copy_top(struct copier *c, const void *from)
{
	Table *t = copy_table(c, (Table *)from);

	return t ? obj2gco(t) : NULL;
}

struct share_root *share_table(lua_State *L, int index)
{
	const Table *t = lua_topointer(L, index), *empty;

	lua_newtable(L);
	empty = lua_topointer(L, -1);
	lua_pop(L, 1);
	return copier_run(L, empty->node, copy_top, t);
}

void share_push_table(lua_State *L, struct share_root *r)
{
	sethvalue2s(L, L->top, gco2t(r->top));
	api_incr_top(L);
}

bool share_is_table(lua_State *L, int index)
{
	return lua_type(L, index) == LUA_TTABLE && isshared((const Table *)lua_topointer(L, index));
}

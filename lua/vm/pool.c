/* SPDX-License-Identifier: MIT */
/* The pool of short strings, and the seed that all states hash with.
 *
 * A string is found by its content, one object a content, and stays for good. Looking up takes no
 * lock: a table of hashes and one of pointers, open addressing, half full at most. Who adds holds
 * the lock, writes the string, then its pointer with release, then its hash; who looks reads the
 * hash first, then the pointer with acquire. A table that is full is copied to one twice as large;
 * the old ones are kept, for somebody may be looking into them, and are together smaller than the
 * new one. Not to find a string that was added a moment ago is harmless: the state makes one of its
 * own then, and twins are equal (luaS_istwin).
 */
#include "share_priv.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 2048u
#define POOL_MAX (1u << 21) /* strings; what comes later is private to its root */
#define CHUNK ((size_t)32 << 10)

struct table {
	uint32_t size;
	struct table *before;	   /* kept: see above */
	_Atomic(uint32_t) *hashes; /* 0: free */
	_Atomic(TString *) *strings;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(struct table *) current; /* release by who grows it, acquire by who looks */
static atomic_uint seed;		/* 0: not yet. Relaxed: only the value itself is used */
static atomic_size_t count, bytes;	/* relaxed: statistics; written under the lock */
static char *chunk;			/* under the lock, as `left` */
static size_t left;

unsigned int luaS_seed(unsigned int first)
{
	unsigned none = 0;

	if (first == 0)
		first = 1;
	if (atomic_compare_exchange_strong_explicit(&seed, &none, first, memory_order_relaxed,
						    memory_order_relaxed))
		return first;
	return none;
}

unsigned share_seed(unsigned first)
{
	return luaS_seed(first);
}

int luaS_istwin(const TString *a, const TString *b)
{
	return (isshared(a) || isshared(b)) && a->shrlen == b->shrlen &&
	       memcmp(getstr(a), getstr(b), a->shrlen) == 0;
}

static uint32_t mark_of(unsigned h)
{
	return h ? h : 1;
}

static TString *find(const struct table *t, const char *s, size_t l, unsigned h)
{
	uint32_t mark = mark_of(h), got;

	/* The bits that a small table of a state takes are spent: all strings of one of its lists
	 * have them. */
	for (uint32_t i = (h ^ h >> 15) & (t->size - 1);; i = (i + 1) & (t->size - 1)) {
		/* relaxed: the pointer orders what is read behind it */
		got = atomic_load_explicit(&t->hashes[i], memory_order_relaxed);
		if (got == 0)
			return NULL;
		if (got != mark)
			continue;
		/* acquire: pairs with the release in put */
		TString *ts = atomic_load_explicit(&t->strings[i], memory_order_acquire);

		if (ts && ts->shrlen == l && memcmp(getstr(ts), s, l) == 0)
			return ts;
	}
}

TString *luaS_pooled(const char *str, size_t l, unsigned int h)
{
	const struct table *t = atomic_load_explicit(&current, memory_order_acquire); /* grow */

	return t ? find(t, str, l, h) : NULL;
}

/* ---- adding, under the lock ---- */

static void put(struct table *t, TString *ts)
{
	uint32_t i = (ts->hash ^ ts->hash >> 15) & (t->size - 1);

	while (atomic_load_explicit(&t->hashes[i], memory_order_relaxed))
		i = (i + 1) & (t->size - 1);
	/* release: pairs with the acquire in find. The hash may be seen first: then the pointer is
	 * NULL. */
	atomic_store_explicit(&t->strings[i], ts, memory_order_release);
	atomic_store_explicit(&t->hashes[i], mark_of(ts->hash), memory_order_relaxed);
}

static struct table *grow(struct table *old)
{
	uint32_t size = old ? old->size * 2 : FIRST_SIZE;
	struct table *t = calloc(1, sizeof(*t) + size * (sizeof(*t->strings) + sizeof(*t->hashes)));

	if (!t)
		return NULL;
	t->size = size;
	t->before = old;
	t->strings = (void *)(t + 1);
	t->hashes = (void *)(t->strings + size);
	for (uint32_t i = 0; old && i < old->size; i++) {
		TString *ts = atomic_load_explicit(&old->strings[i], memory_order_relaxed);

		if (ts)
			put(t, ts);
	}
	atomic_store_explicit(&current, t, memory_order_release); /* luaS_pooled */
	return t;
}

static TString *place_string(size_t l)
{
	size_t need = (sizelstring(l) + 7) & ~(size_t)7;
	char *at;

	if (left < need) {
		chunk = malloc(CHUNK);
		left = chunk ? CHUNK : 0;
		if (!chunk)
			return NULL;
	}
	at = chunk;
	chunk += need;
	left -= need;
	return (TString *)at;
}

static TString *add(const TString *s)
{
	struct table *t = atomic_load_explicit(&current, memory_order_relaxed);
	size_t n = atomic_load_explicit(&count, memory_order_relaxed);
	TString *ts = t ? find(t, getstr(s), s->shrlen, s->hash) : NULL;

	if (ts || n >= POOL_MAX)
		return ts;
	if ((!t || n * 2 >= t->size) && !(t = grow(t)))
		return NULL;
	ts = place_string(s->shrlen);
	if (!ts)
		return NULL;
	memcpy(ts, s, sizelstring(s->shrlen)); /* `extra`, which tells a reserved word, too */
	ts->next = NULL;
	ts->u.hnext = NULL;
	ts->marked = SHARED_MARK;
	put(t, ts);
	atomic_store_explicit(&count, n + 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&bytes, sizelstring(s->shrlen), memory_order_relaxed);
	return ts;
}

TString *pool_intern(const TString *s)
{
	TString *ts = luaS_pooled(getstr(s), s->shrlen, s->hash);

	if (ts)
		return ts;
	pthread_mutex_lock(&lock);
	ts = add(s);
	pthread_mutex_unlock(&lock);
	return ts;
}

void share_names(lua_State *L)
{
	const stringtable *tb = &G(L)->strt;

	for (int i = 0; i < tb->size; i++)
		for (const TString *s = tb->hash[i]; s; s = s->u.hnext)
			(void)pool_intern(s);
}

void pool_stats(struct share_stats *ret)
{
	ret->pool_strings = atomic_load_explicit(&count, memory_order_relaxed);
	ret->pool_bytes = atomic_load_explicit(&bytes, memory_order_relaxed);
}

/* SPDX-License-Identifier: MIT */
/* The table of moves: see move_table.h. */
#include "harbor/link/move_table.h"

#include "core/base/mem.h"
#include "core/base/must.h"

struct entry {
	uint32_t handle;
	int32_t one; /* 1: the entry is in use */
	struct move *first;
};

static const struct sessions_kind KIND = {
	.entry = sizeof(struct entry),
	.session = offsetof(struct entry, one),
	.service = offsetof(struct entry, handle),
	.first = 64,
};

atomic_uint_least64_t move_filter[(1u << MOVE_FILTER_BITS) / 64];

struct move *move_table_from(const struct move_table *t, uint32_t from)
{
	const struct entry *e = sessions_find(&t->from, &KIND, from, 1);

	return e ? e->first : NULL;
}

struct move *move_table_to(const struct move_table *t, uint32_t to)
{
	const struct entry *e = sessions_find(&t->to, &KIND, to, 1);

	return e ? e->first : NULL;
}

/* A filter of a megabit is gone through once for so many moves. */
#define STALE_MAX 4096u

/* Its forwarder, if that is here, serves stragglers without it. */
static bool is_done(const struct move *r)
{
	return r->way == WAY_NEW || (r->way == WAY_OWN && r->finished);
}

static void set_bit(uint32_t handle, uint64_t *bits)
{
	uint32_t bit = move_filter_bit(handle);

	bits[bit / 64] |= UINT64_C(1) << (bit % 64);
}

/* The handles behind r: whoever sends to one of them goes r's way, too. */
static void each_end(const struct move_table *t, const struct move *r,
		     void (*f)(uint32_t handle, uint64_t *bits), uint64_t *bits)
{
	for (unsigned i = 0; r && i < MOVE_TABLE_HOPS; i++) {
		f(r->to, bits);
		r = move_table_from(t, r->to);
	}
}

/* Who reads meanwhile sees a word as it was or as it is, and both have what is needed. */
static void rebuild(struct move_table *t)
{
	uint64_t *bits = mem_zalloc(sizeof(move_filter));

	for (const struct move *r = t->all.first; r; r = r->next) {
		set_bit(r->from, bits);
		if (!is_done(r))
			each_end(t, r, set_bit, bits);
	}
	for (size_t i = 0; i < array_len(move_filter); i++)
		/* relaxed: a bit that goes is one that nobody needs */
		if (atomic_load_explicit(&move_filter[i], memory_order_relaxed) != bits[i])
			atomic_store_explicit(&move_filter[i], bits[i], memory_order_relaxed);
	mem_free(bits);
	t->stale = 0;
}

static void grow_stale(struct move_table *t)
{
	if (++t->stale >= STALE_MAX)
		rebuild(t);
}

void move_table_settle(struct move_table *t, const struct move *r)
{
	must_slow(is_done(r));
	grow_stale(t);
}

static void mark(uint32_t handle, uint64_t *unused)
{
	uint32_t bit = move_filter_bit(handle);

	(void)unused;
	/* see moves_concern */
	atomic_fetch_or_explicit(&move_filter[bit / 64], UINT64_C(1) << (bit % 64),
				 memory_order_seq_cst);
}

static void link_to(struct move_table *t, struct move *r)
{
	struct entry *e = sessions_find(&t->to, &KIND, r->to, 1);

	if (!e) {
		e = sessions_add(&t->to, &KIND, r->to, 1);
		*e = (struct entry){ r->to, 1, NULL };
	}
	r->same_to = e->first;
	e->first = r;
	each_end(t, r, mark, NULL);
}

static void unlink_to(struct move_table *t, struct move *r)
{
	struct entry *e = sessions_find(&t->to, &KIND, r->to, 1);
	struct move **at = &e->first;

	while (*at != r)
		at = &(*at)->same_to;
	*at = r->same_to;
	if (!e->first)
		sessions_remove(&t->to, &KIND, e);
}

void move_table_remove(struct move_table *t, struct move *r)
{
	struct move **at = &t->all.first;

	must(list_is_empty(&r->held));
	while (*at != r)
		at = &(*at)->next;
	list_unlink(&t->all, at, next);
	sessions_remove(&t->from, &KIND, sessions_find(&t->from, &KIND, r->from, 1));
	unlink_to(t, r);
	t->count--;
	mem_free(r->numbers);
	mem_free(r);
	grow_stale(t);
}

/* Done, and nothing here stands for it. */
static bool is_over(const struct move *r)
{
	return r->way == WAY_NEW;
}

/* A claim that nothing came of. */
static bool is_idle(const struct move *r)
{
	return r->way == WAY_OLD;
}

static bool remove_first(struct move_table *t, bool (*may_go)(const struct move *r))
{
	for (struct move *r = t->all.first; r; r = r->next) {
		if (may_go(r)) {
			move_table_remove(t, r);
			return true;
		}
	}
	return false;
}

/* false: all are needed. */
static bool make_room(struct move_table *t)
{
	return t->count < MOVE_TABLE_MAX || remove_first(t, is_over) || remove_first(t, is_idle);
}

struct move *move_table_add(struct move_table *t, uint32_t from, uint32_t to, enum way way)
{
	struct move *r;
	struct entry *e;

	must(from != to && !move_table_from(t, from));
	if (!make_room(t))
		return NULL;
	r = mem_zalloc(sizeof(*r));
	r->from = from;
	r->to = to;
	r->way = way;
	list_append(&t->all, r, next);
	t->count++;
	e = sessions_add(&t->from, &KIND, from, 1);
	*e = (struct entry){ from, 1, r };
	mark(from, NULL);
	link_to(t, r);
	return r;
}

void move_table_lead(struct move_table *t, struct move *r, uint32_t to)
{
	must(r->from != to);
	unlink_to(t, r);
	r->to = to;
	link_to(t, r);
}

uint32_t move_table_last(const struct move_table *t, uint32_t handle)
{
	for (unsigned i = 0; i < MOVE_TABLE_HOPS; i++) {
		const struct move *r = move_table_from(t, handle);

		if (!r)
			break;
		handle = r->to;
	}
	return handle;
}

bool move_table_passes(const struct move_table *t, uint32_t handle, uint32_t by)
{
	for (unsigned i = 0; i <= MOVE_TABLE_HOPS; i++) {
		const struct move *r;

		if (handle == by)
			return true;
		r = move_table_from(t, handle);
		if (!r)
			break;
		handle = r->to;
	}
	return false;
}

void move_table_fini(struct move_table *t)
{
	while (t->all.first)
		move_table_remove(t, t->all.first);
	sessions_fini(&t->from);
	sessions_fini(&t->to);
	for (size_t i = 0; i < array_len(move_filter); i++)
		atomic_store_explicit(&move_filter[i], 0, memory_order_relaxed);
	t->stale = 0;
}

/* SPDX-License-Identifier: MIT */
/* Calls: see calls.h.
 *
 * Ordering  Z1 the figures of a thread are filled with zeros, then store(pointer) release /
 *              load(pointer) acquire: a reader sees them whole. What they count is relaxed: each
 *              number has one writer, and readers want them nearly right.
 */
#include "core/actor/calls.h"

#include <stdatomic.h>

#include "core/actor/tally.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/ds/stack.h"

/* Who measures more often than this does so less often, and the other way round. */
#define OFTEN_NS (250 * NS_PER_US)
#define RARELY_NS NS_PER_MS
#define PERIOD_MAX 32u
/* A beginning is its cycles, shifted by this, and its weight below: at most 2 * PERIOD_MAX - 1. */
#define WEIGHT_BITS 6u
#define WEIGHT_MASK ((UINT64_C(1) << WEIGHT_BITS) - 1)
_Static_assert(2 * PERIOD_MAX - 1 <= WEIGHT_MASK, "a weight fits");

#define SLOTS (2 * CALLS_PAIRS_MAX)
#define SLOT_OTHER SLOTS /* the pair for what has no place */

struct figures {
	atomic_uint_least64_t errors, sum, max;
	atomic_uint_least64_t buckets[CALLS_BUCKETS];
};

struct thread {
	struct thread *next;
	_Atomic(struct figures *) slots[SLOTS + 1];
};

static struct {
	/* 1 + (caller << 16 | callee), 0 = free; an open hash in which nothing goes; relaxed */
	atomic_uint keys[SLOTS];
	atomic_uint used;
	_Atomic(struct thread *) threads; /* newest first; none goes */
} C;

static _Thread_local struct thread *self;

/* ---- measuring ---- */

uint64_t calls_measure(struct calls_sampler *c, uint64_t now_ns)
{
	uint64_t now = clock_cycles(), since = now - c->last;
	unsigned weight = c->stride ? c->stride - c->skip + 1u : 1;

	if (since > clock_cycles_in(RARELY_NS))
		c->period /= 2;
	else if (since < clock_cycles_in(OFTEN_NS) && c->period < PERIOD_MAX)
		c->period = c->period ? c->period * 2 : 2;
	c->last = now;
	c->until_ns = now_ns + RARELY_NS;
	/* By chance, so that a caller's own rhythm does not hide one of its callees. The lowest
	 * bits of the counter are chance enough, spread by a multiplication. */
	c->skip = c->period < 2
			  ? 1
			  : (uint16_t)(1 + (uint32_t)(now * 2654435769u) % (2 * c->period - 1));
	c->stride = c->skip;
	return now << WEIGHT_BITS | weight;
}

unsigned calls_bucket(uint64_t units)
{
	unsigned bit;

	if (units < UINT64_C(1) << CALLS_FIRST_BIT)
		return 0;
	if (units >= UINT64_C(1) << CALLS_LAST_BIT)
		return CALLS_BUCKETS - 1;
	bit = 63 - (unsigned)__builtin_clzll(units);
	return 1 + (bit - CALLS_FIRST_BIT) * 4 + (unsigned)(units >> (bit - 2) & 3);
}

/* The place of a pair, which it has from then on. */
static unsigned slot_of(unsigned caller, unsigned callee)
{
	unsigned key = 1 + (caller << 16 | callee), there;

	for (unsigned i = key * 2654435769u % SLOTS;; i = (i + 1) % SLOTS) {
		there = atomic_load_explicit(&C.keys[i], memory_order_relaxed);
		if (there == key)
			return i;
		if (there)
			continue;
		if (atomic_fetch_add_explicit(&C.used, 1, memory_order_relaxed) < CALLS_PAIRS_MAX &&
		    atomic_compare_exchange_strong_explicit(
			    &C.keys[i], &there, key, memory_order_relaxed, memory_order_relaxed))
			return i;
		atomic_fetch_sub_explicit(&C.used, 1, memory_order_relaxed);
		if (!there)
			return SLOT_OTHER;
		if (there == key)
			return i;
	}
}

static noinline void introduce_thread(void)
{
	self = mem_zalloc(sizeof(*self));
	stack_push(&C.threads, self, next);
}

static struct figures *figures_of(unsigned slot)
{
	struct figures *f;

	if (unlikely(!self))
		introduce_thread();
	f = atomic_load_explicit(&self->slots[slot], memory_order_relaxed);
	if (unlikely(!f)) {
		f = mem_zalloc(sizeof(*f));
		atomic_store_explicit(&self->slots[slot], f, memory_order_release); /* Z1 */
	}
	return f;
}

static void add(atomic_uint_least64_t *to, uint64_t n)
{
	atomic_store_explicit(to, atomic_load_explicit(to, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

void calls_end(unsigned caller, unsigned callee, uint64_t begun, bool failed)
{
	struct figures *f = figures_of(slot_of(caller, callee));
	uint64_t cycles, units, weight = begun & WEIGHT_MASK;

	must(caller < TALLIES_MAX && callee < TALLIES_MAX);
	if (failed)
		add(&f->errors, 1);
	if (!begun)
		return;
	/* Both shifted, so that a counter that went round does no harm; cores may differ. */
	cycles = ((clock_cycles() << WEIGHT_BITS) - (begun & ~WEIGHT_MASK)) >> WEIGHT_BITS;
	if (cycles >> (63 - WEIGHT_BITS))
		cycles = 0;
	units = clock_ns_of(cycles) * CALLS_UNITS_PER_US / NS_PER_US;
	add(&f->sum, units * weight);
	add(&f->buckets[calls_bucket(units)], weight);
	if (units > atomic_load_explicit(&f->max, memory_order_relaxed))
		atomic_store_explicit(&f->max, units, memory_order_relaxed);
}

/* ---- looking ---- */

static uint64_t get(const atomic_uint_least64_t *n)
{
	return atomic_load_explicit(n, memory_order_relaxed);
}

static void add_figures(struct calls_pair *p, const struct figures *f)
{
	p->errors += get(&f->errors);
	p->sum += get(&f->sum);
	p->max = max_u64(p->max, get(&f->max));
	for (unsigned i = 0; i < CALLS_BUCKETS; i++)
		p->buckets[i] += get(&f->buckets[i]);
}

static bool gather(struct calls_pair *p, unsigned slot)
{
	bool any = false;

	for (struct thread *t = atomic_load_explicit(&C.threads, memory_order_acquire); t;
	     t = t->next) {
		struct figures *f = atomic_load_explicit(&t->slots[slot],
							 memory_order_acquire); /* Z1 */

		if (!f)
			continue;
		any = true;
		add_figures(p, f);
	}
	return any;
}

void calls_foreach(void (*f)(const struct calls_pair *p, void *ud), void *ud)
{
	must(f);
	for (unsigned i = 0; i <= SLOTS; i++) {
		unsigned key = i == SLOT_OTHER
				       ? 1
				       : atomic_load_explicit(&C.keys[i], memory_order_relaxed);
		struct calls_pair p = { .caller = (key - 1) >> 16, .callee = (key - 1) & 0xffff };

		if (key && gather(&p, i))
			f(&p, ud);
	}
}

/* Where a bucket ends; the last one has no end. */
static uint64_t bucket_end(unsigned bucket)
{
	unsigned bit = CALLS_FIRST_BIT + (bucket - 1) / 4;

	if (bucket == 0)
		return UINT64_C(1) << CALLS_FIRST_BIT;
	return (UINT64_C(1) << bit) + ((UINT64_C(1) << bit) / 4) * ((bucket - 1) % 4 + 1);
}

uint64_t calls_measured(const struct calls_pair *p)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < CALLS_BUCKETS; i++)
		sum += p->buckets[i];
	return sum;
}

uint64_t calls_quantile(const struct calls_pair *p, double part)
{
	uint64_t sum = 0, all = calls_measured(p);

	for (unsigned i = 0; i + 1 < CALLS_BUCKETS; i++) {
		sum += p->buckets[i];
		if (sum && (double)sum >= part * (double)all)
			return bucket_end(i) < p->max ? bucket_end(i) : p->max;
	}
	return all ? p->max : 0;
}

uint64_t calls_below(const struct calls_pair *p, unsigned bit)
{
	uint64_t sum = 0;

	must(bit >= CALLS_FIRST_BIT && bit <= CALLS_LAST_BIT);
	for (unsigned i = 0; i <= (bit - CALLS_FIRST_BIT) * 4; i++)
		sum += p->buckets[i];
	return sum;
}

/* SPDX-License-Identifier: MIT */
#ifndef HARBORD_SPINLOCK_H
#define HARBORD_SPINLOCK_H
/*
 * A lock for a few instructions, for threads of a C module. Who waits turns round for a moment and
 * then gives his processor away, for the holder may be waiting for one. For anything longer a mutex
 * of pthread is better. The macros are for a struct with a field `lock` of this type.
 *
 * Threads: any. It is not recursive.
 */
#include <sched.h>
#ifdef __cplusplus
extern "C" {
#endif

#define SPIN_INIT(q) spinlock_init(&(q)->lock)
#define SPIN_LOCK(q) spinlock_lock(&(q)->lock)
#define SPIN_UNLOCK(q) spinlock_unlock(&(q)->lock)
#define SPIN_DESTROY(q) spinlock_destroy(&(q)->lock)

struct spinlock {
	int lock; /* 1: somebody holds it */
};

static inline void spinlock_init(struct spinlock *l)
{
	__atomic_store_n(&l->lock, 0, __ATOMIC_RELAXED);
}

/* Returns whether the lock is the caller's now. Acquire: pairs with the release of unlock. */
static inline int spinlock_trylock(struct spinlock *l)
{
	return __atomic_load_n(&l->lock, __ATOMIC_RELAXED) == 0 &&
	       __atomic_exchange_n(&l->lock, 1, __ATOMIC_ACQUIRE) == 0;
}

static inline void spinlock_lock(struct spinlock *l)
{
	int turns = 0;

	while (!spinlock_trylock(l))
		if (++turns % 128 == 0)
			sched_yield();
}

/* Release: what its holder wrote is there for the next one. */
static inline void spinlock_unlock(struct spinlock *l)
{
	__atomic_store_n(&l->lock, 0, __ATOMIC_RELEASE);
}

static inline void spinlock_destroy(struct spinlock *l)
{
	(void)l;
}

#ifdef __cplusplus
}
#endif
#endif

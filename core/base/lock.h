/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Locks, each of a class that has a name and a rank in locks.def.
 *
 * A build with CHECKS=1 (sanitizers, FAULTS=1) remembers what each thread holds and where it took
 * it. It ends the process with both names and both places when a thread waits for a lock whose rank
 * is not above all that it holds, and when something that needs a lock (a function *_locked, by
 * lock_held) is called without it. In any other build a lock is a pthread lock and nothing else.
 *
 * Three kinds: struct lock for one, struct rwlock for many readers or one writer, and an
 * atomic_bool as a spin lock, which is so small that each service can have one.
 *
 * Threads: any. A lock is released by the thread that took it.
 * Test: tests/unit/core/base/test_lock.c
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include "core/base/base.h"
#include "core/base/clock.h"

enum lock_class {
	LOCK_none, /* not initialised */
#define LOCK(name, rank, what) LOCK_##name,
#include "core/base/locks.def"
#undef LOCK
	LOCK_CLASSES
};

#ifdef CHECKS
#define LOCK_CLASS enum lock_class class;
#define LOCK_OF(name) , .class = LOCK_##name
#define lock_set_class(l, c) ((void)((l)->class = (c)))
#define lock_get_class(l) ((l)->class)
/* Before it waits; after it has got it, exclusively or as one of many; before it lets go; while it
 * should have it. */
void lock_note_wait(enum lock_class c, const char *file, int line);
void lock_note_taken(const void *l, enum lock_class c, bool exclusive, const char *file, int line);
void lock_note_released(const void *l, enum lock_class c, const char *file, int line);
void lock_note_held(const void *l, enum lock_class c, bool exclusive, const char *file, int line);
#else
#define LOCK_CLASS
#define LOCK_OF(name)
#define lock_set_class(l, c) ((void)(c))
#define lock_get_class(l) LOCK_none
#define lock_note_wait(c, file, line) ((void)0)
#define lock_note_taken(l, c, exclusive, file, line) ((void)0)
#define lock_note_released(l, c, file, line) ((void)0)
#define lock_note_held(l, c, exclusive, file, line) ((void)0)
#endif

/* ---- one at a time ---- */

struct lock {
	pthread_mutex_t mutex;
	LOCK_CLASS
};

/* For a static one: LOCK_INIT(handles). */
#define LOCK_INIT(name)                                          \
	{                                                        \
		.mutex = PTHREAD_MUTEX_INITIALIZER LOCK_OF(name) \
	}

static inline void lock_init(struct lock *l, enum lock_class c)
{
	pthread_mutex_init(&l->mutex, NULL);
	lock_set_class(l, c);
}

/* Nobody holds it. */
static inline void lock_fini(struct lock *l)
{
	pthread_mutex_destroy(&l->mutex);
}

#define lock_take(l) lock_take_at(l, __FILE__, __LINE__)
static inline void lock_take_at(struct lock *l, const char *file, int line)
{
	lock_note_wait(lock_get_class(l), file, line);
	pthread_mutex_lock(&l->mutex);
	lock_note_taken(l, lock_get_class(l), true, file, line);
}

/* false: another thread has it. Who does not wait may take any lock in any order. */
#define lock_try(l) lock_try_at(l, __FILE__, __LINE__)
static inline bool must_use lock_try_at(struct lock *l, const char *file, int line)
{
	if (pthread_mutex_trylock(&l->mutex) != 0)
		return false;
	lock_note_taken(l, lock_get_class(l), true, file, line);
	return true;
}

#define lock_release(l) lock_release_at(l, __FILE__, __LINE__)
static inline void lock_release_at(struct lock *l, const char *file, int line)
{
	lock_note_released(l, lock_get_class(l), file, line);
	pthread_mutex_unlock(&l->mutex);
}

/* This thread has it, or the process ends, in builds with CHECKS=1. */
#define lock_held(l) lock_note_held(l, lock_get_class(l), true, __FILE__, __LINE__)

/* Lets go of the lock until somebody signals, and takes it again. It may return for nothing. */
#define lock_wait(l, cond) lock_wait_at(l, cond, __FILE__, __LINE__)
static inline void lock_wait_at(struct lock *l, pthread_cond_t *cond, const char *file, int line)
{
	lock_note_held(l, lock_get_class(l), true, file, line);
	pthread_cond_wait(cond, &l->mutex);
}

/* The same, until until_ns on the monotonic clock at most. false: that time has come. */
#define lock_wait_until(l, cond, until_ns) lock_wait_until_at(l, cond, until_ns, __FILE__, __LINE__)
static inline bool lock_wait_until_at(struct lock *l, pthread_cond_t *cond, uint64_t until_ns,
				      const char *file, int line)
{
	struct timespec until = { (time_t)(until_ns / NS_PER_SEC), (long)(until_ns % NS_PER_SEC) };

	lock_note_held(l, lock_get_class(l), true, file, line);
	return pthread_cond_clockwait(cond, &l->mutex, CLOCK_MONOTONIC, &until) == 0;
}

/* ---- many readers or one writer ---- */

struct rwlock {
	pthread_rwlock_t rw;
	LOCK_CLASS
};

#define RWLOCK_INIT(name)                                      \
	{                                                      \
		.rw = PTHREAD_RWLOCK_INITIALIZER LOCK_OF(name) \
	}

static inline void rwlock_init(struct rwlock *l, enum lock_class c)
{
	pthread_rwlock_init(&l->rw, NULL);
	lock_set_class(l, c);
}

static inline void rwlock_fini(struct rwlock *l)
{
	pthread_rwlock_destroy(&l->rw);
}

#define rwlock_read(l) rwlock_read_at(l, __FILE__, __LINE__)
static inline void rwlock_read_at(struct rwlock *l, const char *file, int line)
{
	lock_note_wait(lock_get_class(l), file, line);
	pthread_rwlock_rdlock(&l->rw);
	lock_note_taken(l, lock_get_class(l), false, file, line);
}

#define rwlock_write(l) rwlock_write_at(l, __FILE__, __LINE__)
static inline void rwlock_write_at(struct rwlock *l, const char *file, int line)
{
	lock_note_wait(lock_get_class(l), file, line);
	pthread_rwlock_wrlock(&l->rw);
	lock_note_taken(l, lock_get_class(l), true, file, line);
}

#define rwlock_release(l) rwlock_release_at(l, __FILE__, __LINE__)
static inline void rwlock_release_at(struct rwlock *l, const char *file, int line)
{
	lock_note_released(l, lock_get_class(l), file, line);
	pthread_rwlock_unlock(&l->rw);
}

/* This thread reads or writes; this thread writes. */
#define rwlock_held(l) lock_note_held(l, lock_get_class(l), false, __FILE__, __LINE__)
#define rwlock_held_to_write(l) lock_note_held(l, lock_get_class(l), true, __FILE__, __LINE__)

/* ---- a spin lock, held for some instructions ---- */

#define spin_take(busy, c) spin_take_at(busy, c, __FILE__, __LINE__)
static inline void spin_take_at(atomic_bool *busy, enum lock_class c, const char *file, int line)
{
	lock_note_wait(c, file, line);
	/* acquire, paired with the release in spin_release */
	while (atomic_exchange_explicit(busy, true, memory_order_acquire))
		cpu_relax();
	lock_note_taken(busy, c, true, file, line);
}

#define spin_release(busy, c) spin_release_at(busy, c, __FILE__, __LINE__)
static inline void spin_release_at(atomic_bool *busy, enum lock_class c, const char *file, int line)
{
	lock_note_released(busy, c, file, line);
	/* release, paired with the acquire in spin_take */
	atomic_store_explicit(busy, false, memory_order_release);
}

/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Slab: memory for objects of one size that threads may look at after they were freed.
 *
 * An object's address is an object of the same pool for ever (type-stable): the memory is never
 * unmapped before slab_fini. What a late reader finds there is the object as it was freed, a later
 * object, or, after slab_trim, zeros; the object must be made so that all three tell it to go away.
 *
 * Threads: any; one lock a pool. Limits: memory; an object is at most SLAB_BYTES / 8 bytes.
 * Test: tests/unit/core/ds/test_slab.c
 */
#include "core/base/base.h"
#include "core/base/lock.h"

#define SLAB_BYTES ((size_t)512 << 10)

struct slab;

struct slab_pool {
	struct lock lock;
	/* of an object, a multiple of CACHE_LINE: where it lies begins a line */
	size_t size;
	/* offset of a pointer in the object that is the pool's while the object is free */
	size_t link;
	struct slab *all;
	struct slab *room; /* those with a free object, doubly linked */
};

#define SLAB_POOL(type, member)                                                               \
	{                                                                                     \
		.lock = LOCK_INIT(slab), .size = sizeof(type), .link = offsetof(type, member) \
	}

/* An object: as it was freed, or zeros. NULL: no memory. */
void *slab_alloc(struct slab_pool *p);
void slab_free(struct slab_pool *p, void *object);
/* Gives the pages of slabs without any object in use back to the system. Their objects read as
 * zeros from then on. */
void slab_trim(struct slab_pool *p);
/* Unmaps everything; no thread may look any more. The pool is as new. */
void slab_fini(struct slab_pool *p);

/* SPDX-License-Identifier: MIT */
/* Slab: see slab.h.
 *
 * A slab is 512 KiB at a multiple of 512 KiB, so an object's slab is its address rounded down. Its
 * first page holds the head and is never given back; objects lie behind it. They are carved one
 * after another, so pages that were never needed are never touched; freed ones are on a list
 * through their own pointer. A slab that is trimmed begins to carve from its start again.
 */
#include "core/ds/slab.h"

#include <sys/mman.h>

#include "core/base/must.h"

#define HEAD_BYTES ((size_t)4096)

struct slab {
	struct slab *all_next;
	/* room_link: what points to us, NULL: not on the list */
	struct slab *room_next, **room_link;
	void *free;	 /* freed objects */
	unsigned carved; /* objects ever given out since the last trim */
	unsigned used;
};

/* Slabs are no part of the heap: where LeakSanitizer looks for pointers. Weak: most builds have
 * none. */
void __lsan_register_root_region(const void *p, size_t size) __attribute__((weak));
void __lsan_unregister_root_region(const void *p, size_t size) __attribute__((weak));

static unsigned capacity(const struct slab_pool *p)
{
	return (unsigned)((SLAB_BYTES - HEAD_BYTES) / p->size);
}

static void **link_of(const struct slab_pool *p, void *object)
{
	return (void **)((char *)object + p->link);
}

static void room_add(struct slab_pool *p, struct slab *s)
{
	s->room_next = p->room;
	s->room_link = &p->room;
	if (p->room)
		p->room->room_link = &s->room_next;
	p->room = s;
}

static void room_remove(struct slab *s)
{
	*s->room_link = s->room_next;
	if (s->room_next)
		s->room_next->room_link = s->room_link;
	s->room_link = NULL;
}

/* Maps twice as much and cuts the ends off, for the alignment. */
static struct slab *slab_create(struct slab_pool *p)
{
	char *m = mmap(NULL, 2 * SLAB_BYTES, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *at = (char *)(((uintptr_t)m + SLAB_BYTES - 1) & ~(SLAB_BYTES - 1));
	struct slab *s = (struct slab *)at;

	if (m == MAP_FAILED)
		return NULL;
	if (at > m)
		(void)munmap(m, (size_t)(at - m));
	(void)munmap(at + SLAB_BYTES, (size_t)(m + SLAB_BYTES - at));
	if (__lsan_register_root_region)
		__lsan_register_root_region(at, SLAB_BYTES);
	s->all_next = p->all;
	p->all = s;
	room_add(p, s);
	return s;
}

void *slab_alloc(struct slab_pool *p)
{
	struct slab *s;
	void *object = NULL;

	must(p->size % CACHE_LINE == 0 && p->size <= SLAB_BYTES / 8);
	lock_take(&p->lock);
	s = p->room ? p->room : slab_create(p);
	if (s) {
		object = s->free;
		if (object)
			s->free = *link_of(p, object);
		else
			object = (char *)s + HEAD_BYTES + s->carved++ * p->size;
		s->used++;
		if (!s->free && s->carved == capacity(p))
			room_remove(s);
	}
	lock_release(&p->lock);
	return object;
}

void slab_free(struct slab_pool *p, void *object)
{
	struct slab *s = (struct slab *)((uintptr_t)object & ~(SLAB_BYTES - 1));

	must(((uintptr_t)object - (uintptr_t)s - HEAD_BYTES) % p->size == 0);
	lock_take(&p->lock);
	must(s->used > 0);
	*link_of(p, object) = s->free;
	s->free = object;
	s->used--;
	if (!s->room_link)
		room_add(p, s);
	lock_release(&p->lock);
}

void slab_trim(struct slab_pool *p)
{
	lock_take(&p->lock);
	for (struct slab *s = p->room; s; s = s->room_next) {
		if (s->used || !s->carved)
			continue;
		/* Private and anonymous: the next look finds zeros (madvise(2)). */
		if (madvise((char *)s + HEAD_BYTES, SLAB_BYTES - HEAD_BYTES, MADV_DONTNEED) != 0)
			continue;
		s->free = NULL;
		s->carved = 0;
	}
	lock_release(&p->lock);
}

void slab_fini(struct slab_pool *p)
{
	struct slab *s = p->all;

	while (s) {
		struct slab *next = s->all_next;

		if (__lsan_unregister_root_region)
			__lsan_unregister_root_region(s, SLAB_BYTES);
		(void)munmap(s, SLAB_BYTES);
		s = next;
	}
	p->all = p->room = NULL;
}

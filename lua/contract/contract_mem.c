/* SPDX-License-Identifier: MIT */
/*
 * Memory of the C contract: include/skynet_malloc.h.
 *
 * A block is a payload (core/actor/msg.h): 32 bytes for a header lie in front of it, unused until
 * it is sent. A block of a larger alignment cannot begin 32 bytes behind what the allocator
 * returned, so such a block writes there where it really begins, and a mark. What lies in front of
 * any other block may be anything, so the mark is the block's own address mixed with a number that
 * nobody outside can know, and it is wiped when the block is freed.
 */
#define SKYNET_MALLOC_PLAIN_NAMES
#include "lua/contract/include/skynet_malloc.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/base/must.h"
#include "core/actor/msg.h"
#include "lua/contract/contract_mem.h"

#define PLAIN_ALIGNMENT 16u

struct aligned_head {
	void *begin;
	size_t size;
	uint64_t unused;
	uint64_t mark;
};
_Static_assert(sizeof(struct aligned_head) == sizeof(struct msg), "it lies where the header would");

static uint64_t secret; /* set by contract_init, then constant */

void contract_init(void)
{
	/* without random numbers a mark is only unlikely, not unknown */
	if (getrandom(&secret, sizeof(secret), 0) != (ssize_t)sizeof(secret))
		secret = clock_wall_ns() * UINT64_C(0x9e3779b97f4a7c15);
	secret |= 1; /* no address has the lowest bit set */
}

static _Noreturn void exhausted(size_t n)
{
	fprintf(stderr, "xmalloc: Out of memory trying to allocate %zu bytes\n", n);
	fflush(stderr);
	abort();
}

static uint64_t mark_of(const void *p)
{
	return (uint64_t)(uintptr_t)p ^ secret;
}

/* NULL: an ordinary block. */
static struct aligned_head *aligned(void *p)
{
	struct aligned_head *h = (struct aligned_head *)(void *)msg_of(p);

	return h->mark == mark_of(p) ? h : NULL;
}

void *skynet_malloc(size_t size)
{
	void *m;

	if (unlikely(size > SIZE_MAX - sizeof(struct msg)))
		exhausted(size);
	m = malloc(msg_allocation(size));
	if (unlikely(!m))
		exhausted(size);
	return msg_payload(m);
}

void *skynet_calloc(size_t count, size_t size)
{
	void *m;
	size_t n;

	if (unlikely(__builtin_mul_overflow(count, size, &n) || n > SIZE_MAX - sizeof(struct msg)))
		exhausted(SIZE_MAX);
	m = calloc(1, msg_allocation(n));
	if (unlikely(!m))
		exhausted(n);
	return msg_payload(m);
}

void *skynet_realloc(void *p, size_t size)
{
	struct aligned_head *h;
	void *m;

	if (!p)
		return skynet_malloc(size);
	h = aligned(p);
	if (h) {
		m = skynet_malloc(size);
		memcpy(m, p, h->size < size ? h->size : size);
		skynet_free(p);
		return m;
	}
	if (unlikely(size > SIZE_MAX - sizeof(struct msg)))
		exhausted(size);
	m = realloc(msg_of(p), msg_allocation(size));
	if (unlikely(!m))
		exhausted(size);
	return msg_payload(m);
}

void skynet_free(void *p)
{
	struct aligned_head *h;

	if (!p)
		return;
	h = aligned(p);
	if (h) {
		/* volatile: a store into memory that is freed next would be left out */
		*(volatile uint64_t *)&h->mark = 0;
		free(h->begin);
	} else {
		free(msg_of(p));
	}
}

void *skynet_aligned_alloc(size_t alignment, size_t size)
{
	struct aligned_head *h;
	size_t room = alignment < sizeof(*h) ? sizeof(*h) : alignment, whole;
	char *begin;

	if (alignment <= PLAIN_ALIGNMENT)
		return skynet_malloc(size);
	if (unlikely(__builtin_add_overflow(size, room, &whole) ||
		     posix_memalign((void **)&begin, room, whole) != 0))
		exhausted(size);
	h = (struct aligned_head *)(void *)msg_of(begin + room);
	*h = (struct aligned_head){ .begin = begin, .size = size, .mark = mark_of(begin + room) };
	return begin + room;
}

void *skynet_memalign(size_t alignment, size_t size)
{
	return skynet_aligned_alloc(alignment, size);
}

int skynet_posix_memalign(void **ret, size_t alignment, size_t size)
{
	if (alignment < sizeof(void *) || (alignment & (alignment - 1)))
		return EINVAL;
	*ret = skynet_aligned_alloc(alignment, size);
	return 0;
}

char *skynet_strdup(const char *s)
{
	size_t n = strlen(s) + 1;

	return memcpy(skynet_malloc(n), s, n);
}

void *skynet_lalloc(void *p, size_t old_size, size_t size)
{
	(void)old_size;
	if (size)
		return realloc(p, size);
	free(p);
	return NULL;
}

void *contract_payload(void *p_take, size_t size)
{
	void *copy;

	must(p_take && size <= MSG_SIZE_MAX);
	if (likely(!aligned(p_take)))
		return p_take;
	copy = memcpy(payload_alloc(size), p_take, size);
	skynet_free(p_take);
	return copy;
}

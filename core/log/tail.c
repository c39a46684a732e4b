/* SPDX-License-Identifier: MIT */
/* The last lines: see tail.h. */
#include "core/log/tail.h"

#include <stdatomic.h>

static char ring[TAIL_BYTES];
/* Bytes ever written, relaxed: one writer, and a reader that knows that it may see a torn line. */
static atomic_size_t end;

static size_t put(size_t at, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ring[(at + i) % TAIL_BYTES] = p[i];
	return at + n;
}

void tail_add(uint64_t wall_ns, const char *level, uint32_t source, const char *name,
	      const char *text, size_t size)
{
	struct rawtext t = { .fd = -1 };
	size_t at = atomic_load_explicit(&end, memory_order_relaxed);

	raw_time(&t, wall_ns, false);
	raw_puts(&t, " ");
	raw_puts(&t, level);
	raw_puts(&t, " [");
	raw_handle(&t, source);
	raw_puts(&t, *name ? " " : "");
	raw_puts(&t, name);
	raw_puts(&t, "] ");
	raw_clean(&t, text, size < TAIL_LINE_MAX ? size : TAIL_LINE_MAX);
	raw_puts(&t, "\n");
	atomic_store_explicit(&end, put(at, t.bytes, t.n), memory_order_relaxed);
}

void tail_write(struct rawtext *t)
{
	size_t to = atomic_load_explicit(&end, memory_order_relaxed);
	size_t at = to > TAIL_BYTES ? to - TAIL_BYTES : 0;

	/* the first line has lost its beginning */
	while (to > TAIL_BYTES && at < to && ring[at++ % TAIL_BYTES] != '\n')
		;
	for (; at < to; at++)
		raw_add(t, &ring[at % TAIL_BYTES], 1);
}

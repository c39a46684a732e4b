/* SPDX-License-Identifier: MIT */
/*
 * The last lines: see recent.h. A line does not wrap: where it does not fit before the end of the
 * ring a gap stands, and it begins in front. `begin` and `end` count all bytes that ever were.
 */
#include "core/log/recent.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/lock.h"
#include "core/base/must.h"
#include "core/log/source.h"

#define ALIGN 16u
#define HEAD 48u /* time, level and handle of a line that is written */

struct slot {
	size_t bytes; /* with this head, a multiple of ALIGN */
	/* Not 0: nothing stands here. It is no bool, which must not be read while it is torn. */
	unsigned gap;
	alignas(ALIGN) struct line line;
};

static struct lock lock = LOCK_INIT(recent);
static alignas(ALIGN) char ring[RECENT_BYTES];
/* [lock] but for recent_write, which sees what was whole: `end` is moved on behind a line with
 * release, which its acquire meets; `begin` is moved on before what stood there is written over,
 * relaxed, for who reads just then knows that it may read a torn line. */
static atomic_uint_least64_t begin, end;
static uint64_t last; /* [lock] */

static uint64_t get(atomic_uint_least64_t *n)
{
	return atomic_load_explicit(n, memory_order_relaxed); /* under the lock */
}

static struct slot *slot_at(uint64_t at)
{
	return (struct slot *)(void *)&ring[at % RECENT_BYTES];
}

static void make_room_locked(size_t bytes)
{
	uint64_t from = get(&begin);

	lock_held(&lock);
	must(bytes <= RECENT_BYTES);
	while (get(&end) + bytes - from > RECENT_BYTES)
		from += slot_at(from)->bytes;
	atomic_store_explicit(&begin, from, memory_order_relaxed);
}

static void step_locked(size_t bytes)
{
	lock_held(&lock);
	atomic_store_explicit(&end, get(&end) + bytes, memory_order_release);
}

static void leave_gap_locked(size_t bytes)
{
	struct slot *s = slot_at(get(&end));

	lock_held(&lock);
	make_room_locked(bytes);
	s->bytes = bytes;
	s->gap = 1;
	step_locked(bytes);
}

static size_t bytes_of(const struct log_record *r)
{
	return (offsetof(struct slot, line) + line_bytes(r) + ALIGN - 1) / ALIGN * ALIGN;
}

void recent_add(const struct log_record *given)
{
	struct log_record r = *given;
	struct slot *s;
	size_t bytes, rest;

	r.size = r.size < RECENT_LINE_MAX ? r.size : RECENT_LINE_MAX;
	if (bytes_of(&r) > 2 * RECENT_LINE_MAX) /* a name as long as a book */
		r.about = (struct log_about){ 0 };
	bytes = bytes_of(&r);
	lock_take(&lock);
	rest = RECENT_BYTES - get(&end) % RECENT_BYTES;
	if (rest < bytes)
		leave_gap_locked(rest);
	make_room_locked(bytes);
	s = slot_at(get(&end));
	s->bytes = bytes;
	s->gap = 0;
	line_put(&s->line, &r)->number = ++last;
	step_locked(bytes);
	lock_release(&lock);
}

uint64_t recent_read(uint64_t after, recent_fn f, void *ud)
{
	uint64_t missing = 0;
	bool first = true, more = true;

	lock_take(&lock);
	for (uint64_t at = get(&begin); more && at < get(&end); at += slot_at(at)->bytes) {
		const struct slot *s = slot_at(at);

		if (s->gap)
			continue;
		if (first && s->line.number > after + 1)
			missing = s->line.number - after - 1;
		first = false;
		more = s->line.number <= after || f(ud, &s->line);
	}
	lock_release(&lock);
	return missing;
}

uint64_t recent_last(void)
{
	uint64_t n;

	lock_take(&lock);
	n = last;
	lock_release(&lock);
	return n;
}

void recent_clear(void)
{
	lock_take(&lock);
	atomic_store_explicit(&begin, get(&end), memory_order_relaxed);
	lock_release(&lock);
}

/* ---- without the lock ---- */

/* A slot as it was when it was looked at: each value is read once, for it may change meanwhile. */
struct seen {
	size_t bytes, text_bytes, name_bytes;
	const char *text, *name;
	unsigned level;
	uint32_t source;
	uint64_t wall_ns;
	bool is_gap;
};

#define ONCE(x) (*(const volatile __typeof__(x) *)&(x))

static void look_at_line(const struct slot *s, struct seen *ret)
{
	const struct log_record *r = &s->line.r;
	const char *low = (const char *)s, *high = low + ret->bytes, *name = ONCE(r->name);
	size_t room = ret->bytes - sizeof(struct slot), n = ONCE(r->size);

	ret->text = s->line.tail;
	n = n < room ? n : room;
	ret->text_bytes = n < RECENT_WRITE_LINE ? n : RECENT_WRITE_LINE;
	/* one that does not lie in its slot is being written */
	ret->name = name > low && name < high ? name : high;
	ret->name_bytes = strnlen(ret->name, (size_t)(high - ret->name));
	if (ret->name_bytes > LOG_NAME_MAX)
		ret->name_bytes = LOG_NAME_MAX;
	ret->level = (unsigned)ONCE(r->level);
	ret->source = ONCE(r->source);
	ret->wall_ns = ONCE(r->wall_ns);
}

/* Returns false: what stands there is no slot, or is being written. */
static bool look_at(uint64_t at, uint64_t to, struct seen *ret)
{
	const struct slot *s = slot_at(at);

	*ret = (struct seen){ .bytes = ONCE(s->bytes), .is_gap = ONCE(s->gap) != 0 };
	if (ret->bytes < (ret->is_gap ? ALIGN : sizeof(struct slot)) || ret->bytes % ALIGN != 0 ||
	    ret->bytes > to - at || ret->bytes > RECENT_BYTES - at % RECENT_BYTES)
		return false;
	if (!ret->is_gap)
		look_at_line(s, ret);
	return true;
}

static void write_line(struct rawtext *t, const struct seen *s)
{
	raw_time(t, s->wall_ns, false);
	raw_puts(t, " ");
	raw_puts(t, s->level <= LOG_LEVEL_ERROR ? log_level_name((enum log_level)s->level) : "?");
	raw_puts(t, " [");
	raw_handle(t, s->source);
	raw_puts(t, s->name_bytes ? " " : "");
	raw_clean(t, s->name, s->name_bytes);
	raw_puts(t, "] ");
	raw_clean(t, s->text, s->text_bytes);
	raw_puts(t, "\n");
}

/* Goes through the lines from `at` on; writes them if there is a text, once no more than
 * RECENT_WRITE_BYTES of `bytes` are left. Returns how many bytes they are, heads included. */
static size_t walk(uint64_t at, uint64_t to, struct rawtext *t, size_t bytes)
{
	struct seen s;
	size_t sum = 0;

	for (; at < to && look_at(at, to, &s); at += s.bytes) {
		if (s.is_gap)
			continue;
		if (t && bytes <= RECENT_WRITE_BYTES + sum)
			write_line(t, &s);
		sum += s.text_bytes + s.name_bytes + HEAD;
	}
	return sum;
}

void recent_write(struct rawtext *t)
{
	uint64_t to = atomic_load_explicit(&end, memory_order_acquire);
	uint64_t from = atomic_load_explicit(&begin, memory_order_relaxed);

	(void)walk(from, to, t, walk(from, to, NULL, 0));
}

/* SPDX-License-Identifier: MIT */
/* What builds with CHECKS=1 remember of locks: see lock.h. The list of a thread is its own and
 * needs no lock. */
#include "core/base/lock.h"

#ifdef CHECKS
#include "core/base/must.h"

#define HELD_MAX 16u

static const struct {
	const char *name;
	int rank;
} classes[LOCK_CLASSES] = {
	[LOCK_none] = { "none", 0 },
#define LOCK(name, rank, what) [LOCK_##name] = { #name, rank },
#include "core/base/locks.def"
#undef LOCK
};

struct held {
	const void *lock;
	enum lock_class class;
	bool exclusive;
	const char *file;
	int line;
};

static _Thread_local struct held held[HELD_MAX];
static _Thread_local unsigned count;

/* Its place in the list, the newest first; NULL: this thread does not hold it. */
static struct held *find(const void *l)
{
	for (unsigned i = count; i-- > 0;)
		if (held[i].lock == l)
			return &held[i];
	return NULL;
}

static _Noreturn void end_by_order(const struct held *h, enum lock_class c, const char *file,
				   int line)
{
	must_end("lock %s (rank %d) is taken at %s:%d while lock %s (rank %d) of %s:%d is held",
		 classes[c].name, classes[c].rank, file, line, classes[h->class].name,
		 classes[h->class].rank, h->file, h->line);
}

void lock_note_wait(enum lock_class c, const char *file, int line)
{
	if (c == LOCK_none)
		must_end("a lock is taken at %s:%d that was not initialised", file, line);
	for (unsigned i = 0; i < count; i++)
		if (classes[held[i].class].rank >= classes[c].rank)
			end_by_order(&held[i], c, file, line);
}

void lock_note_taken(const void *l, enum lock_class c, bool exclusive, const char *file, int line)
{
	if (count == HELD_MAX)
		must_end("lock %s is taken at %s:%d while %u locks are held", classes[c].name, file,
			 line, count);
	held[count++] = (struct held){ l, c, exclusive, file, line };
}

void lock_note_released(const void *l, enum lock_class c, const char *file, int line)
{
	struct held *h = find(l);

	if (!h)
		must_end("lock %s is released at %s:%d by a thread that does not hold it",
			 classes[c].name, file, line);
	*h = held[--count];
}

void lock_note_held(const void *l, enum lock_class c, bool exclusive, const char *file, int line)
{
	const struct held *h = find(l);

	if (!h)
		must_end("lock %s is not held at %s:%d", classes[c].name, file, line);
	if (exclusive && !h->exclusive)
		must_end("lock %s is only held to read at %s:%d", classes[c].name, file, line);
}
#endif

/* SPDX-License-Identifier: MIT */
/* Tallies: see tally.h.
 *
 * Ordering  Y1 a tally's name, then store(count) release / load(count) acquire: who may use the
 *              number sees the name.
 *           Y2 a service leaves the table of handles, then adds to `ended` release / load acquire:
 *              who counts it among the dead does not find it among the living.
 */
#include "core/actor/tally.h"

#include <stdio.h>
#include <string.h>

#include "core/actor/handle.h"
#include "core/actor/move.h"
#include "core/actor/service.h"
#include "core/actor/title.h"
#include "core/base/hash.h"
#include "core/base/lock.h"
#include "core/base/must.h"

/* The last ones that have ended, by the lower bits of their handles: whoever waited for one of them
 * hears of its end soon. */
#define ENDED_KEPT 1024u

static struct {
	struct lock lock; /* for who adds one */
	struct tally tallies[TALLIES_MAX];
	uint32_t hashes[TALLIES_MAX]; /* of the names */
	atomic_uint count;
	/* handle, and above it the number of the tally; relaxed: a lone value */
	atomic_uint_least64_t ended[ENDED_KEPT];
	/* by harbor id, 0 = not asked for since the node was named; relaxed, everybody would find
	 * the same */
	atomic_uint nodes[256];
} T = { .lock = LOCK_INIT(tallies), .tallies = { { .name = "other" } }, .count = 1 };

unsigned tally_count(void)
{
	return atomic_load_explicit(&T.count, memory_order_acquire); /* Y1 */
}

struct tally *tally_at(unsigned number)
{
	must(number < TALLIES_MAX);
	return &T.tallies[number];
}

static uint32_t hash_of(const char *title)
{
	return hash32(HASH32_START, title, strlen(title));
}

/* Returns its number, or `count`. */
static unsigned find(const char *title, uint32_t hash, unsigned count)
{
	unsigned i = TALLY_OTHER + 1;

	if (strcmp(title, T.tallies[TALLY_OTHER].name) == 0)
		return TALLY_OTHER;
	while (i < count && (T.hashes[i] != hash || strcmp(T.tallies[i].name, title) != 0))
		i++;
	return i;
}

static unsigned find_or_add_locked(const char *title, uint32_t hash)
{
	unsigned count = tally_count(), i = find(title, hash, count);

	lock_held(&T.lock);
	if (i < count)
		return i;
	if (count == TALLIES_MAX)
		return TALLY_OTHER;
	snprintf(T.tallies[count].name, LOG_NAME_MAX, "%s", title);
	T.hashes[count] = hash;
	atomic_store_explicit(&T.count, count + 1, memory_order_release); /* Y1 */
	return count;
}

unsigned tally_find(const char *title)
{
	uint32_t hash = hash_of(title);
	unsigned count = tally_count(), i = find(title, hash, count);

	if (i < count)
		return i;
	if (count == TALLIES_MAX)
		return TALLY_OTHER;
	lock_take(&T.lock);
	i = find_or_add_locked(title, hash);
	lock_release(&T.lock);
	return i;
}

unsigned tally_launch(const char *line)
{
	char title[LOG_NAME_MAX];
	unsigned number;

	title_of_line(line, title);
	number = tally_find(title);
	/* relaxed: a statistic */
	atomic_fetch_add_explicit(&T.tallies[number].launched, 1, memory_order_relaxed);
	return number;
}

static void add(atomic_uint_least64_t *sum, const atomic_uint_least64_t *part)
{
	/* relaxed: `ended` orders them (Y2), and the owner has written the part */
	atomic_fetch_add_explicit(sum, atomic_load_explicit(part, memory_order_relaxed),
				  memory_order_relaxed);
}

void tally_end(const struct service *s)
{
	struct tally *t = tally_at(s->tally);
	uint32_t handle = service_handle(s);

	add(&t->messages, &s->messages);
	add(&t->cpu_ns, &s->cpu_ns);
	add(&t->errors, &s->errors);
	atomic_fetch_add_explicit(&t->refused, mailbox_refused(&s->mailbox), memory_order_relaxed);
	atomic_store_explicit(&T.ended[handle % ENDED_KEPT], (uint64_t)s->tally << 32 | handle,
			      memory_order_relaxed);
	atomic_fetch_add_explicit(&t->ended, 1, memory_order_release); /* Y2 */
}

/* As people call it, "node b (harbor 154)", for a name alone may be that of several nodes; a long
 * name is cut, and a node of which only the number is known is "node 154". */
static void name_node(unsigned harbor, const char *called, char ret_name[LOG_NAME_MAX])
{
	const char *tail = strstr(called, " (harbor ");
	size_t n = tail ? strlen(tail) : 0;

	if (!tail || n >= LOG_NAME_MAX) {
		snprintf(ret_name, LOG_NAME_MAX, "node %u", harbor);
		return;
	}
	n = LOG_NAME_MAX - 1 - n; /* room for what comes before */
	if (n > (size_t)(tail - called))
		n = (size_t)(tail - called);
	memcpy(ret_name, called, n);
	memcpy(ret_name + n, tail, strlen(tail) + 1);
}

static unsigned tally_of_node(unsigned harbor)
{
	unsigned number = atomic_load_explicit(&T.nodes[harbor], memory_order_relaxed);
	char name[LOG_NAME_MAX], called[MOVE_CALLED_MAX];

	if (number)
		return number;
	move_get()->called(harbor, called);
	name_node(harbor, called, name);
	number = tally_find(name);
	atomic_store_explicit(&T.nodes[harbor], number, memory_order_relaxed);
	return number;
}

void tally_node_named(unsigned harbor)
{
	atomic_store_explicit(&T.nodes[harbor & 0xff], 0, memory_order_relaxed);
}

unsigned tally_of_handle(uint32_t handle)
{
	struct service *s;
	uint64_t last;
	unsigned number;

	if (!handle_is_local(handle))
		return tally_of_node(handle >> 24);
	s = service_grab(handle);
	if (s) {
		number = s->tally;
		service_unref(s);
		return number;
	}
	last = atomic_load_explicit(&T.ended[handle % ENDED_KEPT], memory_order_relaxed);
	return (uint32_t)last == handle ? (unsigned)(last >> 32) : TALLY_OTHER;
}

/* SPDX-License-Identifier: MIT */
/*
 * Table of sockets: id -> slot, slots in chunks of 256 that are made when first needed.
 *
 * Ids count up from 1 to 2^31 - 1 and begin again; the slot is the id modulo the table's size, and
 * a slot in use is skipped. So an id comes back only after two thousand million others.
 *
 * Ordering    T1 store(chunk) release <-> T2 load(chunk) acquire: the chunk's locks are
 *             initialised.
 * Locks       table.lock, then a socket's. The lock of a free slot is only ever held for a moment,
 *             by somebody who finds that his id is stale, or who has just freed it.
 */
#include "net/socket.h"

#include <errno.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "net/addr.h"
#include "net/limits.h"
#include "net/inherit.h"
#include "net/poller.h"
#include "net/reserve.h"
#include "net/sendq.h"
#include "net/unixpath.h"

#define CHUNK 256u
#define CHUNKS (NET_SOCKETS_MAX / CHUNK)

static struct {
	struct lock lock; /* creation: guards next_id and the making of chunks */
	int next_id;
	_Atomic(struct socket *) chunk[CHUNKS];
	atomic_uint count;
} table = { .lock = LOCK_INIT(sockets) };

static struct socket *slot_peek(unsigned slot)
{
	struct socket *c = atomic_load_explicit(&table.chunk[slot / CHUNK],
						memory_order_acquire); /* T2 */

	return c ? &c[slot % CHUNK] : NULL;
}

static struct socket *slot_get(unsigned slot)
{
	struct socket *c = atomic_load_explicit(&table.chunk[slot / CHUNK], memory_order_acquire);

	if (!c) {
		c = mem_zalloc(CHUNK * sizeof(*c));
		for (unsigned i = 0; i < CHUNK; i++)
			lock_init(&c[i].lock, LOCK_socket);
		atomic_store_explicit(&table.chunk[slot / CHUNK], c, memory_order_release); /* T1 */
	}
	return &c[slot % CHUNK];
}

static struct socket *find_free_locked(int *ret_id)
{
	lock_held(&table.lock);
	for (unsigned tried = 0; tried < NET_SOCKETS_MAX; tried++) {
		int id = table.next_id;
		struct socket *s = slot_get((unsigned)id % NET_SOCKETS_MAX);

		table.next_id = id == INT32_MAX ? 1 : id + 1;
		/* relaxed: only creation makes a slot busy, and we hold its lock; who frees it
		 * keeps the socket's lock until he is done */
		if (atomic_load_explicit(&s->id, memory_order_relaxed) == 0) {
			*ret_id = id;
			return s;
		}
	}
	return NULL;
}

struct socket *socket_create(uint32_t owner, const struct net_handler *h, void *ud)
{
	struct socket *s;
	int id;

	must(!owner || !h);
	lock_take(&table.lock);
	/* relaxed: a full table is found out without a walk; otherwise the walk decides */
	if (atomic_load_explicit(&table.count, memory_order_relaxed) >= NET_SOCKETS_MAX)
		s = NULL;
	else
		s = find_free_locked(&id);
	if (!s) {
		lock_release(&table.lock);
		return NULL;
	}
	lock_take(&s->lock);
	s->fd = -1;
	s->state = STATE_NEW;
	s->events = 0;
	s->loop = POLLER_MAIN;
	s->spread = SPREAD_NOT;
	s->owner = owner;
	s->handler = h;
	s->ud = ud;
	s->keeps = s->kept = false;
	s->complained_ns = 0;
	s->reading = s->backoff = s->eof = s->read_failed = s->write_failed = false;
	s->closing = s->speaking = s->farewell = false;
	s->told_close = s->orphan = s->borrowed = s->was_high = false;
	s->is_socket = true;
	s->nodelay = h != NULL; /* links and consoles wait for answers */
	s->family = AF_UNSPEC;
	s->opened_ns = clock_mono_ns();
	s->out = (struct sendq){ 0 };
	limits_init(&s->bound);
	s->read_size = READ_MIN;
	s->since_mark = s->marks = s->ahead = 0;
	s->passes = s->held = false;
	/* relaxed both: see socket.h */
	atomic_store_explicit(&s->window, limits_window(), memory_order_relaxed);
	atomic_store_explicit(&s->passed, 0, memory_order_relaxed);
	s->to = NULL;
	s->udp = NULL;
	s->path = (struct unixpath){ 0 };
	s->allow = NULL;
	s->header = NULL;
	s->client = NULL;
	s->seal = NULL;
	s->read_bytes = s->write_bytes = s->read_ns = s->write_ns = 0;
	atomic_fetch_add_explicit(&table.count, 1, memory_order_relaxed); /* a statistic */
	/* relaxed: who reads it without the lock only wants to know whether it is worth locking */
	atomic_store_explicit(&s->id, id, memory_order_relaxed);
	lock_release(&table.lock);
	return s;
}

void socket_spread(struct socket *s, enum spread_kind kind)
{
	lock_held(&s->lock);
	must(s->owner && !s->events && s->spread == SPREAD_NOT);
	s->spread = (uint8_t)kind;
	s->loop = (uint8_t)spread_enter(kind);
}

void socket_to_main(struct socket *s)
{
	lock_held(&s->lock);
	must(!s->events);
	spread_leave(s->spread, s->loop);
	s->spread = SPREAD_NOT;
	s->loop = POLLER_MAIN;
}

struct socket *socket_peek(int id)
{
	struct socket *s = id > 0 ? slot_peek((unsigned)id % NET_SOCKETS_MAX) : NULL;

	/* relaxed: a stale answer only costs the lock, under which it is asked again */
	return s && atomic_load_explicit(&s->id, memory_order_relaxed) == id ? s : NULL;
}

struct socket *socket_lock(int id)
{
	struct socket *s = socket_peek(id);

	if (!s)
		return NULL;
	lock_take(&s->lock);
	if (socket_id(s) == id)
		return s;
	lock_release(&s->lock);
	return NULL;
}

void socket_unlock(struct socket *s)
{
	if (s->orphan && s->state != STATE_FREE)
		socket_free(s);
	lock_release(&s->lock);
}

void socket_free(struct socket *s)
{
	lock_held(&s->lock);
	must(s->state != STATE_FREE);
	if (s->fd >= 0) {
		/* a borrowed descriptor lives on, so epoll would not forget it by itself */
		if (s->events)
			poller_control(s->loop, EPOLL_CTL_DEL, s->fd, 0, 0);
		unixpath_forget(&s->path);
		if (s->stored)
			inherit_closed(s->stored, s->fd);
		if (s->kept)
			reserve_close(s->fd);
		else if (!s->borrowed)
			close(s->fd);
	}
	s->fd = -1;
	s->events = 0;
	sendq_clear(&s->out);
	socket_account(s);
	mem_free(steal(s->to));
	mem_free(steal(s->allow));
	mem_free(steal(s->header));
	mem_free(steal(s->client));
	mem_free(steal(s->stored));
	mem_free(steal(s->keepsake));
	mem_free(steal(s->udp));
	spread_leave(s->spread, s->loop);
	s->state = STATE_FREE;
	s->handler = NULL;
	s->owner = 0;
	/* relaxed both: see socket_create */
	atomic_store_explicit(&s->id, 0, memory_order_relaxed);
	atomic_fetch_sub_explicit(&table.count, 1, memory_order_relaxed);
}

bool socket_own_address(const struct socket *s, struct addr *ret)
{
	struct addr a = { .size = sizeof(a.storage) };

	if (getsockname(s->fd, &a.any, &a.size) < 0)
		return false;
	*ret = a;
	return true;
}

char *socket_address(const struct socket *s, bool with_port, char *ret_text, size_t size)
{
	struct addr a = { .size = sizeof(a.storage) };
	bool own = s->state == STATE_LISTEN || s->state == STATE_PRELISTEN;
	int r = 0;

	ret_text[0] = 0;
	if (s->client)
		a = *s->client;
	else if (own)
		r = getsockname(s->fd, &a.any, &a.size);
	else
		r = getpeername(s->fd, &a.any, &a.size);
	if (r == 0)
		(with_port ? addr_format : addr_format_ip)(&a, ret_text, size);
	return ret_text;
}

struct socket *socket_next(unsigned *slot)
{
	while (*slot < NET_SOCKETS_MAX) {
		struct socket *s = slot_peek(*slot);

		if (!s) {
			*slot += CHUNK - *slot % CHUNK;
			continue;
		}
		++*slot;
		/* relaxed: asked again under the lock */
		if (!atomic_load_explicit(&s->id, memory_order_relaxed))
			continue;
		lock_take(&s->lock);
		if (socket_id(s))
			return s;
		lock_release(&s->lock);
	}
	return NULL;
}

unsigned socket_count(void)
{
	return atomic_load_explicit(&table.count, memory_order_relaxed); /* a statistic */
}

void socket_table_init(void)
{
	table.next_id = 1;
}

void socket_table_fini(void)
{
	struct socket *s;

	for (unsigned slot = 0; (s = socket_next(&slot));) {
		socket_free(s);
		socket_unlock(s);
	}
	for (unsigned i = 0; i < CHUNKS; i++) {
		/* relaxed both: every other thread has ended */
		struct socket *c = atomic_load_explicit(&table.chunk[i], memory_order_relaxed);

		for (unsigned k = 0; c && k < CHUNK; k++)
			lock_fini(&c[k].lock);
		mem_free(c);
		atomic_store_explicit(&table.chunk[i], NULL, memory_order_relaxed);
	}
}

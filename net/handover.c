/* SPDX-License-Identifier: MIT */
/* The store holds all connections under one name, so that one word drops them, and the table under
 * another; which is which is told by the cookies of the sockets. See sessions.h. */
#include "net/handover.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/log/log.h"
#include "net/inherit.h"
#include "net/listen.h"
#include "net/sessions.h"
#include "net/socket.h"

#define SESSION "harbor-session"
#define TABLE "harbor-sessions"
#define TABLE_MAX ((size_t)NET_HANDOVER_MAX * (NET_KEEP_MAX + 1024u))
#define LOOK_NS (2 * NS_PER_MS)

struct keepsake {
	size_t listener_size, size;
	char bytes[]; /* the listener's name, then the data */
};

/* ---- before the end ---- */

/* Returns the name of the listener (mem_free), or NULL. */
static char *name_of(int listener)
{
	struct socket *s = socket_lock(listener);
	char *name = s && s->stored ? mem_strdup(s->stored) : NULL;

	if (s)
		socket_unlock(s);
	return name;
}

static bool can_go(const struct socket *s)
{
	return s->state == STATE_OPEN && s->owner && !s->eof && !s->closing && !s->write_failed &&
	       !s->seal && s->is_socket && !s->borrowed && !s->kept;
}

bool net_keep(int id, int listener, const void *data, size_t size)
{
	cleanup(mem_freep) char *name = name_of(listener);
	size_t n = name ? strlen(name) : 0;
	struct keepsake *k;
	struct socket *s;
	bool kept;

	if (!name || size > NET_KEEP_MAX)
		return false;
	k = mem_alloc(sizeof(*k) + n + size);
	*k = (struct keepsake){ .listener_size = n, .size = size };
	memcpy(k->bytes, name, n);
	memcpy(k->bytes + n, data, size);
	s = socket_lock(id);
	kept = s && can_go(s);
	if (kept) {
		mem_free(s->keepsake);
		s->keepsake = steal(k);
	}
	if (s)
		socket_unlock(s);
	mem_free(k);
	return kept;
}

/* Gives one away. Returns false: the manager does not take it. */
static bool give(struct socket *s, struct text *table)
{
	const struct keepsake *k = s->keepsake;
	uint64_t cookie = inherit_cookie(s->fd);

	if (!cookie || !inherit_put(SESSION, s->fd))
		return false;
	sessions_add(table, &(struct session){ .cookie = cookie,
					       .listener = k->bytes,
					       .listener_size = k->listener_size,
					       .data = k->bytes + k->listener_size,
					       .data_size = k->size });
	return true;
}

/* Gives away what can go now. Returns how many must still be written to. */
static unsigned give_all(struct text *table, unsigned *count)
{
	unsigned slot = 0, waiting = 0;
	struct socket *s;

	while ((s = socket_next(&slot))) {
		if (s->keepsake && can_go(s) && !sendq_empty(&s->out)) {
			waiting++;
		} else if (s->keepsake) {
			if (can_go(s) && *count < NET_HANDOVER_MAX && give(s, table)) {
				++*count;
				socket_free(s);
			} else {
				mem_free(steal(s->keepsake));
			}
		}
		socket_unlock(s);
	}
	return waiting;
}

static bool put_table(const struct text *table)
{
	int fd = memfd_create(TABLE, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	bool well;

	if (fd < 0)
		return false;
	well = write(fd, table->bytes, table->size) == (ssize_t)table->size &&
	       fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) ==
		       0 &&
	       inherit_put(TABLE, fd);
	close(fd);
	return well;
}

unsigned net_handover(uint64_t patience_ns)
{
	static const struct timespec pause = { .tv_nsec = LOOK_NS };
	uint64_t deadline = clock_mono_ns() + patience_ns;
	cleanup(text_fini) struct text table = { 0 };
	unsigned count = 0;

	sessions_begin(&table);
	while (give_all(&table, &count) && clock_mono_ns() < deadline)
		nanosleep(&pause, NULL);
	if (count && !put_table(&table))
		log_error("the table of %u sessions is lost, and they with it", count);
	return count;
}

/* ---- afterwards ---- */

/* What the last life left, read when it is first asked for. */
static struct lock lock = LOCK_INIT(sessions);
static char *left;
static size_t left_size;
static bool looked;

/* Only what cannot change any more is read: it is looked at in place. */
static bool is_sealed(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & F_SEAL_WRITE) && (seals & F_SEAL_SHRINK);
}

/* Without the table nobody can take a session: they end now, and not when all that was passed and
 * not taken does, for their peers wait. */
static void refuse_sessions(void)
{
	unsigned n = 0;
	int fd;

	while ((fd = inherit_take(SESSION)) >= 0) {
		close(fd);
		n++;
	}
	log_warning("socket: what the last life of this node says of its %u sessions is in a "
		    "format that this harbord does not know, of a newer one: they end",
		    n);
}

static void look_locked(void)
{
	int fd = looked ? -1 : inherit_take(TABLE);
	struct stat st;

	looked = true;
	if (fd < 0)
		return;
	if (is_sealed(fd) && fstat(fd, &st) == 0 && st.st_size > 0 &&
	    (size_t)st.st_size <= TABLE_MAX) {
		left = mem_alloc((size_t)st.st_size);
		if (pread(fd, left, (size_t)st.st_size, 0) == st.st_size)
			left_size = (size_t)st.st_size;
	}
	close(fd);
	inherit_drop(TABLE);
	/* from here on they end when we end them: the manager must not hold them open */
	inherit_drop(SESSION);
	if (!sessions_is_known(left, left_size))
		refuse_sessions();
}

/* Returns true if it is still there. */
static bool resume(int listener, const struct session *from, struct net_resumed *ret)
{
	int fd = inherit_take_cookie(SESSION, from->cookie);

	if (fd < 0)
		return false;
	ret->id = listen_resume(listener, fd, ret->from);
	if (ret->id < 0)
		return false;
	ret->data = mem_alloc(from->data_size + 1);
	memcpy(ret->data, from->data, from->data_size);
	ret->size = from->data_size;
	return true;
}

size_t net_resume(int listener, struct net_resumed **ret)
{
	cleanup(mem_freep) char *name = name_of(listener);
	struct session s;
	size_t n = 0, at = 0;

	*ret = NULL;
	if (!name)
		return 0;
	lock_take(&lock);
	look_locked();
	while (sessions_next(left, left_size, &at, &s)) {
		struct net_resumed one;

		if (s.listener_size != strlen(name) || memcmp(s.listener, name, s.listener_size) ||
		    !resume(listener, &s, &one))
			continue;
		*ret = mem_realloc(*ret, (n + 1) * sizeof(**ret));
		(*ret)[n++] = one;
	}
	lock_release(&lock);
	return n;
}

/* SPDX-License-Identifier: MIT */
/* A short table, which is walked; it is filled at the start and emptied by who listens. */
#include "net/inherit.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/log/log.h"
#include "net/addr.h"

#define OURS "harbor-"
#define LISTENER OURS "listen-"

struct item {
	char *name;
	int fd; /* -1: taken */
	bool asked_for;
};

static struct lock lock = LOCK_INIT(inherit);
static struct item *items;
static unsigned count;
static struct net_store store;	    /* constant once threads run */
static atomic_bool leaving, missed; /* relaxed: lone flags */

void net_inherit_add(const char *name, int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0)
		(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	items = mem_realloc(items, (count + 1) * sizeof(*items));
	items[count++] = (struct item){ mem_strdup(name), fd, false };
}

void net_inherit_store(const struct net_store *s)
{
	store = *s;
}

static bool is_ours(const char *name)
{
	return strncmp(name, OURS, strlen(OURS)) == 0;
}

static void forget(struct item *i)
{
	mem_free(i->name);
	if (i->fd >= 0)
		close(i->fd);
}

/* Sessions are many, and have been or are dropped together. */
static bool is_session(const char *name)
{
	return is_ours(name) && strncmp(name, LISTENER, strlen(LISTENER)) != 0;
}

void net_inherit_settle(void)
{
	unsigned kept = 0, sessions = 0;

	lock_take(&lock);
	for (unsigned i = 0; i < count; i++) {
		struct item *item = &items[i];

		if (!is_ours(item->name) && item->asked_for) {
			items[kept++] = *item;
			continue;
		}
		if (item->fd >= 0 && is_session(item->name)) {
			if (sessions++ == 0)
				inherit_drop(item->name);
		} else if (item->fd >= 0) {
			log_warning("nobody asked for the passed socket \"%s\": it is closed",
				    item->name);
			if (is_ours(item->name))
				inherit_drop(item->name);
		}
		forget(item);
	}
	count = kept;
	lock_release(&lock);
	if (sessions)
		log_warning(
			"%u sessions of the last life were taken over by nobody: they are closed",
			sessions);
}

void net_inherit_leave(void)
{
	atomic_store_explicit(&leaving, true, memory_order_relaxed);
}

bool net_inherit_missed(void)
{
	return atomic_load_explicit(&missed, memory_order_relaxed);
}

uint64_t inherit_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t size = sizeof(cookie);

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

/* cookie 0: any. */
static struct item *find_locked(const char *name, uint64_t cookie)
{
	lock_held(&lock);
	for (unsigned i = 0; i < count; i++)
		if (items[i].fd >= 0 && strcmp(items[i].name, name) == 0 &&
		    (!cookie || inherit_cookie(items[i].fd) == cookie))
			return &items[i];
	return NULL;
}

/* Returns NULL, or why it is no stream that listens. */
static const char *check(int fd)
{
	int type = 0, listens = 0, domain = 0;
	socklen_t size = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0)
		return "the passed descriptor is no socket";
	getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size);
	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
	if (type != SOCK_STREAM)
		return "the passed socket is no stream (ListenStream=)";
	if (domain != AF_INET && domain != AF_INET6 && domain != AF_UNIX)
		return "the passed socket is of another family";
	return listens ? NULL : "the passed socket does not listen (Accept=no)";
}

int inherit_listener(const char *name, const char **ret_why)
{
	struct item *i;
	int fd = -1;

	lock_take(&lock);
	i = find_locked(name, 0);
	*ret_why = i ? check(i->fd) : "no socket of this name was passed (FileDescriptorName=)";
	if (!*ret_why) {
		i->asked_for = true;
		fd = fcntl(i->fd, F_DUPFD_CLOEXEC, 3);
		if (fd < 0)
			*ret_why = strerror(errno);
	}
	lock_release(&lock);
	if (fd >= 0)
		return fd;
	atomic_store_explicit(&missed, true, memory_order_relaxed);
	return -ENOENT;
}

bool inherit_name(const char *host, int port, char ret[INHERIT_NAME_MAX])
{
	int n = snprintf(ret, INHERIT_NAME_MAX, LISTENER "%s-%d", host, port);

	if (port <= 0 || n < 0 || n >= INHERIT_NAME_MAX)
		return false;
	for (char *p = ret; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr(".-_", *p))
			*p = '_';
	return true;
}

bool inherit_has(const char *name)
{
	bool there;

	lock_take(&lock);
	there = find_locked(name, 0) != NULL;
	lock_release(&lock);
	return there;
}

int inherit_take(const char *name)
{
	return inherit_take_cookie(name, 0);
}

int inherit_take_cookie(const char *name, uint64_t cookie)
{
	struct item *i;
	int fd = -1;

	lock_take(&lock);
	i = find_locked(name, cookie);
	if (i) {
		fd = i->fd;
		i->fd = -1;
	}
	lock_release(&lock);
	return fd;
}

static bool same_host(const struct addr *a, const struct addr *b)
{
	if (a->any.sa_family == AF_INET)
		return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	return memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof(a->in6.sin6_addr)) == 0;
}

static bool listens_at(int fd, const struct addr *a)
{
	struct addr own = { .size = sizeof(own.storage) };

	return !check(fd) && getsockname(fd, &own.any, &own.size) == 0 && own.size == a->size &&
	       own.any.sa_family == a->any.sa_family && addr_port(&own) == addr_port(a) &&
	       same_host(&own, a);
}

int inherit_take_listener(const char *name, const struct addr *a)
{
	int fd = inherit_take(name);

	if (fd < 0 || listens_at(fd, a))
		return fd;
	inherit_drop(name);
	close(fd);
	return -1;
}

bool inherit_put(const char *name, int fd)
{
	must(*name && !strchr(name, ':'));
	return store.put && store.put(name, fd);
}

void inherit_drop(const char *name)
{
	if (store.drop)
		store.drop(name);
}

void inherit_closed(const char *name, int fd)
{
	if (!is_ours(name) || atomic_load_explicit(&leaving, memory_order_relaxed))
		return;
	(void)shutdown(fd, SHUT_RDWR);
	inherit_drop(name);
}

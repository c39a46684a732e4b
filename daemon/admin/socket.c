/* SPDX-License-Identifier: MIT */
/*
 * Control socket. Connections live in a small table that only the loop touches; an answer needs
 * nothing but the socket's id, so it can be given from any thread and a connection that is gone is
 * no special case.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/log/log.h"
#include "core/base/mem.h"
#include "core/base/must.h"
#include "daemon/admin/socket.h"
#include "daemon/admin/asker.h"
#include "daemon/admin/commands.h"
#include "daemon/admin/sockpath.h"
#include "daemon/admin/words.h"
#include "net/info.h"
#include "net/listen.h"
#include "net/net.h"
#include "net/request.h"
#include "net/write.h"

#define BACKLOG 16
/* What may wait for a reader that is slow: more than any answer we make. */
#define QUEUE_MAX (UINT64_C(128) << 20)

struct connection {
	int id; /* 0 = free */
	uint64_t serial;
	char *line;
	size_t size;
};

/* set by admin_socket_open, cleared by admin_socket_close */
static int listener;
static char path[SOCKPATH_MAX];

/* [loop] */
static struct connection connections[ADMIN_SOCKET_CONNECTIONS_MAX];
static uint64_t serials;

/* ---- answers, any thread ---- */

static void answer(const struct asker *a, bool well, const char *body, size_t n)
{
	char head[48];
	int length = snprintf(head, sizeof(head), "%s %zu\n", well ? "ok" : "error", n);
	struct iovec iov[] = { { head, (size_t)length },
			       { (void *)(uintptr_t)body, n },
			       { (char[]){ '\n' }, 1 } };

	net_sendv(a->session, iov, array_len(iov));
}

static struct asker asker_of(int id)
{
	return (struct asker){ .answer = answer, .session = id };
}

/* ---- connections ---- */

static struct connection *find(int id)
{
	for (unsigned i = 0; i < ADMIN_SOCKET_CONNECTIONS_MAX; i++)
		if (connections[i].id == id)
			return &connections[i];
	return NULL;
}

static void forget(struct connection *c)
{
	mem_free(c->line);
	*c = (struct connection){ 0 };
}

static void drop(struct connection *c)
{
	int id = c->id;

	forget(c);
	net_close(id);
}

static struct connection *room(void)
{
	struct connection *oldest = &connections[0];

	for (unsigned i = 0; i < ADMIN_SOCKET_CONNECTIONS_MAX; i++) {
		if (!connections[i].id)
			return &connections[i];
		if (connections[i].serial < oldest->serial)
			oldest = &connections[i];
	}
	drop(oldest);
	return oldest;
}

static void on_data(void *ud, int id, const void *data, size_t size)
{
	const struct asker who = asker_of(id);
	struct connection *c = find(id);
	size_t searched;
	char *end;

	if (!c)
		return;
	searched = c->size;
	c->line = mem_realloc(c->line, c->size + size + 1);
	memcpy(c->line + c->size, data, size);
	c->size += size;
	while ((end = memchr(c->line + searched, '\n', c->size - searched))) {
		size_t used = (size_t)(end - c->line) + 1;

		*end = 0;
		if (strlen(c->line) != used - 1) {
			drop(c);
			return;
		}
		commands_serve(&who, c->line);
		if (c->id != id)
			return; /* closed while it was served */
		c->size -= used;
		memmove(c->line, end + 1, c->size);
		searched = 0;
	}
	if (c->size > WORDS_LINE_MAX) {
		asker_refuse(&who, "request is too long");
		drop(c);
	}
}

static void on_close(void *ud, int id, int error, const char *why)
{
	struct connection *c = find(id);

	if (c)
		forget(c);
	net_close(id);
}

static const struct net_handler connection_handler = { .purpose = "control",
						       .on_data = on_data,
						       .on_close = on_close };

static void on_accept(void *ud, int id, int new_id, const char *peer)
{
	long uid = net_peer_uid(new_id);
	struct connection *c;

	if (uid != 0 && uid != (long)geteuid()) {
		log_warning("control socket: uid %ld is not served", uid);
		net_close(new_id);
		return;
	}
	c = room();
	*c = (struct connection){ .id = new_id, .serial = ++serials };
	net_set_limit(new_id, QUEUE_MAX);
	if (net_start_handler(new_id, &connection_handler, NULL) < 0)
		drop(c);
}

static void on_listener_close(void *ud, int id, int error, const char *why)
{
	log_error("control socket %s failed: %s", path, why ? why : "closed");
	net_close(id);
}

static const struct net_handler listen_handler = { .purpose = "control",
						   .on_accept = on_accept,
						   .on_close = on_listener_close };

/* ---- life ---- */

/* Listens on `path`. Returns 0 or -errno. */
static int open_path(struct net_error *ret_error)
{
	cleanup(mem_freep) char *address = mem_printf("unix:%s", path);

	listener = net_listen_handler(&listen_handler, NULL, address, -1, BACKLOG, ret_error);
	if (listener < 0)
		return listener;
	net_keep_descriptors(listener);
	/* the peer's uid is checked as well; this keeps strangers from filling the backlog */
	(void)chmod(path, 0600);
	return 0;
}

/* Returns error. */
static int refused(struct net_error *ret, const char *where, int error)
{
	snprintf(ret->text, sizeof(ret->text), "%s: %s", where, strerror(-error));
	return error;
}

static int open_named(const char *where, struct net_error *ret_error)
{
	if (strncmp(where, "unix:", 5) == 0)
		where += 5;
	if (snprintf(path, sizeof(path), "%s", where) >= (int)sizeof(path))
		return refused(ret_error, where, -ENAMETOOLONG);
	return open_path(ret_error);
}

static int open_in_place(unsigned place, const char *node, struct net_error *ret_error)
{
	int r = -EADDRINUSE;

	for (unsigned i = 1; i <= SOCKPATH_NUMBERS && r == -EADDRINUSE; i++) {
		r = sockpath_make(place, node, i, path);
		r = r == 0 ? open_path(ret_error) : refused(ret_error, path, r);
	}
	return r;
}

/* Why it failed is told of the first place that was for us. */
static int open_default(const char *node, struct net_error *ret_error)
{
	int first = refused(ret_error, "no place is for this user", -ENOENT), r = first;

	for (unsigned place = 0; place < SOCKPATH_PLACES && r < 0; place++) {
		struct net_error error;

		path[0] = 0;
		r = open_in_place(place, node, &error);
		if (r < 0 && first == -ENOENT && *path) {
			first = r;
			*ret_error = error;
		}
	}
	return r < 0 ? first : 0;
}

int admin_socket_open(const char *node, const char *where, char **ret_error)
{
	struct net_error error;
	int r;

	must(node && listener <= 0);
	r = where ? open_named(where, &error) : open_default(node, &error);
	if (r == 0) {
		log_info("control socket %s", path);
		return 0;
	}
	*ret_error = mem_printf("control socket: %s", error.text);
	listener = 0;
	path[0] = 0;
	return r;
}

void admin_socket_close(void)
{
	if (listener > 0)
		net_close(listener);
	listener = 0;
	path[0] = 0;
}

const char *admin_socket_path(void)
{
	return path;
}

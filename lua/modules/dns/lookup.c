/* SPDX-License-Identifier: MIT */
/*
 * c-ares with sockets that are only numbers: its socket functions append to the list of actions and
 * read from what was handed in.
 *
 * Each question has a channel of its own. So it has source ports of its own, which nobody can guess
 * together with the id, and ends with all that belongs to it. A channel is told everything that
 * c-ares would read from files, so making one reads none.
 */
#include "lua/modules/dns/lookup.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include "core/base/mem.h"
#include "core/base/must.h"
#include "core/ds/list.h"

#define EDNS_SIZE 1232 /* fits into one packet nearly everywhere */

/* Bytes that wait to be read. A read takes a whole datagram. */
struct chunk {
	struct chunk *next;
	size_t size, taken;
	char bytes[];
};

struct virtual
{
	bool used, stream, broken;
	struct sockaddr_in6 peer; /* or a sockaddr_in */
	size_t waiting;
	LIST_OF(struct chunk) inbox;
};

struct lookup {
	ares_channel channel;
	int family;
	bool processing, done;
	int status; /* ARES_* */
	struct lookup_answer answer;
	LIST_OF(struct lookup_action) actions;
	struct virtual at[LOOKUP_SOCKETS];
};

/* ---- what c-ares believes to be sockets ---- */

static struct virtual *find(struct lookup *l, int socket)
{
	return socket >= 0 && socket < LOOKUP_SOCKETS && l->at[socket].used ? &l->at[socket] : NULL;
}

static struct lookup_action *act(struct lookup *l, int what, int socket, size_t size)
{
	struct lookup_action *a = mem_zalloc(sizeof(*a) + size);

	a->what = what;
	a->socket = socket;
	a->size = size;
	list_append(&l->actions, a, next);
	return a;
}

static void empty(struct virtual *v)
{
	struct chunk *c;

	while ((c = list_take(&v->inbox, next)))
		mem_free(c);
	v->waiting = 0;
}

static int on_socket(int family, int type, int protocol, void *ud)
{
	struct lookup *l = ud;

	(void)family;
	(void)protocol;
	for (int i = 0; i < LOOKUP_SOCKETS; i++) {
		if (!l->at[i].used) {
			l->at[i] = (struct virtual){ .used = true, .stream = type == SOCK_STREAM };
			return i;
		}
	}
	errno = EMFILE;
	return -1;
}

static int on_close(int socket, void *ud)
{
	struct lookup *l = ud;
	struct virtual *v = find(l, socket);

	if (!v)
		return -1;
	empty(v);
	v->used = false;
	act(l, LOOKUP_CLOSE, socket, 0);
	return 0;
}

static int on_connect(int socket, const struct sockaddr *to, ares_socklen_t size, void *ud)
{
	struct lookup *l = ud;
	struct virtual *v = find(l, socket);
	struct lookup_action *a;

	if (!v || size > sizeof(a->to)) {
		errno = EINVAL;
		return -1;
	}
	a = act(l, v->stream ? LOOKUP_TCP : LOOKUP_UDP, socket, 0);
	memcpy(&a->to, to, size);
	v->peer = a->to;
	return 0;
}

static ares_ssize_t nothing(int error)
{
	errno = error;
	return -1;
}

static ares_ssize_t on_receive(int socket, void *to, size_t room, int flags, struct sockaddr *from,
			       ares_socklen_t *from_size, void *ud)
{
	struct lookup *l = ud;
	struct virtual *v = find(l, socket);
	struct chunk *c = v ? v->inbox.first : NULL;
	size_t n;

	(void)flags;
	if (!c)
		return !v || v->broken ? nothing(ECONNRESET) : nothing(EAGAIN);
	n = c->size - c->taken < room ? c->size - c->taken : room;
	memcpy(to, c->bytes + c->taken, n);
	c->taken += n;
	v->waiting -= n;
	if (from) {
		*from_size = v->peer.sin6_family == AF_INET ? sizeof(struct sockaddr_in)
							    : sizeof(v->peer);
		memcpy(from, &v->peer, *from_size);
	}
	if (v->stream && c->taken < c->size)
		return (ares_ssize_t)n;
	v->waiting -= c->size - c->taken;
	mem_free(list_take(&v->inbox, next));
	return (ares_ssize_t)n;
}

static ares_ssize_t on_send(int socket, const struct iovec *iov, int n, void *ud)
{
	struct lookup *l = ud;
	struct lookup_action *a;
	size_t size = 0;
	char *at;

	if (!find(l, socket) || find(l, socket)->broken)
		return nothing(ECONNRESET);
	for (int i = 0; i < n; i++)
		size += iov[i].iov_len;
	a = act(l, LOOKUP_SEND, socket, size);
	at = a->bytes;
	for (int i = 0; i < n; i++) {
		memcpy(at, iov[i].iov_base, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	return (ares_ssize_t)size;
}

/* ---- answers ---- */

static void note_ttl(struct lookup_answer *a, int ttl)
{
	if (a->count == 0 || ttl < a->ttl)
		a->ttl = ttl < 0 ? 0 : ttl;
}

static int read_v4(const unsigned char *bytes, int size, struct lookup_answer *ret)
{
	struct ares_addrttl at[LOOKUP_ADDRESSES];
	int n = LOOKUP_ADDRESSES;
	int r = ares_parse_a_reply(bytes, size, NULL, at, &n);

	for (int i = 0; r == ARES_SUCCESS && i < n; i++) {
		note_ttl(ret, at[i].ttl);
		memcpy(&ret->at[ret->count++], &at[i].ipaddr, sizeof(at[i].ipaddr));
	}
	return r;
}

static int read_v6(const unsigned char *bytes, int size, struct lookup_answer *ret)
{
	struct ares_addr6ttl at[LOOKUP_ADDRESSES];
	int n = LOOKUP_ADDRESSES;
	int r = ares_parse_aaaa_reply(bytes, size, NULL, at, &n);

	for (int i = 0; r == ARES_SUCCESS && i < n; i++) {
		note_ttl(ret, at[i].ttl);
		memcpy(&ret->at[ret->count++], &at[i].ip6addr, sizeof(at[i].ip6addr));
	}
	return r;
}

static void on_answer(void *ud, int status, int timeouts, unsigned char *bytes, int size)
{
	struct lookup *l = ud;

	(void)timeouts;
	if (status == ARES_SUCCESS)
		status = (l->family == AF_INET ? read_v4 : read_v6)(bytes, size, &l->answer);
	if (status == ARES_SUCCESS && !l->answer.count)
		status = ARES_ENODATA;
	l->status = status;
	l->done = true;
}

/* ---- for the owner ---- */

static int library_status;

static void init_library(void)
{
	library_status = ares_library_init(ARES_LIB_INIT_ALL);
}

static int open_channel(struct lookup *l, const char *servers, int timeout_ms, int tries)
{
	static const struct ares_socket_functions functions = { .asocket = on_socket,
								.aclose = on_close,
								.aconnect = on_connect,
								.arecvfrom = on_receive,
								.asendv = on_send };
	/* all of it, or c-ares reads files and the environment */
	struct ares_options o = { .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES |
					   ARES_FLAG_EDNS | ARES_FLAG_STAYOPEN,
				  .timeout = timeout_ms,
				  .tries = tries,
				  .ndots = 1,
				  .lookups = (char[]){ "b" },
				  .ednspsz = EDNS_SIZE,
				  .servers = &(struct in_addr){ 0 },
				  .nservers = 1 };
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS |
		   ARES_OPT_LOOKUPS | ARES_OPT_EDNSPSZ | ARES_OPT_SERVERS | ARES_OPT_DOMAINS |
		   ARES_OPT_SORTLIST | ARES_OPT_NOROTATE;
	int r = ares_init_options(&l->channel, &o, mask);

	if (r != ARES_SUCCESS)
		return r;
	ares_set_socket_functions(l->channel, &functions, l);
	return ares_set_servers_ports_csv(l->channel, servers);
}

struct lookup *lookup_start(const char *servers, const char *name, int family, int timeout_ms,
			    int tries, const char **ret_why)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct lookup *l;
	int r;

	must(family == AF_INET || family == AF_INET6);
	pthread_once(&once, init_library);
	l = mem_zalloc(sizeof(*l));
	l->family = family;
	r = library_status ? library_status : open_channel(l, servers, timeout_ms, tries);
	if (r != ARES_SUCCESS) {
		*ret_why = ares_strerror(r);
		lookup_destroy(l);
		return NULL;
	}
	ares_query(l->channel, name, C_IN, family == AF_INET ? T_A : T_AAAA, on_answer, l);
	return l;
}

void lookup_destroy(struct lookup *l)
{
	struct lookup_action *a;

	must(!l->processing);
	if (l->channel)
		ares_destroy(l->channel);
	while ((a = list_take(&l->actions, next)))
		mem_free(a);
	for (int i = 0; i < LOOKUP_SOCKETS; i++)
		empty(&l->at[i]);
	mem_free(l);
}

const struct lookup_action *lookup_action(const struct lookup *l)
{
	return l->actions.first;
}

void lookup_acted(struct lookup *l)
{
	mem_free(list_take(&l->actions, next));
}

static bool is_peer(const struct virtual *v, const struct sockaddr *from)
{
	const struct sockaddr_in *in = (const void *)&v->peer, *from_in = (const void *)from;
	const struct sockaddr_in6 *from_in6 = (const void *)from;

	if (v->stream || !from || from->sa_family != v->peer.sin6_family)
		return v->stream && !from;
	if (from->sa_family == AF_INET)
		return in->sin_port == from_in->sin_port &&
		       in->sin_addr.s_addr == from_in->sin_addr.s_addr;
	return v->peer.sin6_port == from_in6->sin6_port &&
	       memcmp(&v->peer.sin6_addr, &from_in6->sin6_addr, sizeof(v->peer.sin6_addr)) == 0;
}

void lookup_received(struct lookup *l, int socket, const struct sockaddr *from, const void *bytes,
		     size_t size)
{
	struct virtual *v = find(l, socket);
	struct chunk *c;

	/* what is too much is lost, as on any network; an empty read would be an end */
	if (!v || !is_peer(v, from) || size == 0 || v->waiting + size > LOOKUP_INBOX)
		return;
	c = mem_alloc(sizeof(*c) + size);
	c->next = NULL;
	c->size = size;
	c->taken = 0;
	memcpy(c->bytes, bytes, size);
	v->waiting += size;
	list_append(&v->inbox, c, next);
}

void lookup_broken(struct lookup *l, int socket)
{
	struct virtual *v = find(l, socket);

	if (v)
		v->broken = true;
}

static bool has_news(const struct virtual *v)
{
	return v->used && (v->inbox.first || v->broken);
}

void lookup_process(struct lookup *l)
{
	l->processing = true;
	for (int i = 0; i < LOOKUP_SOCKETS && !l->done; i++) {
		if (has_news(&l->at[i]))
			ares_process_fd(l->channel, i, ARES_SOCKET_BAD);
		if (l->at[i].used && l->at[i].stream) /* it can always be written */
			ares_process_fd(l->channel, ARES_SOCKET_BAD, i);
	}
	if (!l->done)
		ares_process_fd(l->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	l->processing = false;
}

long lookup_timeout_ms(const struct lookup *l)
{
	struct timeval room, *t = l->done ? NULL : ares_timeout(l->channel, NULL, &room);

	return t ? t->tv_sec * 1000 + t->tv_usec / 1000 + 1 : -1;
}

const struct lookup_answer *lookup_finished(const struct lookup *l, const char **ret_why)
{
	*ret_why = l->status == ARES_SUCCESS ? NULL : ares_strerror(l->status);
	return l->done ? &l->answer : NULL;
}

bool lookup_bad_name(const struct lookup *l)
{
	return l->done && l->status == ARES_EBADNAME;
}
